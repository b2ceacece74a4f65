"""Fill lists that came short with popular items, the same way in evaluation and in release."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import TopK


def fill_short_lists(
    lists: TopK, order: npt.NDArray[np.int32], scores: npt.NDArray[np.float64], blocked: csr_matrix
) -> TopK:
    """Put popular items behind each list that is shorter than k.

    A filled item's score is comparable with nothing before it: behind a personal
    item it is the last personal score or 0, whichever is less; a list of popular
    items alone keeps their own scores.

    Args:
        lists: n lists of k places; -1 pads.
        order: int32, items by popularity, best first, only those that may be shown.
        scores: float64, shape (n_items,), popularity.
        blocked: CSR, shape (n, n_items); non-zero = never show.
    """
    k = lists.items.shape[1]
    items, values = lists.items.copy(), lists.scores.copy()
    lengths = (items >= 0).sum(axis=1)
    for row in np.flatnonzero(lengths < k):
        length = lengths[row]
        taken = np.concatenate((items[row, :length], blocked.indices[blocked.indptr[row] : blocked.indptr[row + 1]]))
        # So many of the top are enough, whatever is taken among them.
        extra = order[: k - length + len(taken)]
        extra = extra[~np.isin(extra, taken)][: k - length]
        places = slice(length, length + len(extra))
        items[row, places] = extra
        values[row, places] = min(values[row, length - 1], 0.0) if length else scores[extra]
    return TopK(items, values)
