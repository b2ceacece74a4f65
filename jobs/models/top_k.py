"""The k best items of many rows, ties broken by item index."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from implicit.cpu.topk import topk as product_top_k
from scipy.sparse import csr_matrix, issparse
from threadpoolctl import threadpool_limits

from jobs.models.base import PAD, TopK
from jobs.models.block_size import blocks

ScoreBlock = Callable[[slice], "npt.NDArray[np.float32] | csr_matrix"]

# Scores held at once while a row with ties is ranked in full: 64 MB of float32.
_DENSE_SCORES = 16_000_000
_DROPPED_BITS = 5
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


def best_of_sparse_scores(scores: csr_matrix, k: int) -> TopK:
    """Rank the positive entries of sparse scores; what is not stored is never listed.

    Args:
        scores: CSR float32, shape (n, m), sorted columns.
        k: list length.
    """
    n = scores.shape[0]
    lengths = np.diff(scores.indptr)
    width = int(lengths.max(initial=0))
    rows = np.repeat(np.arange(n), lengths)
    place = np.arange(scores.nnz) - np.repeat(scores.indptr[:-1], lengths)
    padded = np.full((n, width), -np.inf, dtype=np.float32)
    columns = np.full((n, width), PAD, dtype=np.int32)
    padded[rows, place] = np.where(scores.data > 0, scores.data, -np.inf)
    columns[rows, place] = scores.indices
    best = best_of_scores(padded, k)
    if width == 0:
        return best
    items = np.where(best.items >= 0, np.take_along_axis(columns, np.maximum(best.items, 0), axis=1), PAD)
    return TopK(items.astype(np.int32), best.scores)


def best_in_blocks(
    score_block: ScoreBlock,
    n: int,
    k: int,
    allowed: npt.NDArray[np.bool_],
    blocked: csr_matrix | None = None,
    threads: int = 0,
    row_size: int = 0,
) -> TopK:
    """Rank scores that are made a block of rows at a time, each block in a thread.

    Args:
        score_block: gives the scores of some rows, dense or CSR of shape (rows, n_items). Dense: every item is
            ranked but those at -inf. CSR: positive entries are ranked.
        n: rows.
        k: list length.
        allowed: bool, shape (n_items,); false = never.
        blocked: CSR, shape (n, n_items); non-zero = never in this row.
        threads: 0 = all cores; the lists do not depend on it.
        row_size: numbers that a row takes while it is scored; 0 = no more than its scores.
    """
    result = empty_lists(n, k)
    if not allowed.any():
        return result

    def rank(rows: slice) -> None:
        scores = score_block(rows)
        never = None if blocked is None else blocked[rows]
        if issparse(scores):
            best = best_of_sparse_scores(_only_allowed(scores, allowed, never), k)
        else:
            best = best_of_scores(_masked(scores, allowed, never), k)
        result.items[rows], result.scores[rows] = best

    # BLAS threads under our own slow both down.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for _ in pool.map(rank, blocks(n, row_size or len(allowed))):
            pass
    return result


def _masked(
    scores: npt.NDArray[np.float32], allowed: npt.NDArray[np.bool_], never: csr_matrix | None
) -> npt.NDArray[np.float32]:
    scores += np.where(allowed, 0, -np.inf).astype(np.float32)
    if never is not None:
        cells = never.tocoo()
        scores[cells.row, cells.col] = -np.inf
    return scores


def _only_allowed(scores: csr_matrix, allowed: npt.NDArray[np.bool_], never: csr_matrix | None) -> csr_matrix:
    scores.sort_indices()
    if never is not None and never.nnz:
        minus = csr_matrix((np.full(never.nnz, -np.inf, dtype=np.float32), never.indices, never.indptr), never.shape)
        scores = scores + minus
    kept = (scores.data > 0) & allowed[scores.indices]
    before = np.concatenate(([0], np.cumsum(kept)))
    return csr_matrix((scores.data[kept], scores.indices[kept], before[scores.indptr]), shape=scores.shape)


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


def all_products(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Products of all rows of one matrix with all rows of another.

    Args:
        left: float32, shape (n, width).
        right: float32, shape (m, width).

    Returns:
        float32, shape (n, m).
    """
    with threadpool_limits(1, "blas"):
        products: npt.NDArray[np.float32] = left @ right.T
    return products


def round_off(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round in place to 18 bits, 4e-6 of the value, so that what is equal but for the order of a sum is a tie.

    BLAS adds in an order that depends on where a row stands among others, and on the processor.

    Args:
        scores: float32, finite, C order.
    """
    bits = scores.view(np.int32)
    bits += 1 << (_DROPPED_BITS - 1)
    bits &= ~((1 << _DROPPED_BITS) - 1)
    return scores


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


def spread_lists(lists: TopK, rows: npt.NDArray[np.int64], n: int) -> TopK:
    """Put lists of some rows to their places among n rows; the others are empty."""
    result = empty_lists(n, lists.items.shape[1])
    result.items[rows], result.scores[rows] = lists
    return result
