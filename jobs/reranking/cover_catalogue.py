"""Decide which users are shown which under-exposed items, so that enough of the catalogue is seen by somebody.

An item that is among the first places of too few lists goes to the users who lose least by it, each
of whom gives up few places, and all together no more than the budget: an assignment under capacity.
"""

from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.reranking.assign_places import Pairs, assign_places
from jobs.reranking.cheapest_users import Offers, ranks_in_groups
from jobs.reranking.give_places import GivenPlaces
from jobs.reranking.list_measures import countable_items
from reco_contracts.list_settings import CoverageSection

# More than one place can cost: first every item is shown once, then every one twice, ...
_A_LEVEL = 8.0


class Chosen(NamedTuple):
    """Who is shown what.

    Attributes:
        users: int64, shape (p,).
        items: int32, shape (p,).
        places: int16, shape (p,), of what the list gives up for it, see `GivenPlaces`.
    """

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    places: npt.NDArray[np.int16]


def places_to_spend(
    exposure: npt.NDArray[np.int64],
    is_available: npt.NDArray[np.bool_],
    n_lists: int,
    first: int,
    rules: CoverageSection,
) -> int:
    """How many places must go to under-exposed items, as far as the budget allows.

    Args:
        exposure: int64, shape (n_items,), lists that each item is among the first places of.
        is_available: bool, shape (n_items,), may be shown to somebody.
        n_lists: lists.
        first: first places of a list.
        rules: share, goal and min_lists.
    """
    wanted = ceil(rules.goal * countable_items(int(is_available.sum()), n_lists * first))
    levels = (int((exposure[is_available] > level).sum()) for level in range(rules.min_lists))
    needed = sum(max(0, wanted - reached) for reached in levels)
    return min(needed, int(rules.share * n_lists * first))


def cover_catalogue(
    offers: Offers, exposure: npt.NDArray[np.int64], given: GivenPlaces, rules: CoverageSection, most: int
) -> Chosen:
    """Choose among offers.

    Args:
        offers: by item, the better users first; no pair twice.
        exposure: int64, shape (n_items,), lists that each item is among the first places of.
        given: what each user's list can give up.
        rules: min_lists.
        most: places that may be spent.

    Returns:
        The chosen ones and their places, by user and then by relevance, the best first.
    """
    missing = rules.min_lists - exposure[offers.items]
    rank = ranks_in_groups(offers.items)
    # Each further list of an item chooses among users of its own, so that no user gets it twice.
    level = exposure[offers.items] + rank % np.maximum(missing, 1)
    turns = given.places.shape[1]
    pair, turn = np.nonzero((given.places[offers.users] >= 0) & (missing > 0)[:, None])
    users = offers.users[pair]
    costs = given.losses[users, turn] - given.weights[users, turn] * offers.relevance[pair].astype(np.float64)
    chosen = assign_places(
        Pairs(
            items=offers.items[pair].astype(np.int64) * rules.min_lists + level[pair],
            places=users * turns + turn,
            costs=costs + _A_LEVEL * level[pair],
        ),
        most,
    )
    return _of_pairs(offers, chosen, given, rules.min_lists)


def _of_pairs(offers: Offers, pairs: Pairs, given: GivenPlaces, min_lists: int) -> Chosen:
    """The offers that pairs stand for."""
    turns = given.places.shape[1]
    users, turn = pairs.places // turns, pairs.places % turns
    scale = np.int64(len(given.places))
    cells = offers.items.astype(np.int64) * scale + offers.users
    order = np.argsort(cells, kind="stable")
    wanted = pairs.items // min_lists * scale + users
    found = offers.where(order[np.searchsorted(cells[order], wanted)])
    by_user = np.lexsort((found.items, -found.relevance, found.users))
    return Chosen(found.users[by_user], found.items[by_user], given.places[users, turn][by_user])
