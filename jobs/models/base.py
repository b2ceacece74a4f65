"""What every model can do. A model sees indices and matrices, never ids, files or settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.signals import Signal as Signal  # noqa: PLC0414 - a part of the protocol
from reco_contracts.train_settings import TrainSection

PAD = -1


class TopK(NamedTuple):
    """The best items for some rows.

    Attributes:
        items: int32, shape (n, k), best first, ties by index; -1 pads.
        scores: float32, shape (n, k), never rising; 0 where padded.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


class Asked(NamedTuple):
    """What `recommend` was asked when it made lists: a hybrid's scores depend on it.

    Attributes:
        k: list length.
        blocked: CSR, shape (n, n_items); non-zero = never.
        candidates: bool, shape (n_items,); false = never. None = all.
    """

    k: int
    blocked: csr_matrix | None = None
    candidates: npt.NDArray[np.bool_] | None = None


class Contributors(NamedTuple):
    """What speaks for each item of each list, and how much: the summands of its score.

    The largest come first, those that speak against the item behind them, BASE last; what adds nothing is
    left out.

    Attributes:
        signals: uint8, shape (n, k, m), Signal; NONE pads.
        seeds: int32, shape (n, k, m), the user's own item behind the signal; -1 = none.
        contributions: float32, shape (n, k, m), on the scale of the score; 0 where padded.
    """

    signals: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]
    contributions: npt.NDArray[np.float32]


class Model(Protocol):
    """A model that turns histories into lists.

    A user is a row of interactions, not a name: whoever has a history gets a list,
    whether or not the model was fitted on it. Items are those that it was fitted on.
    """

    name: ClassVar[str]
    is_exact: ClassVar[bool]
    """Whether all contributors of an item together sum to its score."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the model is fitted with: one value of each entry of the search space."""

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The values to choose from for each parameter; the first ones are the defaults."""

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> "Model":
        """A model that is not fitted yet.

        Args:
            parameters: a value for each entry of the search space.
            seed: the only source of chance.
            threads: 0 = all cores; results do not depend on it.
        """

    def fit(self, data: Interactions) -> None:
        """Learn from interactions; running it again gives the same result."""

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank items for users.

        Args:
            data: of n users, any, with the items that the model was fitted on.
            k: list length.
            blocked: CSR, shape (n, n_items); non-zero = never show to this user.
            candidates: bool, shape (n_items,); false = never show. None = all.

        Returns:
            n lists. Items that the model knows nothing about are left out.
        """

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """What `recommend` would rank given items by.

        Args:
            data: of n users.
            items: int32, shape (n, m); -1 pads.

        Returns:
            float32, shape (n, m); 0 where padded, or where the model knows nothing.
        """

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Rank other items by likeness to each item, most alike first; an item is never its own neighbour."""

    def explain(
        self, data: Interactions, items: npt.NDArray[np.int32], m: int = 1, asked: Asked | None = None
    ) -> Contributors:
        """Split the score of each item of each list into what it is made of.

        Args:
            data: of the n users that the lists were made for.
            items: int32, shape (n, k), as `recommend` gave them, or any others.
            m: contributors of each item, the largest ones; as many as the longest history and a few more give all.
            asked: how the lists were made; None = without anything blocked, so long as they are.
        """

    def save(self, folder: Path) -> None:
        """Write what was learned into an existing folder."""

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> "Model":
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
