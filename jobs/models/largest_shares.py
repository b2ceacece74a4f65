"""The largest of the summands that scores are made of."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Contributors, Signal
from jobs.models.block_size import blocks, uneven_blocks

Rows = int | npt.NDArray[np.int64]
Columns = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]


def no_contributors(shape: tuple[int, ...], m: int) -> Contributors:
    """Nothing that speaks for anything.

    Args:
        shape: (n, k), of the lists.
        m: contributors of each item.
    """
    wide = (*shape, m)
    return Contributors(
        np.full(wide, Signal.NONE, dtype=np.uint8), np.full(wide, PAD, dtype=np.int32), np.zeros(wide, dtype=np.float32)
    )


def put_contributors(result: Contributors, rows: Rows, part: Contributors) -> None:
    """Put what was found for some lists to their places."""
    result.signals[rows], result.seeds[rows], result.contributions[rows] = part


def largest_of_dense(
    signals: npt.NDArray[np.uint8], seeds: npt.NDArray[np.int32], shares: npt.NDArray[np.floating], m: int
) -> Contributors:
    """The m largest summands where each item has a few; the first of equals comes first.

    Args:
        signals: uint8, broadcastable to the shares; NONE = no summand.
        seeds: int32, broadcastable to the shares.
        shares: floats, shape (n, k, width); 0 = no summand.
        m: contributors of each item.
    """
    result = no_contributors(shares.shape[:2], m)
    signals, seeds = np.broadcast_to(signals, shares.shape), np.broadcast_to(seeds, shares.shape)
    left = np.where((shares == 0) | (signals == Signal.NONE), -np.inf, shares)
    rows, columns = np.ogrid[: shares.shape[0], : shares.shape[1]]
    for place in range(min(m, shares.shape[2])):
        at = left.argmax(axis=2)
        largest = left[rows, columns, at]
        is_summand = largest > -np.inf
        if not is_summand.any():
            break
        result.signals[:, :, place] = np.where(is_summand, signals[rows, columns, at], Signal.NONE)
        result.seeds[:, :, place] = np.where(is_summand, seeds[rows, columns, at], PAD)
        result.contributions[:, :, place] = np.where(is_summand, largest, 0)
        left[rows, columns, at] = -np.inf
    return result


def largest_shares(
    histories: csr_matrix, items: npt.NDArray[np.int32], columns: Columns, m: int, signal: Signal = Signal.OWN_ITEM
) -> Contributors:
    """The own items j with the largest history_uj * S_ji for each listed item i.

    S is asked for a block of columns at a time, each listed item once.

    Args:
        histories: CSR float32, shape (n, n_items).
        items: int32, shape (n, k), the lists; -1 pads.
        columns: gives columns of S, float32, shape (m, n_items), for m items.
        m: contributors of each item.
        signal: what an own item speaks by.
    """
    result = no_contributors((items.size,), m)
    lengths = np.diff(histories.indptr)[np.arange(items.size) // max(items.shape[1], 1)]
    cells = np.flatnonzero((items.ravel() >= 0) & (lengths > 0))
    cells = cells[np.argsort(items.ravel()[cells], kind="stable")]
    listed, starts = np.unique(items.ravel()[cells], return_index=True)
    starts = np.append(starts, len(cells))
    for part in blocks(len(listed), histories.shape[1]):
        block = columns(listed[part].astype(np.int64))
        own = cells[starts[part.start] : starts[part.stop]]
        for some in uneven_blocks(lengths[own].astype(np.int64)):
            _name_largest(histories, items, block, listed[part], own[some], result)
    shape = (*items.shape, m)
    signals = np.where(result.seeds >= 0, np.uint8(signal), np.uint8(Signal.NONE))
    return Contributors(signals.reshape(shape), result.seeds.reshape(shape), result.contributions.reshape(shape))


def _name_largest(
    histories: csr_matrix,
    items: npt.NDArray[np.int32],
    block: npt.NDArray[np.float32],
    listed: npt.NDArray[np.int32],
    cells: npt.NDArray[np.int64],
    result: Contributors,
) -> None:
    """Fill the places of some cells, all with a history, all of items of the block."""
    users = cells // items.shape[1]
    lengths = np.diff(histories.indptr)[users]
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    place = np.arange(lengths.sum()) + np.repeat(histories.indptr[users] - starts, lengths)
    row = np.repeat(np.searchsorted(listed, items.ravel()[cells]), lengths)
    shares = histories.data[place] * block[row, histories.indices[place]]
    shares[shares == 0] = -np.inf
    for turn in range(min(result.seeds.shape[1], int(lengths.max(initial=0)))):
        largest = np.maximum.reduceat(shares, starts)
        is_summand = largest > -np.inf
        if not is_summand.any():
            break
        # The first of equals: own items are in order of their index.
        is_largest = shares == np.repeat(largest, lengths)
        first = np.minimum.reduceat(np.where(is_largest, np.arange(len(shares)), len(shares)), starts)
        result.seeds[cells, turn] = np.where(is_summand, histories.indices[place[first]], PAD)
        result.contributions[cells, turn] = np.where(is_summand, largest, 0)
        shares[first] = -np.inf
