"""Labelled candidates, a group a user, and how good an order of them is."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

# Orders are judged where users look.
NDCG_AT = 10
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Groups:
    """Candidates of n users.

    Attributes:
        values: float32, shape (m, width), features of each candidate.
        labels: bool, shape (m,), it happened.
        lengths: int64, shape (n,), candidates of each user; they follow one another.
        n_relevant: int64, shape (n,), what happened for each user, candidate or not; at least 1.
    """

    values: _Floats
    labels: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int64]
    n_relevant: npt.NDArray[np.int64]

    def of_users(self, chosen: npt.NDArray[np.bool_]) -> "Groups":
        """Some of the users.

        Args:
            chosen: bool, shape (n,).
        """
        rows = np.repeat(chosen, self.lengths)
        return replace(
            self,
            values=self.values[rows],
            labels=self.labels[rows],
            lengths=self.lengths[chosen],
            n_relevant=self.n_relevant[chosen],
        )

    def with_hits(self) -> "Groups":
        """The users for whom an order can be right or wrong."""
        starts = np.concatenate(([0], np.cumsum(self.lengths)[:-1])).astype(np.int64)
        has = np.zeros(len(self.lengths), dtype=bool)
        filled = self.lengths > 0
        has[filled] = np.logical_or.reduceat(self.labels, starts[filled]) if filled.any() else False
        return self.of_users(has)


class OrderJudge:
    """NDCG of many orders of the same groups."""

    def __init__(self, groups: Groups) -> None:
        """Lay the groups out as a matrix, a row a user."""
        width = int(groups.lengths.max(initial=0))
        self._used = np.arange(width) < groups.lengths[:, None]
        self._labels = np.zeros(self._used.shape, dtype=bool)
        self._labels[self._used] = groups.labels
        discounts = 1 / np.log2(np.arange(2, NDCG_AT + 2))
        self._discounts = discounts[: min(NDCG_AT, width)]
        self._best = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(groups.n_relevant, NDCG_AT)]

    def laid_out(self, values: _Floats) -> _Floats:
        """One number a candidate as a matrix, float32, a row a user; -inf where there is no candidate.

        Args:
            values: float32, shape (m,).
        """
        matrix = np.full(self._used.shape, -np.inf, dtype=np.float32)
        matrix[self._used] = values
        return matrix

    def ndcg(self, scores: _Floats) -> npt.NDArray[np.float64]:
        """NDCG of each user at NDCG_AT.

        Args:
            scores: float32, as `laid_out` gives them.
        """
        n, width = self._used.shape
        if not n or not width:
            return np.zeros(n)
        kept = len(self._discounts)
        top = np.argpartition(scores, width - kept, axis=1)[:, width - kept :]
        order = np.lexsort((top, -np.take_along_axis(scores, top, axis=1)), axis=1)
        hits = np.take_along_axis(self._labels, np.take_along_axis(top, order, axis=1), axis=1)
        return np.asarray(hits @ self._discounts / self._best)
