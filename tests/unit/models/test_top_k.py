"""The k best, against sorting everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from jobs.models.top_k import best_by_product, best_of_scores


def reference(scores: np.ndarray, k: int) -> list[list[int]]:
    return [[int(i) for i in np.lexsort((np.arange(len(row)), -row)) if row[i] > -np.inf][:k] for row in scores]


def used(items: np.ndarray) -> list[list[int]]:
    return [[int(i) for i in row if i >= 0] for row in items]


# Few distinct values, so that most places are ties.
small = st.integers(-2, 2)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.lists(small, min_size=3, max_size=3), min_size=1, max_size=6),
    columns=st.lists(st.lists(small, min_size=3, max_size=3), min_size=1, max_size=12),
    k=st.integers(1, 14),
    seed=st.integers(0, 9),
)
def test_products_are_ranked_like_a_full_sort_with_ties_by_index(
    rows: list[list[int]], columns: list[list[int]], k: int, seed: int
) -> None:
    left, right = np.array(rows, dtype=np.float32), np.array(columns, dtype=np.float32)
    rng = np.random.default_rng(seed)
    allowed = np.flatnonzero(rng.random(len(right)) < 0.8).astype(np.int32)
    never = rng.random((len(left), len(right))) < 0.3
    scores = left @ right.T
    scores[never] = -np.inf
    scores[:, np.setdiff1d(np.arange(len(right)), allowed)] = -np.inf
    lists = best_by_product(left, right, k, allowed, csr_matrix(never.astype(np.float32)))
    assert used(lists.items) == reference(scores, k)
    assert used(best_of_scores(scores.astype(np.float32), k).items) == reference(scores, k)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_nothing_to_rank_gives_empty_lists(shape: tuple[int, int]) -> None:
    lists = best_of_scores(np.zeros(shape, dtype=np.float32), 2)
    assert lists.items.shape == (shape[0], 2)
    assert (lists.items == -1).all()
