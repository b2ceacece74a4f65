"""The matrix that both spectral models look at, and its leading singular vectors."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

# Relative; the subspace is good to about the same. Rankings do not move below it, and ARPACK ends a fifth earlier.
_TOLERANCE = 1e-4


def inverse_powers(degrees: npt.NDArray[np.float64], exponent: float) -> npt.NDArray[np.float32]:
    """Powers of degrees, degree ^ -exponent; 0 where the degree is 0.

    Args:
        degrees: float64, not negative.
        exponent: 0 = every degree counts the same.
    """
    powers = np.power(np.where(degrees > 0, degrees, 1), -exponent)
    return np.where(degrees > 0, powers, 0).astype(np.float32)


def item_degrees(histories: csr_matrix) -> npt.NDArray[np.float64]:
    """What each item counts in all histories, float64, shape (n_items,)."""
    return np.bincount(histories.indices, weights=histories.data, minlength=histories.shape[1]).astype(np.float64)


def degree_normalised(histories: csr_matrix, item_exponent: float) -> csr_matrix:
    """Divide each user by the root of the user's degree, each item by a power of its own.

    Args:
        histories: CSR float32, shape (n_users, n_items).
        item_exponent: 0.5 treats items as users are treated, 0 leaves popular ones their weight.

    Returns:
        CSR float32 of the same shape.
    """
    users = inverse_powers(np.asarray(histories.sum(axis=1), dtype=np.float64).ravel(), 0.5)
    items = inverse_powers(item_degrees(histories), item_exponent)
    return (diags(users) @ histories @ diags(items)).tocsr().astype(np.float32)


def leading_item_vectors(matrix: csr_matrix, n: int, seed: int) -> npt.NDArray[np.float32]:
    """The leading right singular vectors, each with its largest entry positive.

    Args:
        matrix: CSR float32, shape (n_users, n_items).
        n: how many; fewer come where the matrix has fewer.
        seed: of the start vector.

    Returns:
        float32, shape (n_items, n), C order, best first.
    """
    n = min(n, *matrix.shape)
    if n == 0 or matrix.nnz == 0:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32)
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape)).astype(np.float32)
    # One BLAS thread: the bits do not depend on the machine's cores.
    with threadpool_limits(1, "blas"):
        if n < min(matrix.shape):
            _, values, rows = svds(matrix, n, v0=start, tol=_TOLERANCE, return_singular_vectors="vh")
        else:
            _, values, rows = np.linalg.svd(matrix.toarray(), full_matrices=False)
    order = np.argsort(-values, kind="stable")
    rows = rows[order[values[order] > values.max() * 1e-6]]
    largest = np.abs(rows).argmax(axis=1)
    rows = rows * np.sign(rows[np.arange(len(rows)), largest])[:, None]
    return np.ascontiguousarray(rows.T, dtype=np.float32)
