"""PureSVD: a history, seen through the leading singular vectors of the normalised matrix.

With X = D_U^-1/2 R D_I^-p and V its leading right singular vectors, a history r is rebuilt as

    r D_I^-p V V^T D_I^p

p = 0 leaves popular items their weight, as in the paper; p = 1/2 takes it from them.

Source: Cremonesi, Koren, Turrin (2010), Performance of Recommender Algorithms on Top-N Recommendation
Tasks, section 3.3; the power of the degree is that of Nikolakopoulos et al. (2019), EigenRec.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.history import HistoryParameters
from jobs.models.linear import LinearModel
from jobs.models.model_files import load_arrays, save_arrays
from jobs.models.singular_vectors import degree_normalised, inverse_powers, item_degrees, leading_item_vectors
from jobs.models.top_k import all_products, round_off, sum_of_rows
from jobs.progress import progress_bar
from jobs.ranking.interaction_matrix import Interactions


class PureSvdParameters(HistoryParameters, frozen=True, kw_only=True):
    """What the vectors are taken of; see [train.pure_svd] in reco.toml.

    Attributes:
        factors: singular vectors.
        item_exponent: p.
    """

    factors: int = 128
    item_exponent: float = 0.25


class PureSvdModel(LinearModel[PureSvdParameters]):
    """S of low rank; all items that somebody has are ranked."""

    name: ClassVar[str] = "pure_svd"
    parameters_type = PureSvdParameters

    def __init__(self, parameters: PureSvdParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.history_factors = np.zeros((0, 0), dtype=np.float32)
        self.item_factors = np.zeros((0, 0), dtype=np.float32)

    def fit(self, data: Interactions) -> None:
        """Find the vectors."""
        histories, exponent = self.start_fit(data), self._parameters.item_exponent
        with progress_bar("Find singular vectors", None):
            vectors = leading_item_vectors(degree_normalised(histories, exponent), self._parameters.factors, self._seed)
        scale = inverse_powers(item_degrees(histories), exponent)[:, None]
        self.history_factors = vectors * scale
        self.item_factors = np.divide(vectors, scale, out=np.zeros_like(vectors), where=scale > 0)

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """The rebuilt histories."""
        return round_off(all_products(sum_of_rows(histories, self.history_factors), self.item_factors))

    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Products of the items' factors with those of all histories."""
        return all_products(self.item_factors[items], self.history_factors)

    def save(self, folder: Path) -> None:
        """Write the factors."""
        arrays = {"history_factors": self.history_factors, "item_factors": self.item_factors, "known": self.known}
        save_arrays(folder, self.name, arrays, mean_weight=self.mean_weight, seed=self._seed)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, ("history_factors", "item_factors", "known"))
        model = cls.create(parameters, state["seed"], threads)
        model.history_factors, model.item_factors = arrays["history_factors"], arrays["item_factors"]
        model.known, model.mean_weight = arrays["known"], state["mean_weight"]
        return model
