"""What models share whose score is linear in the history: score = history @ S, S items x items.

S itself need not be held. An exact explanation follows: each own item's share of a score is one product.
"""

from abc import abstractmethod
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import Asked, Contributors, Signal, TopK
from jobs.models.history import HistoryParameters
from jobs.models.history_model import HistoryModel
from jobs.models.largest_shares import largest_shares
from jobs.models.top_k import spread_lists
from jobs.ranking.interaction_matrix import Interactions

P = TypeVar("P", bound=HistoryParameters)


class LinearModel(HistoryModel[P]):
    """Explains, and finds like items, by what a subclass says of S.

    Attributes:
        signal: what an own item speaks by.
    """

    is_exact: ClassVar[bool] = True
    signal: ClassVar[Signal] = Signal.OWN_ITEM

    @abstractmethod
    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Columns of S: what one unit of each own item adds to the scores of some items.

        Args:
            items: int64, shape (m,).

        Returns:
            float32, shape (m, n_items).
        """

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Rank what a user would see who had this one item."""
        rows = np.flatnonzero(self.known[items])
        one_each = csr_matrix(
            (np.ones(len(rows), dtype=np.float32), items[rows], np.arange(len(rows) + 1)),
            shape=(len(rows), len(self.known)),
        )
        return spread_lists(self.rank(one_each, k, one_each, candidates), rows, len(items))

    def explain(
        self,
        data: Interactions,
        items: npt.NDArray[np.int32],
        m: int = 1,
        asked: Asked | None = None,  # noqa: ARG002 - a score is what it is
    ) -> Contributors:
        """The own items with the largest exact shares of each score."""
        return largest_shares(self.read_history(data), items, self.columns, m, self.signal)
