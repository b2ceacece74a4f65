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
# What is assigned at once. Larger problems go in parts, the items with the dearest places first: 32,000 items took 13 s
# at once, and in parts 1.2 s, for 3 % more cost.
_EXACT_ITEMS: Final = 3_000
# Of a large problem the items with the cheapest places are taken beforehand, this share more than wanted.
_RESERVE: Final = 0.02

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
        The chosen ones. Where there could be more than `most` it is the cheapest so many; of a large problem
        those with the cheapest places, each for itself.
    """
    if most <= 0 or not len(pairs.items):
        return pairs.where(np.zeros(len(pairs.items), dtype=bool))
    lowest = np.full(int(pairs.items.max()) + 1, np.inf)
    np.minimum.at(lowest, pairs.items, pairs.costs)
    cheapest = np.sort(lowest[np.isfinite(lowest)])
    # Dearer than any chain of swaps that one more pair can cause.
    highest = float(pairs.costs.max()) + _span(pairs) * len(cheapest)
    if min(most, len(cheapest)) > _EXACT_ITEMS:
        last = cheapest[min(round(most * (1 + _RESERVE)), len(cheapest) - 1)]
        return _cheapest(_in_parts(pairs.where(lowest[pairs.items] <= last), lowest, highest), most)
    return _assign(pairs, highest) if len(cheapest) <= most else _search(pairs, most, float(cheapest[most]), highest)


def _in_parts(pairs: Pairs, lowest: Floats, highest: float) -> Pairs:
    """Assign some items after the others, each part to the places that are left.

    Args:
        pairs: to choose from.
        lowest: float64, the least cost of each item.
        highest: price of leaving an item out.
    """
    items = np.unique(pairs.items)
    rank = np.zeros(len(lowest), dtype=np.int64)
    rank[items[np.argsort(-lowest[items], kind="stable")]] = np.arange(len(items))
    part, is_left = rank[pairs.items] // _EXACT_ITEMS, np.ones(int(pairs.places.max()) + 1, dtype=bool)
    found = []
    for number in range(int(part.max()) + 1):
        found.append(_assign(pairs.where((part == number) & is_left[pairs.places]), highest))
        is_left[found[-1].places] = False
    return Pairs(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _search(pairs: Pairs, most: int, low: float, highest: float) -> Pairs:
    """The cheapest `most` pairs.

    Args:
        pairs: to choose from.
        most: how many.
        low: a price that leads to at most so many.
        highest: the price that leads to as many as there can be.
    """
    found, high, step = _assign(pairs, low), low, _span(pairs) / 16
    while len(found.items) < most and high < highest:
        low, high, step = high, min(high + step, highest), 4 * step
        found = _assign(pairs, high)
    for _ in range(_ROUNDS):
        if len(found.items) <= most:
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
