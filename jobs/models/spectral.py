"""A spectral filter of the item graph: what was chosen together, smoothed by the leading singular vectors.

With X = D_U^-1/2 R D_I^-1/2 and V its leading right singular vectors, a history r scores

    r (X^T X + alpha D_I^-1/2 V V^T D_I^1/2)

X^T X, the normalised co-occurrence, is held where its entries are few enough; where they are not,
a block of histories is multiplied with X^T, then with X.

Source: Shen et al. (2021), How Powerful is Graph Convolution for Recommendation? (GF-CF).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.block_size import block_numbers
from jobs.models.history import HistoryParameters
from jobs.models.linear import LinearModel
from jobs.models.model_files import csr_arrays, csr_from, csr_names, load_arrays, save_arrays
from jobs.models.singular_vectors import degree_normalised, inverse_powers, item_degrees, leading_item_vectors
from jobs.models.top_k import all_products, round_off, sum_of_rows
from jobs.progress import progress_bar
from jobs.ranking.interaction_matrix import Interactions

# Blocks of scores (train.block_mb each) that the co-occurrence may take.
_HELD_BLOCKS = 16


class SpectralParameters(HistoryParameters, frozen=True, kw_only=True):
    """What the filter is made with; see [train.spectral] in reco.toml.

    Attributes:
        factors: singular vectors of the ideal low-pass filter.
        alpha: its weight beside the co-occurrence; 0 = co-occurrence alone.
    """

    factors: int = 256
    alpha: float = 0.3


class SpectralModel(LinearModel[SpectralParameters]):
    """S as a product of sparse matrices and a part of low rank; all items that somebody has are ranked."""

    name: ClassVar[str] = "spectral"
    parameters_type = SpectralParameters

    def __init__(self, parameters: SpectralParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.hold(csr_matrix((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.float32), np.zeros(0, np.float32))

    def fit(self, data: Interactions) -> None:
        """Normalise, and find the vectors."""
        histories = self.start_fit(data)
        normalised = degree_normalised(histories, 0.5)
        with progress_bar("Find singular vectors", None):
            n = self._parameters.factors if self._parameters.alpha > 0 else 0
            vectors = leading_item_vectors(normalised, n, self._seed)
        self.hold(normalised, vectors, inverse_powers(item_degrees(histories), 0.5))

    @property
    def row_size(self) -> int:
        """A block is dense over items, twice, and over the training users where the co-occurrence is not held."""
        n_users, n_items = self._normalised.shape
        return int(3 * n_items if self._links is not None else n_items + 2 * n_users)

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Both filters, one after the other."""
        scores = self._times_links(histories)
        scores += all_products(sum_of_rows(histories, self._history_factors), self._item_factors)
        return round_off(scores)

    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The same, transposed: S is not symmetric, its low-pass part divides by one root and multiplies by another."""
        one_each = csr_matrix(
            (np.ones(len(items), dtype=np.float32), items, np.arange(len(items) + 1)),
            shape=(len(items), len(self.known)),
        )
        columns = self._times_links(one_each)
        columns += all_products(self._item_factors[items], self._history_factors)
        return columns

    def save(self, folder: Path) -> None:
        """Write the normalised matrix, the vectors and the roots of the degrees."""
        arrays = csr_arrays("normalised", self._normalised) | {
            "vectors": self._vectors,
            "inverse_roots": self._inverse_roots,
            "known": self.known,
        }
        save_arrays(folder, self.name, arrays, mean_weight=self.mean_weight, seed=self._seed)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        names = (*csr_names("normalised"), "vectors", "inverse_roots", "known")
        arrays, state = load_arrays(folder, cls.name, names)
        model = cls.create(parameters, state["seed"], threads)
        model.known, model.mean_weight = arrays["known"], state["mean_weight"]
        model.hold(csr_from("normalised", arrays), arrays["vectors"], arrays["inverse_roots"])
        return model

    def hold(
        self, normalised: csr_matrix, vectors: npt.NDArray[np.float32], inverse_roots: npt.NDArray[np.float32]
    ) -> None:
        """Take as what was learned.

        Args:
            normalised: X, CSR float32, shape (training users, n_items).
            vectors: V, float32, shape (n_items, factors).
            inverse_roots: diagonal of D_I^-1/2, float32, shape (n_items,).
        """
        self._normalised, self._vectors, self._inverse_roots = normalised, vectors, inverse_roots
        self._transposed = normalised.T.tocsr()
        self._links = self._transposed @ normalised if _is_small(normalised) else None
        scale = inverse_roots[:, None]
        self._history_factors = vectors * (scale * np.float32(self._parameters.alpha))
        self._item_factors = np.divide(vectors, scale, out=np.zeros_like(vectors), where=scale > 0)

    def _times_links(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Histories times X^T X, dense."""
        if self._links is not None:
            return np.asarray((histories @ self._links).toarray())
        by_user = (histories @ self._transposed).toarray()
        # Sparse from the left is the product that scipy does along whole rows.
        return np.ascontiguousarray((self._transposed @ np.ascontiguousarray(by_user.T)).T)


def _is_small(normalised: csr_matrix) -> bool:
    """Whether X^T X cannot take more than its blocks: a value and a column for each pair of a user's items."""
    pairs = int(np.square(np.diff(normalised.indptr).astype(np.int64)).sum())
    return bool(2 * min(pairs, normalised.shape[1] ** 2) <= _HELD_BLOCKS * block_numbers())
