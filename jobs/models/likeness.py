"""Cosines of sparse rows, shrunk where they rest on little, and the nearest of each row."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import TopK


def row_lengths(matrix: csr_matrix) -> npt.NDArray[np.float32]:
    """Euclidean length of each row, float32."""
    return np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()).astype(np.float32)


def shrunk_cosines(
    left: csr_matrix, right: csr_matrix, right_lengths: npt.NDArray[np.float32], shrinkage: float
) -> csr_matrix:
    """Divide a . b by (|a| |b| + shrinkage) for each row a of one matrix and each row b of another.

    Args:
        left: CSR float32, shape (n, width).
        right: the other matrix, transposed: CSR float32, shape (width, m).
        right_lengths: of its rows, float32, shape (m,).
        shrinkage: not negative.

    Returns:
        CSR float32, shape (n, m), columns in any order; pairs that share nothing are not stored.
    """
    products = (left @ right).tocsr()
    own = np.repeat(row_lengths(left), np.diff(products.indptr))
    products.data = products.data / (own * right_lengths[products.indices] + np.float32(shrinkage))
    return products


def list_matrix(lists: TopK, n_columns: int) -> csr_matrix:
    """Lists as a matrix of scores: CSR float32, shape (n, n_columns), sorted columns."""
    used = lists.items >= 0
    indptr = np.concatenate(([0], np.cumsum(used.sum(axis=1))))
    matrix = csr_matrix((lists.scores[used], lists.items[used], indptr), shape=(len(used), n_columns))
    matrix.sort_indices()
    return matrix
