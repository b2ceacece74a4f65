"""The k best, against sorting everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from jobs.models import block_size
from jobs.models.top_k import best_by_product, best_of_scores, best_of_sparse_scores, round_off


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


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("distinct", [3, 10_000])
def test_long_rows_are_ranked_like_a_full_sort(k: int, distinct: int) -> None:
    rng = np.random.default_rng(k)
    scores = rng.integers(-distinct, distinct, (40, 517)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.4] = -np.inf
    scores[3], scores[4, 5:] = -np.inf, -np.inf
    scores[5, : 517 - 3] = -np.inf
    assert used(best_of_scores(scores, k).items) == reference(scores, k)


@pytest.mark.parametrize("block_numbers", [10, 1_000_000])
@pytest.mark.parametrize("k", [1, 3, 60])
def test_sparse_scores_are_ranked_by_their_positive_entries(
    k: int, block_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_size, "block_numbers", lambda: block_numbers)
    rng = np.random.default_rng(k)
    dense = rng.integers(-2, 4, (30, 50)).astype(np.float32) * (rng.random((30, 50)) < rng.random((30, 1)))
    dense[7] = 0
    scores = csr_matrix(dense)
    for row in range(30):  # columns in any order
        part = slice(scores.indptr[row], scores.indptr[row + 1])
        shuffled = rng.permutation(part.stop - part.start)
        scores.indices[part], scores.data[part] = scores.indices[part][shuffled], scores.data[part][shuffled]
    expected = np.where(dense > 0, dense, -np.inf)
    lists = best_of_sparse_scores(scores, k)
    assert used(lists.items) == reference(expected, k)
    assert lists.scores[0].tolist() == [dense[0, item] if item >= 0 else 0 for item in lists.items[0]]


def test_what_differs_in_the_last_bits_is_a_tie() -> None:
    scores = np.array([0.1, -3.7, 0.0, 1e-30, 12_345.678], dtype=np.float32)
    above = np.nextafter(scores, np.float32(np.inf))
    rounded = round_off(scores.copy())
    np.testing.assert_allclose(rounded, scores, rtol=4e-6)
    np.testing.assert_array_equal(rounded[[0, 1, 4]], round_off(above.copy())[[0, 1, 4]])
