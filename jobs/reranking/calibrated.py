"""Calibrated lists: their mix of categories is that of the user's own history."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.reranking.likeness import parts_of
from jobs.reranking.limits import distinct_parts

# Part of the wanted mix in the list's own, so that a category that the list lacks costs much and not infinitely much.
SMOOTHING: Final = 0.01
# Below any share: keeps 0 / 0 away where a category is not wanted at all.
_TINY = np.float32(1e-30)


class Calibration:
    """Gain = (1 - strength) * relevance - strength * what is added to KL(p || q).

    p is the wanted mix: the history's, with `exploration` of it shared alike by the categories of the pool; all of it
    for a user without history. q is the list's, of t items c[g] in category g, smoothed:
    q[g] = (1 - SMOOTHING) * c[g] / t + SMOOTHING * p[g]. The candidates of one place differ in KL only by the term of
    their own category, so that what one of category g adds is, but for what is the same for all,

        - p[g] * log( (q[g] with it) / (q[g] without it) ),    both at t + 1 items.

    An item without a category is a category of its own, which no history has.

    Source:
        Steck (2018), Calibrated Recommendations.
    """

    def __init__(
        self,
        relevance: npt.NDArray[np.float32],
        items: npt.NDArray[np.int32],
        categories: npt.NDArray[np.int32],
        mixes: csr_matrix | None,
        strength: float,
        exploration: float,
    ) -> None:
        """Begin with empty lists.

        Args:
            relevance: float32, shape (n, width).
            items: int32, shape (n, width); -1 pads.
            categories: int32, shape (n_items,), that diversity counts; -1 = none.
            mixes: CSR float32, shape (n, n_categories), see `category_mixes`; None = no history.
            strength: 0..1.
            exploration: 0..1.
        """
        self._relevance = np.float32(1 - strength) * relevance
        self._strength = np.float32(strength)
        self._parts = parts_of(categories, items)
        self._wanted = _wanted(self._parts, items >= 0, mixes, exploration)
        self._taken = np.zeros(items.shape, dtype=np.float32)  # items of the list in the candidate's category
        self._rows = np.arange(len(items))

    def gains(self, step: int, out: npt.NDArray[np.float32]) -> None:
        """Relevance, and what the candidate's category is still short of."""
        listed = np.float32(1 - SMOOTHING)
        np.multiply(self._wanted, np.float32(SMOOTHING * (step + 1)), out=out)
        out += listed * self._taken
        out += _TINY
        np.divide(listed, out, out=out)
        out += 1
        np.log(out, out=out)
        out *= self._wanted
        out *= self._strength
        out += self._relevance

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Count the new item in its category."""
        del step
        self._taken += self._parts == self._parts[self._rows, chosen][:, None]


def _wanted(
    parts: npt.NDArray[np.int32], is_item: npt.NDArray[np.bool_], mixes: csr_matrix | None, exploration: float
) -> npt.NDArray[np.float32]:
    """The wanted share of each candidate's category, float32, shape (n, width)."""
    even = 1 / np.maximum(distinct_parts(parts, is_item), 1)[:, None]
    if mixes is None or mixes.shape[1] == 0:
        return np.broadcast_to(even, parts.shape).astype(np.float32)
    dense = mixes.toarray()
    own = np.where(parts >= 0, np.take_along_axis(dense, np.maximum(parts, 0), axis=1), 0)
    has_history = dense.any(axis=1)[:, None]
    return np.where(has_history, (1 - exploration) * own + exploration * even, even).astype(np.float32)
