"""How like two items are: by the categories that they share.

The likeness of two items is the weighted share of the partitions of the catalogue that put them together:

    S[i, j]  =  OWN * [i = j]  +  sum over partitions p of  weight[p] * [p(i) = p(j)]

with weights that sum to 1. Each term is a block matrix of ones, so S is positive semidefinite and S[i, i] = 1; by the
first term its least eigenvalue is OWN or more, which keeps determinants of any set of distinct items away from 0.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jobs.reranking.item_traits import ItemTraits

# What two items of the same categories still differ by. Quarters and halves, so that equal sums are equal to the bit.
OWN: Final = 0.25
# The category that diversity counts weighs more than the levels around it together: these choose between categories,
# a neighbour in the same department is a little like, one in another department not at all.
CATEGORY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Likeness:
    """Partitions of the items, and what sharing a part weighs.

    Attributes:
        partitions: int32, shape (n_items,) each, code of an item's part; -1 = a part of its own.
        weights: of the partitions; with OWN they sum to 1.
    """

    partitions: tuple[npt.NDArray[np.int32], ...]
    weights: tuple[float, ...]


def item_likeness(traits: ItemTraits) -> Likeness:
    """The likeness of a catalogue's items: by category and levels of a tree, or by category alone where it has tags.

    Args:
        traits: of the items.
    """
    levels = [level for level in traits.levels.T if (level >= 0).any()]
    others = [np.ascontiguousarray(level) for level in levels if not np.array_equal(level, traits.categories)]
    rest = 1 - OWN - CATEGORY
    if not others:
        return Likeness((traits.categories,), (1 - OWN,))
    return Likeness((traits.categories, *others), (CATEGORY, *[rest / len(others)] * len(others)))


def parts_of(codes: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes of the items of some lists; what has none gets one that no other place of its list has.

    Args:
        codes: int32, shape (n_items,), n_items > 0; -1 = none.
        items: int32, shape (n, width); -1 pads.

    Returns:
        int32, shape (n, width); below 0 where an item has no code.
    """
    found = np.where(items >= 0, codes[items], -1)
    return np.where(found >= 0, found, -2 - np.arange(items.shape[1])).astype(np.int32)


class PoolLikeness:
    """Likeness of the candidates of some lists to one that was chosen."""

    def __init__(self, likeness: Likeness, items: npt.NDArray[np.int32], scale: float = 1.0) -> None:
        """Look the parts up.

        Args:
            likeness: of the items.
            items: int32, shape (n, width); -1 pads.
            scale: what every likeness is multiplied by.
        """
        self._parts = [parts_of(codes, items) for codes in likeness.partitions]
        self._weights = [np.float32(scale * weight) for weight in likeness.weights]
        self._rows = np.arange(len(items))
        self._is_same = np.empty(items.shape, dtype=bool)
        self._share = np.empty(items.shape, dtype=np.float32)
        self._sum = np.empty(items.shape, dtype=np.float32)

    def to_chosen(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Likeness of every candidate to the chosen one of its list, which itself is not scaled up to 1.

        Args:
            chosen: int64, shape (n,), places in the pool.

        Returns:
            float32, shape (n, width); overwritten by the next call.
        """
        for turn, (parts, weight) in enumerate(zip(self._parts, self._weights, strict=True)):
            np.equal(parts, parts[self._rows, chosen][:, None], out=self._is_same)
            np.multiply(self._is_same, weight, out=self._share if turn else self._sum)
            if turn:
                self._sum += self._share
        return self._sum
