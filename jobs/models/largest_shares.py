"""Which own item has the largest share of a score that is a sum over own items."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Contributors
from jobs.models.block_size import blocks, uneven_blocks

Columns = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]


def largest_shares(histories: csr_matrix, items: npt.NDArray[np.int32], columns: Columns) -> Contributors:
    """The own item j with the largest history_uj * S_ji for each listed item i; none where no share is positive.

    S is asked for a block of columns at a time, each listed item once.

    Args:
        histories: CSR float32, shape (n, n_items).
        items: int32, shape (n, k), the lists; -1 pads.
        columns: gives columns of S, float32, shape (m, n_items), for m items.
    """
    seeds = np.full(items.size, PAD, dtype=np.int32)
    contributions = np.zeros(items.size, dtype=np.float32)
    lengths = np.diff(histories.indptr)[np.arange(items.size) // max(items.shape[1], 1)]
    cells = np.flatnonzero((items.ravel() >= 0) & (lengths > 0))
    cells = cells[np.argsort(items.ravel()[cells], kind="stable")]
    listed, starts = np.unique(items.ravel()[cells], return_index=True)
    starts = np.append(starts, len(cells))
    for part in blocks(len(listed), histories.shape[1]):
        block = columns(listed[part].astype(np.int64))
        own = cells[starts[part.start] : starts[part.stop]]
        for some in uneven_blocks(lengths[own].astype(np.int64)):
            _name_largest(histories, items, block, listed[part], own[some], seeds, contributions)
    return Contributors(seeds.reshape(items.shape), contributions.reshape(items.shape))


def _name_largest(
    histories: csr_matrix,
    items: npt.NDArray[np.int32],
    block: npt.NDArray[np.float32],
    listed: npt.NDArray[np.int32],
    cells: npt.NDArray[np.int64],
    seeds: npt.NDArray[np.int32],
    contributions: npt.NDArray[np.float32],
) -> None:
    """Fill the places of some cells, all with a history, all of items of the block."""
    users = cells // items.shape[1]
    lengths = np.diff(histories.indptr)[users]
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    place = np.arange(lengths.sum()) + np.repeat(histories.indptr[users] - starts, lengths)
    row = np.repeat(np.searchsorted(listed, items.ravel()[cells]), lengths)
    shares = histories.data[place] * block[row, histories.indices[place]]
    largest = np.maximum.reduceat(shares, starts)
    # The first of equals: own items are in order of their index.
    is_largest = shares == np.repeat(largest, lengths)
    first = np.minimum.reduceat(np.where(is_largest, place, np.iinfo(np.int64).max), starts)
    is_reason = largest > 0
    seeds[cells] = np.where(is_reason, histories.indices[first], PAD)
    contributions[cells] = np.where(is_reason, largest, 0)
