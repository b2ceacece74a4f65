"""Coverage end to end on the small shop: what is spent, on whom, and what stays true of the lists."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_shop import COLD, GONE, N_ITEMS, N_USERS, RUN_DATE, items_frame

from jobs.evaluation import evaluate_models
from jobs.publishing.read_lists import read_lists_manifest
from jobs.ranking import fold_in_users, make_home_lists, rank_lists, train_model
from jobs.ranking.explored_items import EXPLORED_FILE

FIRST = 5
NOW = datetime(2026, 4, 2, tzinfo=UTC)
SPENT = {"share": 0.4, "goal": 1.0}
DIVERSE = {"first": FIRST, "candidates": 15}


class Ranked:
    """A generation of the small shop, ranked with some settings."""

    def __init__(self, shop: Any) -> None:
        self.settings = shop.settings
        self.shop = shop
        self.summary = rank_lists.run(RUN_DATE, shop.settings)
        self.generation = self.summary["generation"]
        self.folder = shop.settings.layout.lists / self.generation
        self.lists = pl.read_parquet(shop.settings.layout.list_file(self.generation, "home", "default"))

    @property
    def heads(self) -> list[list[int]]:
        return [items[:FIRST] for items in self.lists["item_indices"].to_list()]

    @property
    def explored(self) -> pl.DataFrame:
        """Users and items."""
        return pl.read_parquet(self.folder / EXPLORED_FILE, columns=["subject", "item"])


@pytest.fixture
def rank_with(make_shop) -> Callable[..., Ranked]:
    trained = []

    def rank(**sections: Any) -> Ranked:
        gone = {GONE: {"available_until": datetime(2026, 3, 31, 9, tzinfo=UTC)}}
        shop = make_shop(items=items_frame(gone), **({"diversity": DIVERSE} | sections))
        if not trained:
            evaluate_models.run(RUN_DATE, shop.settings)
            trained.append(train_model.run(RUN_DATE, shop.settings))
        return Ranked(shop)

    return rank


def indices_of(*items: str) -> set[int]:
    return {int(item[-2:]) for item in items}


def test_everything_on_sale_is_among_the_first_places_of_somebody(rank_with) -> None:
    before, after = rank_with(), rank_with(coverage=SPENT)
    shown_before, shown_after = (set().union(*ranked.heads) for ranked in (before, after))
    assert len(shown_before) < N_ITEMS - 1
    assert shown_after == set(range(N_ITEMS)) - indices_of(GONE)
    assert indices_of(COLD) <= shown_after - shown_before
    assert after.summary["places_spent"] == N_ITEMS - 1 - len(shown_before) == len(after.explored)
    assert after.summary["coverage_before"]["distinct_items"] >= len(shown_before)


def test_the_manifest_says_what_was_spent_and_what_came_of_it(rank_with) -> None:
    ranked = rank_with(coverage=SPENT)
    measured = read_lists_manifest(ranked.settings.layout, ranked.generation).measured
    assert measured == {key: ranked.summary[key] for key in measured}
    assert measured["coverage"] == {"value": 1.0, "distinct_items": 39, "of": 39, "is_bounded_by_users": False}
    assert 0 < measured["diversity"]["share_of_lists"] <= 1


def test_nothing_is_spent_by_default(rank_with) -> None:
    ranked = rank_with(coverage={"share": 0.0})
    assert not (ranked.folder / EXPLORED_FILE).exists()
    assert ranked.summary["places_spent"] == 0
    assert ranked.summary["coverage"] == ranked.summary["coverage_before"]


@pytest.mark.parametrize("most", [1, 2])
def test_a_list_gives_up_its_last_places_alone_and_few_of_them(rank_with, most: int) -> None:
    before, after = rank_with(), rank_with(coverage=SPENT | {"most_per_list": most})
    explored = dict(after.explored.group_by("subject").agg("item").iter_rows())
    assert max(map(len, explored.values())) <= most
    for subject, old, new in zip(after.lists["subject"], before.heads, after.heads, strict=True):
        items = explored.get(subject, [])
        assert new == old[: FIRST - len(items)] + items


def test_the_budget_is_a_share_of_the_first_places(rank_with) -> None:
    ranked = rank_with(coverage={"share": 0.02, "goal": 1.0, "min_lists": 8})
    assert ranked.summary["places_spent"] == int(0.02 * N_USERS * FIRST)


def test_nothing_that_was_bought_or_is_gone_is_explored_and_no_list_loses_an_item(rank_with) -> None:
    ranked = rank_with(coverage=SPENT | {"min_lists": 3, "share": 0.5})
    bought = dict(ranked.shop.interactions.group_by("user_id").agg("item_id").iter_rows())
    for subject, item in ranked.explored.iter_rows():
        assert f"item-{item:02d}" not in bought[subject]
        assert f"item-{item:02d}" != GONE
    assert all(len(set(items)) == len(items) == 8 for items in ranked.lists["item_indices"].to_list())
    counts = np.bincount(np.concatenate(ranked.heads), minlength=N_ITEMS)
    assert (np.delete(counts, sorted(indices_of(GONE))) >= 3).all()


def test_an_item_goes_to_those_whose_taste_it_is(rank_with) -> None:
    explored = rank_with(coverage=SPENT).explored
    is_taste = [int(subject[-2:]) % 2 == item % 2 for subject, item in explored.iter_rows() if item != 39]
    assert sum(is_taste) >= 0.9 * len(is_taste)


def test_the_size_of_a_block_changes_nothing(rank_with, monkeypatch) -> None:
    whole = rank_with(coverage=SPENT)
    monkeypatch.setattr(make_home_lists, "BLOCK_USERS", 7)
    parts = rank_with(coverage=SPENT)
    assert parts.explored.equals(whole.explored)
    assert parts.lists["item_indices"].equals(whole.lists["item_indices"])


def test_a_user_folded_in_alone_explores_what_the_full_ranking_gave_them(rank_with) -> None:
    ranked = rank_with(coverage=SPENT)
    users = ranked.explored["subject"].unique().sort()[:3].to_list()
    for user in users:
        summary = fold_in_users.run(ranked.settings, NOW, generation=ranked.generation, users=[user])
        alone = pl.read_parquet(summary["file"])
        full = ranked.lists.filter(pl.col("subject") == user)
        assert alone.drop("scores").equals(full.drop("scores"))
        assert alone["scores"][0].to_list() == pytest.approx(full["scores"][0].to_list(), rel=1e-5, abs=1e-6)


def test_what_a_user_has_bought_since_is_not_put_into_their_list_again(rank_with, tmp_path) -> None:
    ranked = rank_with(coverage=SPENT)
    user, item = ranked.explored.row(0)
    events = tmp_path / "events.csv"
    events.write_text(
        f"user_id,item_id,event_type,occurred_at,value\n{user},item-{item:02d},purchase,2026-04-01T08:00:00Z,1\n"
    )
    summary = fold_in_users.run(ranked.settings, NOW, generation=ranked.generation, events=events)
    assert item not in pl.read_parquet(summary["file"])["item_indices"][0].to_list()
