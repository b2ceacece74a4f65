"""The k best items of many rows, ties broken by item index."""

import numpy as np
import numpy.typing as npt
from implicit.cpu.topk import topk as product_top_k
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.base import PAD, TopK

# Scores held at once while a row with ties is ranked in full: 64 MB of float32.
_DENSE_SCORES = 16_000_000
_FILTERED = np.finfo(np.float32).min


def best_of_scores(scores: npt.NDArray[np.float32], k: int) -> TopK:
    """Rank dense scores.

    Args:
        scores: float32, shape (n, m); -inf = never.
        k: list length.
    """
    n, m = scores.shape
    result = empty_lists(n, k)
    if n == 0 or m == 0:
        return result
    kept = min(k, m)
    threshold = np.partition(scores, m - kept, axis=1)[:, m - kept]
    rows, columns = np.nonzero((scores >= threshold[:, None]) & (scores > -np.inf))
    values = scores[rows, columns]
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    position = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = position < kept
    result.items[rows[first], position[first]] = columns[first]
    result.scores[rows[first], position[first]] = values[first]
    return result


def best_by_product(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    k: int,
    columns: npt.NDArray[np.int32],
    blocked: csr_matrix | None = None,
    threads: int = 0,
) -> TopK:
    """Rank items by the product of row and item vectors, without holding all scores.

    Args:
        left: float32, shape (n, width), one vector a row.
        right: float32, shape (n_items, width), one vector an item.
        k: list length.
        columns: int32, the items that may appear, ascending.
        blocked: CSR, shape (n, n_items); non-zero = never in this row.
        threads: 0 = all cores; the lists do not depend on it.
    """
    n, m = len(left), len(columns)
    if n == 0 or m == 0:
        return empty_lists(n, k)
    vectors = np.ascontiguousarray(right[columns])
    filtered = None if blocked is None or blocked.nnz == 0 else blocked[:, columns]
    left = np.ascontiguousarray(left)
    fetched = min(k + 1, m)  # one more, to see whether the last place is shared
    # BLAS threads under implicit's own slow both down.
    with threadpool_limits(1, "blas"):
        items, scores = product_top_k(vectors, left, fetched, filter_query_items=filtered, num_threads=threads)
    scores = np.where(scores <= _FILTERED, -np.inf, scores).astype(np.float32)
    order = np.lexsort((items, -scores), axis=1)
    items, scores = np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
    result = empty_lists(n, k)
    width = min(k, fetched)
    used = scores[:, :width] > -np.inf
    result.items[:, :width] = np.where(used, columns[items[:, :width]], PAD)
    result.scores[:, :width] = np.where(used, scores[:, :width], 0)
    if fetched > k:
        shared = np.flatnonzero((scores[:, k - 1] == scores[:, k]) & (scores[:, k] > -np.inf))
        _rank_in_full(result, shared, left, vectors, columns, filtered)
    return result


def product_scores(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], items: npt.NDArray[np.int32]
) -> npt.NDArray[np.float32]:
    """Products of row vectors with the vectors of given items, a block of rows at a time.

    Args:
        left: float32, shape (n, width).
        right: float32, shape (n_items, width).
        items: int32, shape (n, m); -1 pads.

    Returns:
        float32, shape (n, m); 0 where padded.
    """
    scores = np.zeros(items.shape, dtype=np.float32)
    step = max(1, _DENSE_SCORES // max(items.shape[1] * left.shape[1], 1))
    for start in range(0, len(items), step):
        rows = slice(start, start + step)
        scores[rows] = np.einsum("nw,nmw->nm", left[rows], right[items[rows]])
    return np.where(items >= 0, scores, 0).astype(np.float32)


def _rank_in_full(
    result: TopK,
    rows: npt.NDArray[np.int64],
    left: npt.NDArray[np.float32],
    vectors: npt.NDArray[np.float32],
    columns: npt.NDArray[np.int32],
    filtered: csr_matrix | None,
) -> None:
    """Rank again the rows whose last place was a tie: which of the tied came first was an accident."""
    step = max(1, _DENSE_SCORES // len(columns))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        with threadpool_limits(1, "blas"):
            scores = left[part] @ vectors.T
        if filtered is not None:
            never = filtered[part].tocoo()
            scores[never.row, never.col] = -np.inf
        best = best_of_scores(scores, result.items.shape[1])
        result.items[part] = np.where(best.items >= 0, columns[best.items], PAD)
        result.scores[part] = best.scores


def empty_lists(n: int, k: int) -> TopK:
    """Lists with nothing in them, k places each."""
    return TopK(np.full((n, k), PAD, dtype=np.int32), np.zeros((n, k), dtype=np.float32))
