"""Why ALS gave an item its score: exact shares of the items in the user's history.

With fixed item factors Y the score is linear in what the user did:

    score_ui = sum_j  y_i^T (Y^T C_u Y + lambda I)^-1 c_uj y_j      over the user's items j

Source: Hu, Koren, Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets, section 5.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.base import PAD, Contributors, Signal
from jobs.models.largest_shares import largest_of_dense, no_contributors, put_contributors

# Numbers in one padded block of float64: 32 MB.
_BLOCK_NUMBERS = 4_000_000
_Floats = npt.NDArray[np.float64]


def contribution_shares(
    item_factors: npt.NDArray[np.float32],
    confidences: csr_matrix,
    regularization: float,
    items: npt.NDArray[np.int32],
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], _Floats]]:
    """Split each score into the shares of the user's own items, a block of users at a time.

    Args:
        item_factors: float32, shape (n_items, n_factors).
        confidences: CSR, shape (n, n_items), c_uj of the users.
        regularization: lambda.
        items: int32, shape (n, k), the items to explain; -1 pads.

    Yields:
        Rows of `items`, int64, shape (b,); the users' own items, int32, shape (b, h), -1 pads;
        and the shares, float64, shape (b, k, h), which sum to the score over the last axis and
        are 0 where either side is padded.
    """
    factors = item_factors.astype(np.float64)
    with threadpool_limits(1, "blas"):
        gram = factors.T @ factors + regularization * np.eye(factors.shape[1])
    for rows in _blocks(np.diff(confidences.indptr), max(factors.shape[1], items.shape[1])):
        history, weights = _padded(confidences, rows)
        with threadpool_limits(1, "blas"):
            yield rows, history, _shares(factors, gram, history, weights, items[rows])


def best_contributors(
    item_factors: npt.NDArray[np.float32],
    confidences: csr_matrix,
    regularization: float,
    items: npt.NDArray[np.int32],
    m: int = 1,
) -> Contributors:
    """The own items with the largest shares of each score.

    Where a list may hold what the user already has, that is often the item itself.

    Args:
        item_factors: float32, shape (n_items, n_factors).
        confidences: CSR, shape (n, n_items), c_uj of the users.
        regularization: lambda.
        items: int32, shape (n, k), the lists; -1 pads.
        m: contributors of each item.
    """
    result = no_contributors(items.shape, m)
    for rows, history, shares in contribution_shares(item_factors, confidences, regularization, items):
        signals = np.where(history >= 0, np.uint8(Signal.OWN_ITEM), np.uint8(Signal.NONE))
        largest = largest_of_dense(signals[:, None, :], history[:, None, :], shares, m)
        put_contributors(result, rows, largest)
    return result


def _blocks(lengths: npt.NDArray[np.int32], width: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows with a history, in blocks of like length, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        # A block also holds an n_factors x n_factors matrix a user.
        size = max(1, _BLOCK_NUMBERS // (width * max(int(lengths[order[start]]), width)))
        longest = int(lengths[order[min(start + size, len(order)) - 1]])
        size = max(1, _BLOCK_NUMBERS // (width * max(longest, width)))
        yield order[start : start + size]
        start += size


def _padded(confidences: csr_matrix, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], _Floats]:
    starts, lengths = confidences.indptr[rows], np.diff(confidences.indptr)[rows]
    used = np.arange(lengths.max()) < lengths[:, None]
    position = np.where(used, starts[:, None] + np.arange(lengths.max()), 0)
    history = np.where(used, confidences.indices[position], PAD).astype(np.int32)
    return history, np.where(used, confidences.data[position].astype(np.float64), 0.0)


def _shares(
    factors: _Floats,
    gram: _Floats,
    history: npt.NDArray[np.int32],
    weights: _Floats,
    items: npt.NDArray[np.int32],
) -> _Floats:
    own = factors[history] * (history >= 0)[:, :, None]
    excess = np.where(history >= 0, weights - 1.0, 0.0)
    normal = gram + (own * excess[:, :, None]).transpose(0, 2, 1) @ own
    wanted = factors[items] * (items >= 0)[:, :, None]
    solved = np.linalg.solve(normal, wanted.transpose(0, 2, 1))
    return (own @ solved).transpose(0, 2, 1) * weights[:, None, :]
