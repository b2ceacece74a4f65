from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.simulation.shop_lists import LIST_LENGTH, LIST_SHARE, VARIANTS, sees_personal, show_lists
from jobs.simulation.shop_tastes import ShopSize
from jobs.simulation.simulate_shop import run

POPULARITY = np.array([0.5, 0.2, 0.1, 0.1, 0.06, 0.04, 0.0], dtype=np.float32)
USERS = 4_000
LIST = ["request_id", "user_id", "surface", "experiment", "variant"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The log of a shop where every column is read as its type."""
    folder = tmp_path_factory.mktemp("listed") / "shop"
    run(ShopSize(users=400, items=150, days=15, seed=5, start=date(2026, 1, 1)), folder)
    frames = [pl.read_csv(file, infer_schema_length=None) for file in sorted((folder / "events").iterdir())]
    return pl.concat(frames).with_columns(pl.col("occurred_at").str.to_datetime("%+", time_zone="UTC"))


def test_a_propensity_is_the_chance_at_the_place_given_those_before() -> None:
    shown = show_lists(
        np.zeros((USERS, len(POPULARITY)), np.float32), POPULARITY, np.zeros(USERS, bool), np.random.default_rng(1)
    )
    items = shown.item.reshape(-1, LIST_LENGTH)
    propensities = shown.propensity.reshape(-1, LIST_LENGTH)
    taken = np.cumsum(POPULARITY[items], axis=1) - POPULARITY[items]
    assert np.allclose(propensities, POPULARITY[items] / (1 - taken), rtol=1e-4)
    assert shown.position.reshape(-1, LIST_LENGTH)[0].tolist() == [1, 2, 3, 4, 5]
    first_shares = np.bincount(items[:, 0], minlength=len(POPULARITY)) / len(items)
    assert np.allclose(first_shares, POPULARITY, atol=0.04)
    assert len(items) == pytest.approx(USERS * LIST_SHARE, rel=0.1)


def test_an_item_that_is_not_on_sale_is_never_shown_nor_any_item_twice() -> None:
    taste = np.ones((USERS, len(POPULARITY)), np.float32)
    shown = show_lists(taste, POPULARITY, np.ones(USERS, bool), np.random.default_rng(1))
    assert 6 not in shown.item
    assert all(len(set(items)) == LIST_LENGTH for items in shown.item.reshape(-1, LIST_LENGTH).tolist())


def test_a_catalogue_shorter_than_a_list_is_shown_whole() -> None:
    shown = show_lists(np.zeros((50, 2), np.float32), POPULARITY[:2], np.zeros(50, bool), np.random.default_rng(1))
    assert set(shown.position.tolist()) == {1, 2}


def test_an_arm_is_a_users_own_and_half_of_them_have_it() -> None:
    ids = [f"user-{number}" for number in range(2_000)]
    assert sees_personal(ids).mean() == pytest.approx(0.5, abs=0.04)
    assert sees_personal(ids[5:6])[0] == sees_personal(ids)[5]


def test_what_a_list_led_to_names_its_request_and_comes_after_it(events: pl.DataFrame) -> None:
    shown = events.filter(pl.col("event_type") == "impression")
    answers = events.filter(pl.col("request_id").is_not_null() & (pl.col("event_type") != "impression"))
    joined = answers.join(shown, on=[*LIST, "item_id"], how="left", suffix="_shown")
    assert set(answers["event_type"]) == {"click", "add_to_cart", "purchase"}
    assert joined.select((pl.col("occurred_at_shown") < pl.col("occurred_at")).fill_null(value=False).all()).item()
    assert not shown.select(LIST).null_count().sum_horizontal().item()
    assert shown.group_by("request_id").agg(pl.col("position").sort())["position"].to_list() == (
        [[1, 2, 3, 4, 5]] * shown["request_id"].n_unique()
    )


def test_a_user_stays_in_one_arm_and_personal_lists_are_clicked_more(events: pl.DataFrame) -> None:
    shown = events.filter(pl.col("event_type") == "impression")
    assert shown.group_by("user_id").agg(pl.col("variant").n_unique())["variant"].to_list() == (
        [1] * shown["user_id"].n_unique()
    )
    clicks = events.filter((pl.col("event_type") == "click") & pl.col("request_id").is_not_null())
    rates = {
        variant: clicks.filter(pl.col("variant") == variant).height / shown.filter(pl.col("variant") == variant).height
        for variant in VARIANTS
    }
    assert rates["personal"] > 2 * rates["popular"] > 0


def test_what_belongs_to_no_list_says_so(events: pl.DataFrame) -> None:
    organic = events.filter(pl.col("request_id").is_null())
    assert {"view", "click", "purchase", "rating", "return"} <= set(organic["event_type"])
    assert organic.select("surface", "experiment", "variant", "position", "propensity").null_count().row(0) == (
        (organic.height,) * 5
    )


def test_snapshots_do_not_give_the_arm_away(tmp_path: Path) -> None:
    run(ShopSize(users=20, items=20, days=3, seed=1, start=date(2026, 1, 1)), tmp_path / "shop")
    for file in (tmp_path / "shop" / "users").iterdir():
        assert "variant" not in pl.read_csv(file).columns
    assert "variant" in pl.read_parquet(tmp_path / "shop" / "ground_truth" / "users.parquet").columns
