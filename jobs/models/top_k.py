"""The k best items of many rows, ties broken by item index."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.cpu.topk import topk as product_top_k
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.base import PAD, TopK
from jobs.models.block_size import blocks, uneven_blocks

ScoreBlock = Callable[[slice], npt.NDArray[np.float32]]

# Scores held at once while a row with ties is ranked in full: 64 MB of float32.
_DENSE_SCORES = 16_000_000
# What a stored score takes while it is ranked, in numbers of 4 bytes: its place, its value, what is above the least.
_PADDED_NUMBERS = 5
_DROPPED_BITS = 5
_FILTERED = np.finfo(np.float32).min


def best_of_scores(scores: npt.NDArray[np.floating[Any]], k: int) -> TopK:
    """Rank dense scores.

    Args:
        scores: floats, shape (n, m); -inf = never.
        k: list length.
    """
    n, m = scores.shape
    if n == 0 or m == 0:
        return empty_lists(n, k)
    least = np.maximum(_at_most_kth(scores, min(k, m)), np.finfo(scores.dtype).min)
    rows, columns = np.divmod(np.flatnonzero(scores >= least[:, None]), m)
    return _first_of_rows(n, k, rows, columns, scores[rows, columns])


def best_of_sparse_scores(scores: csr_matrix, k: int) -> TopK:
    """Rank the positive entries of sparse scores; what is not stored is never listed.

    Args:
        scores: CSR float32, shape (n, m), columns in any order.
        k: list length.
    """
    lengths = np.diff(scores.indptr)
    result = empty_lists(scores.shape[0], k)
    # Rows of like length together, so that little is padded.
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    for part in uneven_blocks(_PADDED_NUMBERS * lengths[order].astype(np.int64)):
        rows = order[part]
        for some in blocks(len(rows), _PADDED_NUMBERS * int(lengths[rows[-1]])):
            _rank_padded(result, scores, rows[some])
    return result


def _rank_padded(result: TopK, scores: csr_matrix, rows: npt.NDArray[np.int64]) -> None:
    starts, lengths = scores.indptr[rows], np.diff(scores.indptr)[rows]
    width = int(lengths.max())
    place = starts[:, None] + np.arange(width, dtype=starts.dtype)
    place[np.arange(width) >= lengths[:, None]] = PAD
    values = np.where(place >= 0, scores.data[place], 0)
    least = np.maximum(_at_most_kth(values, min(result.items.shape[1], width)), np.finfo(np.float32).tiny)
    row, at = np.nonzero(values >= least[:, None])
    best = _first_of_rows(
        len(rows), result.items.shape[1], row, scores.indices[place[row, at]], values[row, at], is_sorted=False
    )
    result.items[rows], result.scores[rows] = best


def _at_most_kth(scores: npt.NDArray[np.floating[Any]], k: int) -> npt.NDArray[np.floating[Any]]:
    """For each row a number that is not above its k-th largest score, and close to it."""
    n, m = scores.shape
    groups = 8 * k
    if m > 4 * groups:
        # The k-th largest of the groups' maxima: ten times quicker than a partition of the whole row.
        scores = scores[:, : m // groups * groups].reshape(n, m // groups, groups).max(axis=1)
    return np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]


def _first_of_rows(
    n: int,
    k: int,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.integer[Any]],
    values: npt.NDArray[np.floating[Any]],
    *,
    is_sorted: bool = True,
) -> TopK:
    """The k best of some cells of n rows.

    Args:
        n: rows.
        k: list length.
        rows: int64, not falling.
        columns: of the cells.
        values: of the cells.
        is_sorted: the columns of a row ascend.
    """
    result = empty_lists(n, k)
    order = np.lexsort((-values, rows) if is_sorted else (columns, -values, rows))
    columns, values = columns[order], values[order]
    position = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = position < k
    result.items[rows[first], position[first]] = columns[first]
    result.scores[rows[first], position[first]] = values[first]
    return result


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
        score_block: gives the scores of some rows, float32, shape (rows, n_items), -inf = never; they are changed.
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

    penalty = np.where(allowed, 0, -np.inf).astype(np.float32)

    def rank(rows: slice) -> None:
        scores = score_block(rows)
        scores += penalty
        if blocked is not None:
            cells = blocked[rows].tocoo()
            scores[cells.row, cells.col] = -np.inf
        result.items[rows], result.scores[rows] = best_of_scores(scores, k)

    # BLAS threads under our own slow both down.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for _ in pool.map(rank, blocks(n, row_size or len(allowed))):
            pass
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
    scores[scores <= _FILTERED] = -np.inf
    # The library orders by score; which of equal ones comes first was an accident.
    tied = np.flatnonzero(~(scores[:, :-1] > scores[:, 1:]).all(axis=1))
    order = np.lexsort((items[tied], -scores[tied]), axis=1)
    items[tied] = np.take_along_axis(items[tied], order, axis=1)
    scores[tied] = np.take_along_axis(scores[tied], order, axis=1)
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


def sum_of_rows(histories: csr_matrix, factors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What histories weigh in factors, added in double precision.

    In single precision a score of a long history is 1e-5 away from the sum of its shares.

    Args:
        histories: CSR float32, shape (n, n_items).
        factors: float32, shape (n_items, n_factors).

    Returns:
        float32, shape (n, n_factors).
    """
    return np.asarray(histories.astype(np.float64) @ factors, dtype=np.float32)


def without_zeros(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Put -inf in place of what is not positive: items that nothing links with the history are not ranked."""
    scores[scores <= 0] = -np.inf
    return scores


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
