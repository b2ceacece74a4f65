"""What every model can do. A model sees indices and matrices, never ids, files or settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.settings import TrainSection

PAD = -1


class TopK(NamedTuple):
    """The best items for some rows.

    Attributes:
        items: int32, shape (n, k), best first, ties by index; -1 pads.
        scores: float32, shape (n, k), never rising; 0 where padded.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


class Contributors(NamedTuple):
    """What speaks most for each item of each list.

    Attributes:
        seeds: int32, shape (n, k), the user's own item with the largest contribution; -1 = none.
        contributions: float32, shape (n, k), its share of the score; 0 where there is no seed.
    """

    seeds: npt.NDArray[np.int32]
    contributions: npt.NDArray[np.float32]


class Model(Protocol):
    """A model that turns histories into lists.

    A user is a row of weights, not a name: whoever has a history gets a list,
    whether or not the model was fitted on it.
    """

    name: ClassVar[str]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the model is fitted with: one entry of the grid."""

    @classmethod
    def grid(cls, settings: TrainSection) -> list[dict[str, Any]]:
        """The parameters to try on the validation period, the plainest first."""

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> "Model":
        """A model that is not fitted yet.

        Args:
            parameters: one entry of the grid.
            seed: the only source of chance.
            threads: 0 = all cores; results do not depend on it.
        """

    def histories(self, data: Interactions) -> csr_matrix:
        """The weights that this model reads from interactions: CSR float32, shape (n_users, n_items)."""

    def fit(self, data: Interactions) -> None:
        """Learn from interactions; running it again gives the same result."""

    def recommend(
        self,
        histories: csr_matrix,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank items for users.

        Args:
            histories: rows of `histories(...)`, shape (n, n_items).
            k: list length.
            blocked: CSR, shape (n, n_items); non-zero = never show to this user.
            candidates: bool, shape (n_items,); false = never show. None = all.

        Returns:
            n lists. Items that the model knows nothing about are left out.
        """

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Rank other items by likeness to each item, most alike first; an item is never its own neighbour."""

    def explain(self, histories: csr_matrix, items: npt.NDArray[np.int32]) -> Contributors:
        """Find the reason for each item of each list.

        Args:
            histories: the rows that the lists were made from, shape (n, n_items).
            items: int32, shape (n, k), as `recommend` gave them.
        """

    def save(self, folder: Path) -> None:
        """Write what was learned into an existing folder."""

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> "Model":
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
