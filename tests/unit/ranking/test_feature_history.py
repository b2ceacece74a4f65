"""Features as of a cut know nothing of what comes after it."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from small_shop import RUN_DATE, interaction, interactions_frame, items_frame, shop_rows, users_frame

from jobs.ranking.feature_history import FeatureValues, numeric_features
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.training_data import training_data
from reco_contracts.columns import ITEM_FEATURES, USER_FEATURES


def indexed(rows: pl.DataFrame, as_of: date = RUN_DATE) -> Interactions:
    history = rows.with_columns(pl.col("weight").cast(pl.Float64)).sort("user_id", "item_id", "event_date")
    people = users_frame(history["user_id"].unique().to_list())
    return training_data(history, items_frame(), people, as_of)[1]


def values_of(data: Interactions) -> FeatureValues:
    assert data.features is not None
    return data.features.values()


def assert_same(one: FeatureValues, other: FeatureValues) -> None:
    for name in FeatureValues.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture(scope="module")
def shop() -> Interactions:
    return indexed(interactions_frame(shop_rows()))


@pytest.mark.parametrize("days", [1, 9, 40])
def test_a_cut_in_the_past_knows_what_was_known_then(days: int) -> None:
    """The same users, asked about with their future in the log and without it."""
    rows = shop_rows()
    cut = RUN_DATE - timedelta(days=days)
    whole = indexed(interactions_frame(rows))
    past = indexed(interactions_frame([row for row in rows if row["event_date"] <= cut]), cut)
    assert whole.n_users == past.n_users
    assert whole.features is not None
    assert_same(whole.features.before(days).values(), values_of(past))


def test_later_rows_change_nothing_before_a_cut(shop: Interactions) -> None:
    later = [interaction(RUN_DATE, f"user-{user:02d}", "item-20", purchases=50) for user in range(0, 80, 3)]
    rows = {(row["event_date"], row["user_id"], row["item_id"]): row for row in [*shop_rows(), *later]}
    busier = indexed(interactions_frame(list(rows.values())))
    assert shop.features is not None
    assert busier.features is not None
    assert not np.array_equal(shop.features.values().items, busier.features.values().items)
    assert_same(shop.features.before(1).values(), busier.features.before(1).values())


def test_rows_that_are_held_out_are_as_if_they_had_not_happened(shop: Interactions) -> None:
    """Whichever rows, of whichever users, also where the users were numbered anew."""
    held = np.arange(len(shop.users)) % 5 == 0
    kept = pl.DataFrame(shop_rows()).drop("weight")
    names = [f"user-{user:02d}" for user in range(80)]
    gone = {
        (names[user], f"item-{item:02d}", RUN_DATE - timedelta(days=int(age)))
        for user, item, age in zip(shop.users[held], shop.items[held], shop.age_days[held], strict=True)
    }
    rest = [row for row in shop_rows() if (row["user_id"], row["item_id"], row["event_date"]) not in gone]
    assert len(rest) == len(kept) - held.sum()
    expected = values_of(indexed(interactions_frame(rest)))
    assert shop.features is not None
    cut = shop.features.without(shop.users[held], shop.items[held], shop.age_days[held])
    assert_same(cut.values(), expected)
    backwards = shop.of_users(np.arange(80)[::-1])
    held = np.isin(
        backwards.items.astype(np.int64) * 1_000 + backwards.age_days + (79 - backwards.users) * 1_000_000,
        shop.items[held].astype(np.int64) * 1_000 + shop.age_days[held] + shop.users[held] * 1_000_000,
    )
    assert backwards.features is not None
    other = backwards.features.without(backwards.users[held], backwards.items[held], backwards.age_days[held])
    assert_same(other.values(), expected.of_users(np.arange(80)[::-1]))


def test_some_users_have_the_features_that_they_had_among_all(shop: Interactions) -> None:
    rows = np.array([41, 3, 3], dtype=np.int64)
    some = values_of(shop.of_users(rows).of_users(np.array([1, 0])))
    everybody = values_of(shop)
    np.testing.assert_array_equal(some.users, everybody.users[[3, 41]])
    np.testing.assert_array_equal(some.top_categories, everybody.top_categories[[3, 41]])
    np.testing.assert_array_equal(some.items, everybody.items)


def test_somebody_of_whom_nothing_was_known_yet_has_no_numbers(shop: Interactions) -> None:
    assert shop.features is not None
    long_ago = shop.features.before(400).values()
    assert long_ago.users.shape == (shop.n_users, len(numeric_features(USER_FEATURES)))
    assert long_ago.items.shape == (shop.n_items, len(numeric_features(ITEM_FEATURES)))
    assert np.isnan(long_ago.users).all()
    assert (long_ago.top_categories == -1).all()


def test_a_top_category_has_the_code_that_the_content_gives_it(shop: Interactions) -> None:
    """In this shop everybody's favourite is a category of the own taste."""
    assert shop.content is not None
    tops = values_of(shop).top_categories
    used = np.flatnonzero(tops >= 0)
    assert len(used) > 40
    for user in used:
        own = shop.items[(shop.users == user) & (shop.age_days < 30)]
        assert tops[user] in shop.content.categories[own]


def test_values_are_numbers_that_do_not_depend_on_the_order_of_threads(shop: Interactions) -> None:
    assert shop.features is not None
    again = [shop.features.before(5).values() for _ in range(5)]
    for other in again[1:]:
        assert_same(again[0], other)
