"""What models share that score every item from a history: ranking in blocks, and given items."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import TopK
from jobs.models.block_size import blocks
from jobs.models.history import HistoryParameters, history_matrix, mean_weight_of, require_items
from jobs.models.top_k import best_in_blocks, spread_lists
from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.train_settings import TrainSection

P = TypeVar("P", bound=HistoryParameters)


class HistoryModel(ABC, Generic[P]):
    """Ranks and scores by what a subclass makes of histories.

    Attributes:
        parameters_type: what `parameters` are.
        known: bool, shape (n_items,), items that the model can rank.
        mean_weight: of the training data, the scale of histories.
    """

    name: ClassVar[str]
    parameters_type: type[P]

    def __init__(self, parameters: P, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        self._parameters = parameters
        self._seed = seed
        self._threads = threads
        self.known = np.zeros(0, dtype=np.bool_)
        self.mean_weight = 1.0

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the model is fitted with."""
        return msgspec.structs.asdict(self._parameters)

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The lists of the model's section, [train.<name>]."""
        lists: dict[str, Sequence[Any]] = getattr(settings, cls.name).model_dump()
        return lists

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> Self:
        """A model that is not fitted yet."""
        return cls(msgspec.convert(parameters, cls.parameters_type), seed, threads)

    @property
    def row_size(self) -> int:
        """Numbers that a user takes while all items are scored; blocks are cut by it."""
        return len(self.known)

    @abstractmethod
    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Score all items.

        Args:
            histories: CSR float32, shape (n, n_items), of known items; few enough for dense scores.

        Returns:
            float32, shape (n, n_items), not used afterwards by the model; -inf where it knows of no link.
        """

    def read_history(self, data: Interactions) -> csr_matrix:
        """Histories as the model takes them.

        Args:
            data: of n users.

        Returns:
            CSR float32, shape (n, n_items); items that the model does not know are left out.

        Raises:
            ContractError: the items are not those that the model was fitted on.
        """
        require_items(self.name, len(self.known), data)
        histories = history_matrix(data, self._parameters, self.mean_weight)
        kept = self.known[histories.indices]
        before = np.concatenate(([0], np.cumsum(kept)))
        return csr_matrix(
            (histories.data[kept], histories.indices[kept], before[histories.indptr]), shape=histories.shape
        )

    def start_fit(self, data: Interactions) -> csr_matrix:
        """Note the scale and the items of the training data, and give it as a matrix."""
        self.mean_weight = mean_weight_of(data, self._parameters)
        histories = history_matrix(data, self._parameters, self.mean_weight)
        self.known = np.bincount(histories.indices, minlength=data.n_items) > 0
        return histories

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank items for users; a user of whose items nothing is known gets an empty list."""
        return self.rank(self.read_history(data), k, blocked, candidates)

    def rank(
        self,
        histories: csr_matrix,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank items for histories as `read_history` gives them; the rest as in `recommend`."""
        rows = np.flatnonzero(np.diff(histories.indptr) > 0)
        used = histories[rows]
        best = best_in_blocks(
            lambda part: self.item_scores(used[part]),
            len(rows),
            k,
            self.known if candidates is None else self.known & candidates,
            None if blocked is None else blocked[rows],
            self._threads,
            self.row_size,
        )
        return spread_lists(best, rows, histories.shape[0])

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """The scores of given items."""
        histories = self.read_history(data)
        scores = np.zeros(items.shape, dtype=np.float32)
        for rows in blocks(len(items), self.row_size):
            block = self.item_scores(histories[rows])
            scores[rows] = np.take_along_axis(block, np.maximum(items[rows], 0), axis=1)
        has_history = (np.diff(histories.indptr) > 0)[:, None]
        is_known = (items >= 0) & self.known[items] & has_history & np.isfinite(scores)
        return np.where(is_known, scores, 0).astype(np.float32)
