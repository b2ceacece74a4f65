"""EASE: a linear autoencoder over items, in closed form.

    B = I - P diag(1 / diag(P)),   P = (X^T X + lambda I)^-1

Its matrix is dense, items x items, so it refuses catalogues that are too large.

Source: Steck (2019), Embarrassingly Shallow Autoencoders for Sparse Data.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.block_size import blocks
from jobs.models.history import HistoryParameters
from jobs.models.linear import LinearModel
from jobs.models.model_files import load_arrays, save_arrays
from jobs.progress import progress_bar
from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.errors import ConfigError, ContractError


class EaseParameters(HistoryParameters, frozen=True, kw_only=True):
    """What EASE is fitted with; see [train.ease] in reco.toml.

    Attributes:
        regularization: lambda.
        max_items: more items with interactions than this are refused.
    """

    regularization: float = 300.0
    max_items: int = 12_000


class EaseModel(LinearModel[EaseParameters]):
    """Dense S over the items that somebody has; all of them are ranked."""

    name: ClassVar[str] = "ease"
    parameters_type = EaseParameters

    def __init__(self, parameters: EaseParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.weights = np.zeros((0, 0), dtype=np.float32)

    def fit(self, data: Interactions) -> None:
        """Solve for the weights.

        Raises:
            ConfigError: more items have interactions than max_items.
        """
        histories = self.start_fit(data)
        n_known, limit = int(self.known.sum()), self._parameters.max_items
        if n_known > limit:
            raise ConfigError(
                f"ease holds a dense matrix of items x items, and {n_known:,} items have interactions; at most "
                f'{limit:,} are allowed by [train.ease] max_items. Use train.model = "spectral" or '
                f'"item_neighbours", whose memory does not grow so, or raise max_items ({n_known:,} items take about '
                f"{8 * n_known**2 / 1e9:.1f} GB)"
            )
        with progress_bar("Solve EASE", None):
            self.weights = autoencoder_weights(
                histories[:, np.flatnonzero(self.known)], self._parameters.regularization
            )

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Multiply with the weights, for known items alone; -inf elsewhere."""
        scores = np.full(histories.shape, -np.inf, dtype=np.float32)
        scores[:, self.known] = histories[:, np.flatnonzero(self.known)] @ self.weights
        return scores

    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Columns of the weights."""
        result = np.zeros((len(items), len(self.known)), dtype=np.float32)
        place = np.cumsum(self.known) - 1
        rows = np.flatnonzero(self.known[items])
        result[np.ix_(rows, np.flatnonzero(self.known))] = self.weights[:, place[items[rows]]].T
        return result

    def save(self, folder: Path) -> None:
        """Write the weights."""
        save_arrays(folder, self.name, {"weights": self.weights, "known": self.known}, mean_weight=self.mean_weight)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, ("weights", "known"))
        model = cls.create(parameters, 0, threads)
        model.weights, model.known, model.mean_weight = arrays["weights"], arrays["known"], state["mean_weight"]
        return model


def autoencoder_weights(histories: csr_matrix, regularization: float) -> npt.NDArray[np.float32]:
    """Solve EASE in one dense matrix that is changed in place.

    Args:
        histories: CSR float32, shape (n_users, n_items), no empty column.
        regularization: lambda, above 0.

    Returns:
        float32, shape (n_items, n_items), 0 on the diagonal.

    Raises:
        ContractError: the matrix cannot be inverted.
    """
    n = histories.shape[1]
    if n == 0:
        return np.zeros((0, 0), dtype=np.float32)
    gram = np.empty((n, n), dtype=np.float32, order="F")
    by_item = histories.T.tocsr()
    for rows in blocks(n, 3 * n):
        gram[:, rows] = (by_item[rows] @ histories).toarray().T
    gram[np.diag_indices(n)] += np.float32(regularization)
    # One BLAS thread: the bits do not depend on the machine's cores.
    with threadpool_limits(1, "blas"):
        factor, failed = lapack.spotrf(gram, lower=True, overwrite_a=True)
        if not failed:
            factor, failed = lapack.spotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise ContractError(f"EASE with regularization {regularization} cannot be solved; choose a larger one")
    return _without_diagonal(factor)


def _without_diagonal(inverse: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """-P_ij / P_jj, in place, from the lower triangle of P."""
    n = len(inverse)
    for column in range(n - 1):
        inverse[column, column + 1 :] = inverse[column + 1 :, column]
    inverse /= -np.diag(inverse).copy()
    inverse[np.diag_indices(n)] = 0
    return np.ascontiguousarray(inverse)
