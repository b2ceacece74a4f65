"""Which of the first places of lists can be given to other items, what that costs, and how it is done.

A list gives up the item that it would miss least, from the end, as long as enough categories are
left and enough other lists show the item. The items behind it move up, and the other item takes the
last of the first places. With the discount w of a place, the expected loss is

    loss - weight * relevance of the other item,   weight = w(last place)

where the loss is the discounted relevance that the list has without the item that it gives up.

Source: the discount is that of NDCG: Järvelin, Kekäläinen (2002), Cumulated Gain-based Evaluation.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD
from jobs.reranking.cheapest_users import ranks_in_groups
from jobs.reranking.draft import Draft, Source
from jobs.reranking.insert_items import insert_items
from jobs.reranking.list_measures import distinct_codes

# New and pinned items are where they are for a reason of their own.
_MOVABLE = (Source.PERSONAL, Source.SEGMENT, Source.POPULAR)
_Floats = npt.NDArray[np.float32]
_Flags = npt.NDArray[np.bool_]
_Indices = npt.NDArray[np.int64]


class Heads(NamedTuple):
    """The first places of lists.

    Attributes:
        items: int32, shape (n, first); -1 pads, at the end only.
        sources: uint8, shape (n, first), Source.
        relevance: float32, shape (n, first), 0..1 as the user's own pool has it; only costs depend on it.
    """

    items: npt.NDArray[np.int32]
    sources: npt.NDArray[np.uint8]
    relevance: _Floats


def first_places(lists: Draft, first: int, relevance: _Floats | None = None) -> Heads:
    """The first places of lists.

    Args:
        lists: n lists.
        first: how many.
        relevance: float32, shape (n, first); None where costs do not matter.
    """
    items = lists.items[:, :first]
    values = np.zeros(items.shape, dtype=np.float32) if relevance is None else relevance
    return Heads(items, lists.sources[:, :first], values)


class GivenPlaces(NamedTuple):
    """What lists can give up, in the order in which they do; each turn after the ones before it.

    Attributes:
        places: int16, shape (n, turns), 0-based place of the item that goes; the place behind the end of a short
            list, which gives up nothing; -1 = none.
        losses: float32, shape (n, turns).
        weights: float32, shape (n, turns).
    """

    places: npt.NDArray[np.int16]
    losses: _Floats
    weights: _Floats


def find_places(
    heads: Heads,
    categories: npt.NDArray[np.int32],
    turns: int,
    min_categories: int,
    spare: _Indices | None = None,
    order: npt.NDArray[np.uint64] | None = None,
) -> GivenPlaces:
    """Find the places that each list can give up.

    Args:
        heads: of n lists.
        categories: int32, shape (n_items,); -1 = none.
        turns: places that a list may give up.
        min_categories: distinct categories that must be left where there are so many.
        spare: int64, shape (n_items,), how many of these lists together may give up each item. None = all.
        order: uint64, shape (n,), who may where not all may: those with the lowest. None where `spare` is.
    """
    n, width = heads.items.shape
    codes = np.where(heads.items >= 0, categories[heads.items], PAD)
    kept, lengths = heads.items >= 0, (heads.items >= 0).sum(axis=1)
    floor = np.minimum(min_categories, distinct_codes(np.where(kept, codes, PAD)))
    discounts = 1 / np.log2(np.arange(width) + 2)
    found = GivenPlaces(*(np.zeros((n, turns), dtype=kind) for kind in (np.int16, np.float32, np.float32)))
    left = None if spare is None else spare.copy()
    for turn in range(turns):
        is_free = lengths + turn < width
        place = _next_places(heads, codes, kept, floor, np.flatnonzero(~is_free), left, order)
        last = np.where(is_free, lengths + turn, width - 1 - np.maximum(turn - (width - lengths), 0))
        found.places[:, turn] = np.where(is_free, last, place)
        found.losses[:, turn] = _loss(np.where(kept, heads.relevance, 0), kept, place, discounts)
        found.weights[:, turn] = discounts[np.maximum(last, 0)]
        goes = np.flatnonzero(place >= 0)
        kept[goes, place[goes]] = False
    return found


def put_items(
    lists: Draft, items: npt.NDArray[np.int32], scores: _Floats, places: npt.NDArray[np.int16], first: int
) -> Draft:
    """Put explored items at the last of the first places; what was given up for them follows behind.

    Args:
        lists: n lists.
        items: int32, shape (n, turns), none among the first places; -1 pads, at the end only.
        scores: float32, shape (n, turns), the model's.
        places: int16, shape (n, turns), of GivenPlaces; an item for which nothing is left to give is not put.
        first: so many places are the first ones.
    """
    k = lists.items.shape[1]
    width = min(first, k)
    wanted = np.where(places >= 0, items, PAD)
    length = (lists.items[:, :width] >= 0).sum(axis=1)
    goes = (wanted >= 0) & (places < length[:, None])
    order = np.where(lists.items >= 0, np.arange(k, dtype=np.float64), 2 * k)
    rows, turn_of = np.nonzero(goes)
    given = places[rows, turn_of]
    # Between the last of the first places and the next one, in the old order.
    order[rows, given] = width - 1 + (given + 1) / (width + 1)
    moved = np.argsort(order, axis=1, kind="stable")
    lists = Draft(
        lists.subjects,
        np.take_along_axis(lists.items, moved, axis=1),
        np.take_along_axis(lists.scores, moved, axis=1),
        np.take_along_axis(lists.sources, moved, axis=1),
    )
    for turn in range(items.shape[1]):
        place = length - goes.sum(axis=1) + (wanted[:, :turn] >= 0).sum(axis=1)
        lists = insert_items(lists, wanted[:, turn], scores[:, turn], place, Source.EXPLORED)
    return lists


def _next_places(
    heads: Heads,
    codes: npt.NDArray[np.int32],
    kept: _Flags,
    floor: _Indices,
    rows: _Indices,
    spare: _Indices | None,
    order: npt.NDArray[np.uint64] | None,
) -> _Indices:
    """The last place of each row that can go, int64, shape (n,); -1 = none, or not asked. Counts down what is spare."""
    found = np.full(len(codes), PAD, dtype=np.int64)
    may_go = np.isin(heads.sources[rows], _MOVABLE) & _can_go(codes[rows], kept[rows], floor[rows])
    while len(rows):
        has_any = may_go.any(axis=1)
        rows, may_go = rows[has_any], may_go[has_any]
        place = may_go.shape[1] - 1 - may_go[:, ::-1].argmax(axis=1)
        if spare is None or order is None:
            found[rows] = place
            break
        items = heads.items[rows, place]
        is_given = _rank_within(items, order[rows]) < spare[items]
        found[rows[is_given]] = place[is_given]
        spare -= np.bincount(items[is_given], minlength=len(spare))
        may_go[np.arange(len(rows)), place] = False
        rows, may_go = rows[~is_given], may_go[~is_given]
    return found


def _rank_within(items: npt.NDArray[np.int32], order: npt.NDArray[np.uint64]) -> _Indices:
    """0, 1, 2 ... among the rows with the same item, by their order."""
    by_item = np.lexsort((order, items))
    ranks = np.empty(len(items), dtype=np.int64)
    ranks[by_item] = ranks_in_groups(items[by_item])
    return ranks


def _can_go(codes: npt.NDArray[np.int32], kept: _Flags, floor: _Indices) -> _Flags:
    """Whether a place is kept, and enough categories are left without it."""
    counts = np.zeros(codes.shape, dtype=np.int16)
    for place in range(codes.shape[1]):
        counts += (codes == codes[:, place, None]) & kept[:, place, None]
    is_only_one = (codes >= 0) & (counts == 1)
    return np.asarray(kept & (distinct_codes(np.where(kept, codes, PAD))[:, None] - is_only_one >= floor[:, None]))


def _loss(relevance: _Floats, kept: _Flags, place: _Indices, discounts: npt.NDArray[np.float64]) -> _Floats:
    """Discounted relevance of the kept places with the place, minus that without it."""
    without = kept.copy()
    rows = np.flatnonzero(place >= 0)
    without[rows, place[rows]] = False
    return _gain(relevance, kept, discounts) - _gain(relevance, without, discounts)


def _gain(relevance: _Floats, kept: _Flags, discounts: npt.NDArray[np.float64]) -> _Floats:
    ranks = np.maximum(np.cumsum(kept, axis=1) - 1, 0)
    return np.asarray((np.where(kept, relevance, 0) * discounts[ranks]).sum(axis=1), dtype=np.float32)
