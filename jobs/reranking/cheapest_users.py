"""For each item the users with the lowest keys, out of pairs that come in blocks: memory does not grow with users."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Offers(NamedTuple):
    """Users to whom items could be shown.

    Attributes:
        items: int32, shape (p,).
        users: int64, shape (p,).
        relevance: float32, shape (p,), of the item for the user.
    """

    items: npt.NDArray[np.int32]
    users: npt.NDArray[np.int64]
    relevance: npt.NDArray[np.float32]

    def where(self, kept: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Offers":
        """Some of them."""
        return Offers(self.items[kept], self.users[kept], self.relevance[kept])


def join_offers(parts: list[Offers]) -> Offers:
    """Offers one after the other."""
    return Offers(*(np.concatenate(columns) for columns in zip(no_offers(), *parts, strict=True)))


def no_offers() -> Offers:
    """Nothing."""
    return Offers(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


class CheapestUsers:
    """The best offers so far; the order in which blocks come does not matter."""

    def __init__(self, n_items: int, each: int) -> None:
        """Begin without any.

        Args:
            n_items: items.
            each: users kept for each item.
        """
        self._each = each
        self._offers = no_offers()
        self._keys = np.zeros(0, dtype=np.float64)
        self._limits = np.full(n_items, np.inf)

    def add(self, offers: Offers, keys: npt.NDArray[np.float64]) -> None:
        """Keep what is among the best.

        Args:
            offers: pairs that were not offered before.
            keys: float64, shape (p,), lower is better; equal ones should be rare.
        """
        is_better = keys < self._limits[offers.items]
        offers = join_offers([self._offers, offers.where(is_better)])
        keys = np.concatenate((self._keys, keys[is_better]))
        order = np.lexsort((offers.users, keys, offers.items))
        ranks = ranks_in_groups(offers.items[order])
        self._offers = offers.where(order[ranks < self._each])
        self._keys = keys[order[ranks < self._each]]
        is_last = ranks == self._each - 1
        self._limits[offers.items[order[is_last]]] = keys[order[is_last]]

    def of(self, is_wanted: npt.NDArray[np.bool_]) -> Offers:
        """The best offers of some items, by item and then by key.

        Args:
            is_wanted: bool, shape (n_items,).
        """
        return self._offers.where(is_wanted[self._offers.items])


def ranks_in_groups(groups: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, 2 ... within each run of equal values.

    Args:
        groups: shape (p,), equal ones side by side.
    """
    is_start = np.diff(groups, prepend=groups[:1] - 1) != 0
    starts = np.flatnonzero(is_start)
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))
