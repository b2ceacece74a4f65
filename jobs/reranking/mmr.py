"""Maximal marginal relevance: a candidate counts less, the more it is like something that the list has."""

import numpy as np
import numpy.typing as npt

from jobs.reranking.likeness import Likeness, PoolLikeness


class MarginalRelevance:
    """Gain = (1 - strength) * relevance - strength * likeness to the most like item of the list.

    Source:
        Carbonell, Goldstein (1998), The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
        Summaries.
    """

    def __init__(
        self,
        relevance: npt.NDArray[np.float32],
        items: npt.NDArray[np.int32],
        likeness: Likeness,
        strength: float,
    ) -> None:
        """Begin with empty lists.

        Args:
            relevance: float32, shape (n, width).
            items: int32, shape (n, width); -1 pads.
            likeness: of the items.
            strength: 0..1.
        """
        self._relevance = np.float32(1 - strength) * relevance
        self._alike = PoolLikeness(likeness, items, strength)
        self._penalty = np.zeros_like(self._relevance)

    def gains(self, step: int, out: npt.NDArray[np.float32]) -> None:
        """Relevance without the penalty."""
        del step
        np.subtract(self._relevance, self._penalty, out=out)

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Penalise what is more like the new item than like those before."""
        del step
        np.maximum(self._penalty, self._alike.to_chosen(chosen), out=self._penalty)
