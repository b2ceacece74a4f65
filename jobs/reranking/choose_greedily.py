"""The one greedy choice that every method of diversity shares, for many lists at once.

Place after place each list takes the candidate that adds most to what it has. A
method says what each candidate would add now, and is told what was taken; the
limits say what may not be taken at this place. Each list is worked out from its own
row alone, so who else is in a block does not matter.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD
from jobs.reranking.limits import HeldPlaces


class Method(Protocol):
    """What a candidate adds to a list."""

    def gains(self, step: int, out: npt.NDArray[np.float32]) -> None:
        """Say what each candidate would add at a place.

        Args:
            step: 0-based place.
            out: float32, shape (n, width), to be filled with finite numbers.
        """

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Learn what was taken.

        Args:
            step: 0-based place.
            chosen: int64, shape (n,), places in the pool; any where a list has no candidate left.
        """


class RelevanceAlone:
    """No diversity: what a candidate adds is its relevance."""

    def __init__(self, relevance: npt.NDArray[np.float32]) -> None:
        """Keep the relevance, float32, shape (n, width)."""
        self._relevance = relevance

    def gains(self, step: int, out: npt.NDArray[np.float32]) -> None:
        """The relevance, at each place."""
        del step
        out[:] = self._relevance

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Nothing changes."""


def choose_greedily(
    method: Method, held: HeldPlaces, is_item: npt.NDArray[np.bool_], depth: int
) -> npt.NDArray[np.int64]:
    """Choose the first places of some lists.

    Args:
        method: what a candidate adds.
        held: what limits keep from the first places.
        is_item: bool, shape (n, width); false = padded.
        depth: places to choose.

    Returns:
        int64, shape (n, depth), places in the pool, of equal ones the first; -1 where no candidate is left.
    """
    n, width = is_item.shape
    rows, chosen = np.arange(n), np.full((n, depth), PAD, dtype=np.int64)
    taken = np.where(is_item, 0, -np.inf).astype(np.float32)
    gains = np.empty((n, width), dtype=np.float32)
    for step in range(min(depth, width)):
        method.gains(step, gains)
        gains += taken
        best = held.best(step, gains)
        chosen[:, step] = np.where(taken[rows, best] == 0, best, PAD)
        taken[rows, best] = -np.inf
        if step + 1 < depth:
            held.take(step, best)
            method.take(step, best)
    return chosen
