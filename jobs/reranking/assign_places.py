"""Give items to places: the cheapest assignment with at most so many pairs.

With a price p for leaving an item out, the cheapest assignment has the fewest costs of all with
as many pairs, and with a higher price it has more of them. So the wanted number is found by
searching the price; an item whose cheapest place costs more is left out without asking.

Source: Jonker and Volgenant (1987), for the assignment (scipy's min_weight_full_bipartite_matching).
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

_ROUNDS: Final = 30
# Larger problems are not searched to the end: what is too much, at most this share, is dropped, dearest first.
_EXACT_ITEMS: Final = 3_000
_TOLERANCE: Final = 0.02

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """Items, and places that they could get; no pair twice.

    Attributes:
        items: int64, shape (p,).
        places: int64, shape (p,).
        costs: float64, shape (p,), any sign.
    """

    items: Indices
    places: Indices
    costs: Floats

    def where(self, is_kept: npt.NDArray[np.bool_]) -> "Pairs":
        """Some of them."""
        return Pairs(self.items[is_kept], self.places[is_kept], self.costs[is_kept])


def assign_places(pairs: Pairs, most: int) -> Pairs:
    """Choose pairs so that no item and no place is in two of them, as many as there can be, for the least cost.

    Args:
        pairs: to choose from.
        most: pairs that may be chosen.

    Returns:
        The chosen ones; where there could be more than `most`, the cheapest so many, up to the tolerance of
        large problems.
    """
    if most <= 0 or not len(pairs.items):
        return pairs.where(np.zeros(len(pairs.items), dtype=bool))
    cheapest = np.full(int(pairs.items.max()) + 1, np.inf)
    np.minimum.at(cheapest, pairs.items, pairs.costs)
    cheapest = np.sort(cheapest[np.isfinite(cheapest)])
    # Dearer than any chain of swaps that one more pair can cause.
    highest = float(pairs.costs.max()) + _span(pairs) * len(cheapest)
    if len(cheapest) <= most:
        return _assign(pairs, highest)
    return _search(pairs, most, float(cheapest[most]), highest)


def _search(pairs: Pairs, most: int, low: float, highest: float) -> Pairs:
    """The cheapest `most` pairs.

    Args:
        pairs: to choose from.
        most: how many.
        low: a price that leads to at most so many.
        highest: the price that leads to as many as there can be.
    """
    enough = most if most <= _EXACT_ITEMS else round(most * (1 + _TOLERANCE))
    found, high, step = _assign(pairs, low), low, _span(pairs) / 16
    while len(found.items) < most and high < highest:
        low, high, step = high, min(high + step, highest), 4 * step
        found = _assign(pairs, high)
    for _ in range(_ROUNDS):
        if len(found.items) <= enough:
            break
        middle = (low + high) / 2
        tried = _assign(pairs, middle)
        if len(tried.items) < most:
            low = middle
        else:
            found, high = tried, middle
    return _cheapest(found, most)


def _span(pairs: Pairs) -> float:
    return float(np.ptp(pairs.costs)) + 1.0


def _assign(pairs: Pairs, price: float) -> Pairs:
    """The cheapest assignment where leaving an item out costs a price."""
    worth = pairs.where(pairs.costs < price)
    items, rows = np.unique(worth.items, return_inverse=True)
    places, columns = np.unique(worth.places, return_inverse=True)
    if not len(items):
        return worth
    # Every item has a column of its own for being left out; no entry may be 0, which would be no entry.
    all_rows = np.concatenate((rows, np.arange(len(items))))
    all_columns = np.concatenate((columns, len(places) + np.arange(len(items))))
    least = float(worth.costs.min())
    weights = np.concatenate((worth.costs, np.full(len(items), price))) - least + 1.0
    shape = (len(items), len(places) + len(items))
    at = min_weight_full_bipartite_matching(csr_matrix((weights, (all_rows, all_columns)), shape=shape))[1]
    return worth.where(columns == at[rows])


def _cheapest(found: Pairs, most: int) -> Pairs:
    kept = np.zeros(len(found.items), dtype=bool)
    kept[np.lexsort((found.items, found.costs))[:most]] = True
    return found.where(kept)
