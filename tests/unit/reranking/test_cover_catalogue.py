"""Who explores what: a planted case with one right answer, and the promises on any case."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.reranking.cheapest_users import CheapestUsers, Offers, join_offers, ranks_in_groups
from jobs.reranking.cover_catalogue import cover_catalogue, places_to_spend
from jobs.reranking.give_places import GivenPlaces
from reco_contracts.list_settings import CoverageSection


def offers_of(rows: list[tuple[int, int, float]]) -> Offers:
    items, users, relevance = zip(*sorted(rows), strict=True) if rows else ((), (), ())
    return Offers(np.array(items, dtype=np.int32), np.array(users, dtype=np.int64), np.array(relevance, dtype="f4"))


def given_of(losses: list[list[float]]) -> GivenPlaces:
    array = np.array(losses, dtype=np.float32)
    places = np.where(np.isnan(array), -1, np.arange(array.shape[1])).astype(np.int16)
    return GivenPlaces(places, np.nan_to_num(array), np.full(array.shape, 0.5, dtype=np.float32))


def test_each_item_goes_to_the_user_who_minds_least_and_not_both_to_the_same() -> None:
    # Both items suit user 0 best; item 11 has nobody else, so item 10 goes to the next best, not to the third.
    offers = offers_of([(10, 0, 0.9), (10, 1, 0.8), (10, 2, 0.1), (11, 0, 0.5), (12, 3, 1.0)])
    given_ = given_of([[0.4], [0.4], [0.4], [np.nan]])
    chosen = cover_catalogue(offers, np.zeros(20, dtype=np.int64), given_, CoverageSection(share=0.1), 5)
    assert [(int(user), int(item)) for user, item in zip(chosen.users, chosen.items, strict=True)] == [(0, 11), (1, 10)]


def test_an_item_is_shown_by_so_many_lists_and_all_once_before_one_twice() -> None:
    offers = offers_of([(item, user, 0.5) for item in (0, 1, 2) for user in range(6)])
    exposure = np.array([0, 1, 0], dtype=np.int64)
    rules = CoverageSection(share=0.5, min_lists=2)
    given_ = given_of([[0.1 * user] for user in range(6)])
    chosen = cover_catalogue(offers, exposure, given_, rules, 5)
    assert np.bincount(chosen.items).tolist() == [2, 1, 2]
    assert len(set(chosen.users.tolist())) == 5
    once = cover_catalogue(offers, exposure, given_, rules, 2)
    assert once.items.tolist().count(1) == 0
    assert sorted(once.items.tolist()) == [0, 2]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"share": 0.5, "goal": 1.0}, 60),
        ({"share": 0.05, "goal": 1.0}, 50),
        ({"share": 0.5, "goal": 0.8}, 40),
        ({"share": 0.5, "goal": 0.3}, 0),
        ({"share": 0.5, "goal": 1.0, "min_lists": 2}, 60 + 80),
    ],
)
def test_no_more_is_spent_than_the_goal_needs_or_the_budget_has(rules: dict, expected: int) -> None:
    exposure = np.concatenate((np.zeros(60), np.ones(20), np.full(20, 2), np.zeros(50))).astype(np.int64)
    is_available = np.arange(150) < 100
    assert places_to_spend(exposure, is_available, 100, 10, CoverageSection(**rules)) == expected


def test_few_users_are_asked_for_a_quarter_of_their_places() -> None:
    exposure, is_available = np.zeros(1_000, dtype=np.int64), np.ones(1_000, dtype=bool)
    assert places_to_spend(exposure, is_available, 20, 10, CoverageSection(share=0.5, goal=0.8)) == 40


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3), st.integers(0, 30))
def test_budget_capacity_and_demand_are_kept(seed: int, turns: int, min_lists: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    cells = np.unique(rng.integers(0, 12 * 10, size=80))
    offers = offers_of([(cell // 10, cell % 10, float(rng.random())) for cell in cells.tolist()])
    exposure = rng.integers(0, 4, size=12)
    losses = rng.random((10, turns))
    losses[rng.random(losses.shape) < 0.2] = np.nan
    chosen = cover_catalogue(offers, exposure, given_of(losses.tolist()), CoverageSection(min_lists=min_lists), most)
    pairs = list(zip(chosen.users.tolist(), chosen.items.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) <= most
    assert (np.bincount(chosen.users, minlength=10) <= (~np.isnan(losses)).sum(axis=1)).all()
    assert (exposure + np.bincount(chosen.items, minlength=12) <= np.maximum(exposure, min_lists)).all()
    slots = list(zip(chosen.users.tolist(), chosen.places.tolist(), strict=True))
    assert len(set(slots)) == len(slots)
    assert not any(np.isnan(losses[slot]) for slot in slots)


def test_the_cheapest_users_do_not_depend_on_the_blocks_they_came_in() -> None:
    rng = np.random.default_rng(1)
    items, users, keys = rng.integers(0, 9, 2_000).astype(np.int32), np.arange(2_000), rng.random(2_000)
    offers = Offers(items, users, keys.astype(np.float32))
    found = []
    for size in (2_000, 300, 7):
        cheapest = CheapestUsers(9, 5)
        for start in range(0, 2_000, size):
            cheapest.add(offers.where(np.arange(start, min(start + size, 2_000))), keys[start : start + size])
        found.append(cheapest.of(np.arange(9) != 4))
    for one in found:
        for item in range(9):
            expected = [] if item == 4 else sorted(users[items == item], key=lambda user: keys[user])[:5]
            assert one.users[one.items == item].tolist() == expected


def test_ranks_begin_again_in_each_group() -> None:
    assert ranks_in_groups(np.array([3, 3, 3, 5, 9, 9])).tolist() == [0, 1, 2, 0, 0, 1]
    assert not len(ranks_in_groups(np.zeros(0, dtype=np.int64)))
    assert not len(join_offers([]).items)
