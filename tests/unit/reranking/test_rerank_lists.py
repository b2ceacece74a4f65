"""Lists chosen many at a time are those that plain definitions choose one at a time, and limits hold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from small_pools import N_ITEMS, Case, cases, pool_of, pools, traits_drawn

from jobs.evaluation.ranking_metrics import diversity as diversity_of
from jobs.reranking import rerank_lists
from jobs.reranking.draft import Draft, Source
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.limits import Limit
from jobs.reranking.rerank_lists import hold_limits, rerank
from reco_contracts.list_settings import DiversitySection

METHODS = ("mmr", "calibrated", "dpp")
# Gains are float32, and logarithms of determinants sum up to ten of them.
EXACT = 2e-5


def chosen_by(method: str = "none", **keys: Any) -> DiversitySection:
    """A method with the given keys alone, and no limit."""
    return DiversitySection(**({"method": method, "min_categories": 0} | keys))


def reranked(case: Case, threads: int = 1) -> Draft:
    return rerank(case.pool, case.k, case.traits, case.diversity, case.limits, case.boosts, case.mixes, threads)


def check_each_place(case: Case) -> None:
    """Replay each list by the plain definition: no other candidate may have been better, nor as good and earlier."""
    lists = reranked(case)
    for row in range(len(case.pool.items)):
        plain, chosen = case.plain(row), []
        length = min(case.k, len(plain.items))
        assert (lists.items[row, length:] == -1).all()
        for item in lists.items[row, :length].tolist():
            place, free = plain.items.index(item), plain.open_places(chosen, case.k)
            assert place in free
            gains = {one: plain.gain(chosen, one) for one in free}
            assert gains[place] >= max(gains.values()) - EXACT
            assert not [one for one in free if one < place and is_twin(plain, one, place)]
            chosen.append(place)


def is_twin(plain, one: int, other: int) -> bool:
    """Whether nothing but the order of the pool can tell two candidates apart."""
    traits, items = plain.traits, plain.items
    codes = (traits.categories, *traits.levels.T, traits.sellers)
    same = all(column[items[one]] == column[items[other]] >= 0 for column in codes if (column >= 0).any())
    return same and plain.relevance[one] == plain.relevance[other]


@settings(max_examples=60, deadline=None)
@given(cases(("mmr",), is_limited=False))
def test_mmr_takes_what_the_plain_definition_takes(case: Case) -> None:
    check_each_place(case)


@settings(max_examples=60, deadline=None)
@given(cases(("calibrated",), is_limited=False))
def test_calibration_takes_what_least_diverges_from_the_wanted_mix(case: Case) -> None:
    check_each_place(case)


@settings(max_examples=60, deadline=None)
@given(cases(("dpp",), is_limited=False))
def test_the_determinantal_process_takes_what_makes_the_determinant_largest(case: Case) -> None:
    check_each_place(case)


@settings(max_examples=120, deadline=None)
@given(cases(("none", *METHODS), is_limited=True))
def test_limits_hold_back_what_the_plain_definition_holds_back(case: Case) -> None:
    check_each_place(case)


@settings(max_examples=60, deadline=None)
@given(cases(("none", *METHODS), is_limited=True))
def test_the_first_places_keep_the_limits_of_diversity_where_the_pool_can(case: Case) -> None:
    """Counted from the outside, on finished lists, where no rule of another kind stands in the way."""
    case = replace(case, limits=())
    lists = reranked(case)
    for row in range(len(lists.items)):
        plain = case.plain(row)
        kinds = dict(zip(plain.items, map(plain.kind, range(len(plain.items))), strict=True))
        places = min(case.diversity.first, case.k, len(plain.items))
        listed = [kinds[item] for item in lists.items[row, :places].tolist()]
        most, everything = case.diversity.max_per_category or N_ITEMS, list(kinds.values())
        if sum(min(everything.count(kind), most) for kind in set(everything)) >= places:
            assert all(listed.count(kind) <= most for kind in listed)
        found, possible = (sum(kind[0] == "category" for kind in set(some)) for some in (listed, everything))
        assert found >= min(case.diversity.min_categories, possible, places)


@settings(max_examples=40, deadline=None)
@given(cases(("none", *METHODS), is_limited=True))
def test_a_list_does_not_depend_on_who_else_is_ranked(case: Case) -> None:
    together = reranked(case, threads=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rerank_lists, "_CACHE_NUMBERS", 1)  # each list a block
        for column, other in zip(together[1:], reranked(case, threads=2)[1:], strict=True):
            assert np.array_equal(column, other)
    for row in range(len(case.pool.items)):
        alone = reranked(case.rows(slice(row, row + 1)))
        assert np.array_equal(alone.items[0], together.items[row])


@settings(max_examples=40, deadline=None)
@given(pools(), traits_drawn(), st.sampled_from(("none", *METHODS)), st.integers(1, 12), st.sampled_from((0, 10)))
def test_without_strength_a_list_is_the_first_of_its_pool(
    pool: Draft, traits: ItemTraits, method: str, k: int, most: int
) -> None:
    """Also where it is chosen place by place, under a limit that every list keeps."""
    chosen = DiversitySection(method=method, strength=0, min_categories=0, max_per_category=most)
    lists = rerank(pool, k, traits, chosen)
    assert np.array_equal(lists.items, pool.items[:, :k])
    assert np.array_equal(lists.scores, pool.scores[:, :k])
    assert np.array_equal(lists.sources, pool.sources[:, :k])


@pytest.fixture
def narrow_pool() -> tuple[Draft, ItemTraits]:
    """Two hundred candidates of 20 categories in departments of four; the best thirty are all of two categories."""
    rng = np.random.default_rng(3)
    categories = np.concatenate((np.arange(30) % 2, rng.integers(0, 20, 170))).astype(np.int32)
    levels = np.column_stack((categories // 4, categories, np.full(200, -1))).astype(np.int32)
    none = np.full(200, -1, dtype=np.int32)
    traits = ItemTraits(categories, tuple(map(str, range(20))), levels, none, none)
    items = [[*rng.permutation(30).tolist(), *(30 + rng.permutation(170)).tolist()] for _ in range(50)]
    scores = [np.sort(rng.gamma(1.0, 1.0, 200))[::-1].tolist() for _ in range(50)]
    return pool_of(items, scores, [200] * 50), traits


@pytest.mark.parametrize("method", METHODS)
def test_with_next_to_no_strength_a_list_is_the_first_of_its_pool(narrow_pool, method: str) -> None:
    pool, traits = narrow_pool
    lists = rerank(pool, 50, traits, chosen_by(method=method, strength=1e-9))
    assert np.array_equal(lists.items, pool.items[:, :50])


@pytest.mark.parametrize("method", METHODS)
def test_diversity_rises_with_strength_and_relevance_falls(narrow_pool, method: str) -> None:
    """Nobody has a history, so that a calibrated list wants every category alike."""
    pool, traits = narrow_pool
    values, relevances = [], []
    for strength in (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 1.0):
        lists = rerank(pool, 10, traits, chosen_by(method=method, strength=strength))
        values.append(diversity_of(lists.items, traits.categories))
        relevances.append(float(lists.scores.mean()))
    assert values == sorted(values)
    assert relevances == sorted(relevances, reverse=True)
    assert values[0] == pytest.approx(0.2)
    assert values[-1] == pytest.approx(1.0)


def test_a_calibrated_list_has_the_mix_of_the_history(narrow_pool) -> None:
    pool, traits = narrow_pool
    shares = np.zeros((50, 20), dtype=np.float32)
    shares[:, 5], shares[:, 11] = 0.7, 0.3
    sure = chosen_by(method="calibrated", strength=0.99, exploration=0.0)
    lists = rerank(pool, 10, traits, sure, mixes=csr_matrix(shares))
    counts = np.array([np.bincount(traits.categories[items], minlength=20) for items in lists.items])
    # Seven and three; the plain optimum, place by place, is the same.
    assert (counts[:, 5] == np.minimum(7, (traits.categories == 5).sum())).all()
    assert (counts[:, 11] == 3).all()


def test_exploration_brings_what_the_history_does_not_have(narrow_pool) -> None:
    pool, traits = narrow_pool
    shares = np.zeros((50, 20), dtype=np.float32)
    shares[:, 0] = 1
    distinct = []
    for exploration in (0.0, 0.3, 1.0):
        chosen = chosen_by(method="calibrated", strength=0.9, exploration=exploration)
        lists = rerank(pool, 10, traits, chosen, mixes=csr_matrix(shares))
        distinct.append(diversity_of(lists.items, traits.categories))
    assert distinct[0] < distinct[1] < distinct[2]


def test_a_limit_keeps_all_but_two_of_a_seller_behind_the_first_places(narrow_pool) -> None:
    pool, traits = narrow_pool
    sellers = np.where(np.arange(200) < 30, 0, np.arange(200)).astype(np.int32)
    lists = rerank(pool, 50, traits, chosen_by(), (Limit("seller", sellers, 2, 10),))
    assert ((sellers[lists.items[:, :10]] == 0).sum(axis=1) == 2).all()
    # Right behind the first places come those that were held back, still in the model's order.
    assert (sellers[lists.items[:, 10:38]] == 0).all()
    assert (np.diff(lists.scores[:, 10:], axis=1) <= 0).all()


def test_a_list_stays_full_where_its_pool_breaks_every_limit(narrow_pool) -> None:
    pool, traits = narrow_pool
    one_seller = (Limit("seller", np.zeros(200, dtype=np.int32), 1, 10),)
    lists = rerank(pool, 50, traits, chosen_by(method="mmr", max_per_category=2), one_seller)
    assert (lists.items >= 0).all()
    assert all(len(set(items)) == 50 for items in lists.items.tolist())


def test_what_a_pool_cannot_give_is_not_asked_of_its_first_places(narrow_pool) -> None:
    """Thirty candidates of two categories: the second one is due at the last place, and no earlier."""
    pool, traits = narrow_pool
    by_category = np.argsort(traits.categories[pool.items[:, :30]], axis=1, kind="stable")
    pool = Draft(pool.subjects, *(np.take_along_axis(column, by_category, axis=1) for column in pool[1:]))
    lists = rerank(pool, 10, traits, chosen_by(min_categories=5))
    assert np.array_equal(lists.items[:, :9], pool.items[:, :9])
    assert (traits.categories[lists.items] == 1).sum(axis=1).tolist() == [1] * 50


def test_where_no_new_category_is_left_the_other_limits_still_hold() -> None:
    """The only item of a third category is of a seller whose place is taken."""
    categories, sellers = np.array([0, 0, 0, 1, 1, 2]), np.array([9, -1, -1, -1, -1, 9])
    none = np.full(6, -1, dtype=np.int32)
    traits = ItemTraits(
        categories.astype(np.int32), ("a", "b", "c"), np.column_stack([none] * 3), sellers.astype(np.int32), none
    )
    pool = pool_of([[0, 1, 2, 3, 4, 5]], [[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]], [6])
    chosen = chosen_by(first=4, max_per_category=2, min_categories=3)
    lists = rerank(pool, 6, traits, chosen, (Limit("seller", traits.sellers, 1, 4),))
    assert lists.items[0].tolist() == [0, 1, 3, 4, 2, 5]


@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_any_size_give_the_same_lists(narrow_pool, monkeypatch, method: str) -> None:
    pool, traits = narrow_pool
    rng = np.random.default_rng(5)
    mixes = csr_matrix(rng.dirichlet(np.full(20, 0.1), 50).astype(np.float32))
    boosts = rng.choice([0.5, 1.0, 2.0], pool.items.shape).astype(np.float32)
    limits = (Limit("seller", rng.integers(0, 9, 200).astype(np.int32), 2, 10),)
    chosen = DiversitySection(method=method, min_categories=5)
    lists = []
    for numbers, threads in ((10**9, 1), (1, 2), (30_000, 2)):
        monkeypatch.setattr(rerank_lists, "_CACHE_NUMBERS", numbers)
        lists.append(rerank(pool, 50, traits, chosen, limits, boosts, mixes, threads).items)
    assert np.array_equal(lists[0], lists[1])
    assert np.array_equal(lists[0], lists[2])


def test_items_without_a_category_do_not_stand_in_each_others_way(narrow_pool) -> None:
    pool, traits = narrow_pool
    unknown = np.full(200, -1, dtype=np.int32)
    bare = replace(traits, categories=unknown, levels=np.full((200, 3), -1, dtype=np.int32))
    for method in ("none", *METHODS):
        chosen = DiversitySection(method=method, strength=0.9, max_per_category=1, min_categories=10)
        assert np.array_equal(rerank(pool, 50, bare, chosen).items, pool.items[:, :50])


def test_a_boost_lifts_an_item_also_without_diversity(narrow_pool) -> None:
    pool, traits = narrow_pool
    boosts = np.ones(pool.items.shape, dtype=np.float32)
    boosts[:, 199], boosts[:, 0] = 1e4, 0.0
    lists = rerank(pool, 50, traits, chosen_by(), boosts=boosts)
    assert np.array_equal(lists.items[:, 0], pool.items[:, 199])
    assert not (lists.items == pool.items[:, :1]).any()
    # The score in the file is the model's own, whatever its rank.
    assert np.array_equal(lists.scores[:, 0], pool.scores[:, 199])


def test_limits_are_held_again_after_an_item_was_put_in(narrow_pool) -> None:
    pool, traits = narrow_pool
    chosen = chosen_by(method="mmr", max_per_category=1)
    lists = rerank(pool, 50, traits, chosen)
    behind = lists.items[:, 10:11] == lists.items  # right behind the first places, so of a category that is full
    moved = np.argsort(np.where(behind, 4.5, np.arange(50)), axis=1)
    broken = Draft(lists.subjects, *(np.take_along_axis(column, moved, axis=1) for column in lists[1:]))
    held = hold_limits(broken, traits, chosen, ())
    assert np.array_equal(np.sort(held.items), np.sort(broken.items))
    assert diversity_of(broken.items[:, :10], traits.categories) < 1
    assert diversity_of(held.items[:, :10], traits.categories) == 1
    assert np.array_equal(held.items[:, :4], broken.items[:, :4])


def test_without_method_boosts_and_limits_nothing_is_computed(narrow_pool) -> None:
    pool, traits = narrow_pool
    plain = rerank(pool, 50, traits, chosen_by(), boosts=np.ones(pool.items.shape, dtype=np.float32))
    assert np.shares_memory(plain.items, pool.items)


def test_filled_items_stay_behind_the_model_s(narrow_pool) -> None:
    pool, traits = narrow_pool
    sources = np.where(np.arange(200) < 12, Source.PERSONAL, Source.POPULAR).astype(np.uint8)
    filled = pool._replace(sources=np.tile(sources, (50, 1)))
    lists = rerank(filled, 50, traits, chosen_by(method="mmr", strength=0.001))
    assert (lists.sources[:, :12] == Source.PERSONAL).all()
