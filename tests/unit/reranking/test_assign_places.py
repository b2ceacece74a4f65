"""The assignment: equal to trying everything, within its number of pairs, whatever the order of the input."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.reranking import assign_places as module
from jobs.reranking.assign_places import Pairs, assign_places

COSTS = st.floats(-2, 3, allow_nan=False).map(lambda cost: round(cost, 3))


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[tuple[int, int], float], int]:
    cells = list(product(range(draw(st.integers(1, 4))), range(draw(st.integers(1, 5)))))
    chosen = draw(st.lists(st.sampled_from(cells), unique=True, min_size=1))
    return {cell: draw(COSTS) for cell in chosen}, draw(st.integers(1, 5))


def pairs_of(costs: dict[tuple[int, int], float]) -> Pairs:
    cells = np.array(list(costs), dtype=np.int64).reshape(-1, 2)
    return Pairs(cells[:, 0] * 7, cells[:, 1] * 3, np.array(list(costs.values())))


def best_of_all(costs: dict[tuple[int, int], float], most: int) -> tuple[int, float]:
    """Number of pairs and total cost, by trying every set of pairs."""
    best = (0, 0.0)
    items = sorted({item for item, _ in costs})
    for choice in product(*[[None, *(place for one, place in costs if one == item)] for item in items]):
        pairs = [(item, place) for item, place in zip(items, choice, strict=True) if place is not None]
        if len(pairs) > most or len({place for _, place in pairs}) < len(pairs):
            continue
        best = min(best, (-len(pairs), sum(costs[pair] for pair in pairs)))
    return -best[0], best[1]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_the_assignment_is_as_large_and_as_cheap_as_the_best_of_all(problem) -> None:
    costs, most = problem
    found = assign_places(pairs_of(costs), most)
    number, total = best_of_all(costs, most)
    assert len(found.items) == number
    assert len(set(found.places.tolist())) == len(set(found.items.tolist())) == number
    assert found.costs.sum() == pytest.approx(total, abs=1e-6)


def test_the_order_of_the_pairs_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    cells = rng.permutation(40 * 30)[:300]
    pairs = Pairs(cells // 30, cells % 30, rng.random(300))
    first = assign_places(pairs, 12)
    for _ in range(5):
        order = rng.permutation(300)
        again = assign_places(Pairs(*(column[order] for column in pairs)), 12)
        assert sorted(zip(*again, strict=True)) == sorted(zip(*first, strict=True))


def test_of_a_large_problem_the_items_go_in_parts_and_little_is_lost(monkeypatch) -> None:
    rng = np.random.default_rng(5)
    cells = rng.permutation(200 * 300)[:4_000]
    pairs = Pairs(cells // 300, cells % 300, rng.random(4_000))
    exact = assign_places(pairs, 100)
    monkeypatch.setattr(module, "_EXACT_ITEMS", 30)
    found = assign_places(pairs, 100)
    assert len(found.items) == len(exact.items) == len(set(found.items)) == len(set(found.places)) == 100
    # Costs are between 0 and 1: a hundredth of that.
    assert exact.costs.mean() <= found.costs.mean() <= exact.costs.mean() + 0.01


def test_nothing_to_choose_and_nothing_to_spend_give_nothing() -> None:
    assert not len(assign_places(pairs_of({}), 4).items)
    assert not len(assign_places(pairs_of({(0, 0): -1.0}), 0).items)
