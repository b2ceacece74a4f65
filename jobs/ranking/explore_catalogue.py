"""The first pass over the users: draft every list, see what nobody is shown, and decide who is to explore it.

Costs are compared on the scale of each user's own pool, where the best candidate has relevance 1.
What is kept of a user is a few numbers, and of an item a few users; the drafts lie on disk.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD
from jobs.progress import progress_bar
from jobs.ranking.explored_items import Explored, nothing_explored
from jobs.ranking.make_home_lists import HomeWork, UserBlock, draft_lists, make_pool, pool_boosts, user_blocks
from jobs.ranking.offer_scarce_items import RelevanceScales, offer_scarce_items
from jobs.reranking.cheapest_users import CheapestUsers, Offers, join_offers, ranks_in_groups
from jobs.reranking.cover_catalogue import Chosen, cover_catalogue, places_to_spend
from jobs.reranking.draft import Draft, Source
from jobs.reranking.give_places import GivenPlaces, Heads, find_places, first_places
from jobs.reranking.hash_pairs import id_words, mix_words, uniform_of
from jobs.reranking.limits import Limit
from jobs.reranking.relevance import relevance
from jobs.reranking.spill_drafts import SpilledDrafts
from jobs.rules.list_rules import shown_to_somebody

# Of the users in whose pools an item is: so many who would mind least, and as many whoever they are, since those
# who mind least are the same for many items, and have few places.
_CHEAPEST: Final = 8
_DRAWN: Final = 8
# An item that fewer pools hold is offered to users outside them.
_SCARCE: Final = 4
# Costs that differ by less are equal, and a hash decides: sums of floats differ from block to block.
_EQUAL: Final = 1e-4


def explore_catalogue(work: HomeWork, drafts: SpilledDrafts) -> Explored | None:
    """Decide which under-exposed items each user is shown.

    Args:
        work: without explored items.
        drafts: takes the lists as they are without them.

    Returns:
        None where nothing is to be spent.
    """
    seen = _FirstPass(work)
    with progress_bar("Draft lists", len(work.users)) as advance:
        for block in user_blocks(work):
            pool = make_pool(work, block)
            lists = draft_lists(work, block, pool)
            seen.add(block, pool, lists)
            drafts.add(lists)
            advance(len(block.subjects))
    return seen.choose()


class _FirstPass:
    """What is kept of all drafts while they pass."""

    def __init__(self, work: HomeWork) -> None:
        n_users, n_items = len(work.users), work.rules.allowed.shape[1]
        shape = n_users, min(work.diversity.first, work.surface.k)
        self._work = work
        self._limits = exposure_limits(work)
        self._heads = Heads(np.full(shape, PAD, dtype=np.int32), np.zeros(shape, dtype="u1"), np.zeros(shape, "f4"))
        self._exposure = np.zeros(n_items, dtype=np.int64)
        self._scales = RelevanceScales(*np.zeros((3, n_users), dtype=np.float32))
        self._user_words = np.zeros(n_users, dtype=np.uint64)
        self._item_words = id_words("explore", [str(item) for item in range(n_items)])
        self._cheapest, self._drawn = CheapestUsers(n_items, _CHEAPEST), CheapestUsers(n_items, _DRAWN)

    def add(self, block: UserBlock, pool: Draft, lists: Draft) -> None:
        """Note a block of drafts, and to whom of its users items of their pools could be shown."""
        work, rows, first = self._work, block.rows, self._heads.items.shape[1]
        relevant = relevance(pool, pool_boosts(work, block, pool))
        heads = first_places(lists, first, _of_lists(lists, pool, relevant, first))
        self._user_words[rows] = id_words("explore", block.subjects)
        columns: tuple[npt.NDArray[Any], ...] = (*self._heads, *self._scales)
        for kept, column in zip(columns, (*heads, *_scales(pool, relevant)), strict=True):
            kept[rows] = column
        self._exposure += np.bincount(heads.items[heads.items >= 0], minlength=len(self._exposure))
        # What enough lists show already is never needed; what is shown later is left out in the end.
        is_wanted = np.append(self._exposure < work.coverage.min_lists, np.zeros(1, dtype=bool))
        row, place = np.nonzero(is_wanted[pool.items])
        self._keep_cheapest(heads, Offers(pool.items[row, place], row + rows.start, relevant[row, place]), rows.start)

    def choose(self) -> Explored | None:
        """The items of each user, when all have passed."""
        work, rules, n_users = self._work, self._work.coverage, len(self._work.users)
        is_available = shown_to_somebody(work.rules)
        most = places_to_spend(self._exposure, is_available, n_users, self._heads.items.shape[1], rules)
        if most == 0:
            return None
        is_wanted = is_available & (self._exposure < rules.min_lists)
        offers = _once(join_offers([self._cheapest.of(is_wanted), self._drawn.of(is_wanted)]), n_users)
        is_scarce = is_wanted & (np.bincount(offers.items, minlength=len(is_wanted)) < _SCARCE)
        scarce = offer_scarce_items(work, np.flatnonzero(is_scarce).astype(np.int32), self._scales)
        offers = _once(join_offers([offers, self._possible(scarce)]), n_users)
        chosen = cover_catalogue(offers, self._exposure, self._given(), rules, most)
        return _within_limits(self._explored(chosen), self._limits)

    def _given(self) -> GivenPlaces:
        """What lists give up, so that no item is shown by too few when all of it has gone."""
        spare = np.maximum(self._exposure - self._work.coverage.min_lists, 0)
        return self._places(self._heads, spare, self._user_words)

    def _places(
        self,
        heads: Heads,
        spare: npt.NDArray[np.int64] | None = None,
        order: npt.NDArray[np.uint64] | None = None,
    ) -> GivenPlaces:
        work = self._work
        turns, floor = work.coverage.most_per_list, work.diversity.min_categories
        return find_places(heads, work.traits.categories, turns, floor, spare, order)

    def _explored(self, chosen: Chosen) -> Explored:
        explored = nothing_explored(len(self._work.users), self._work.coverage.most_per_list)
        at = chosen.users, ranks_in_groups(chosen.users)
        explored.items[at] = chosen.items
        explored.instead_of[at] = self._heads.items[chosen.users, chosen.places]
        return explored

    def _keep_cheapest(self, heads: Heads, offers: Offers, start: int) -> None:
        given = self._places(heads)
        offers = self._possible(offers.where(given.places[offers.users - start, 0] >= 0))
        rows = offers.users - start
        words = self._user_words[offers.users] ^ self._item_words[offers.items]
        costs = given.losses[rows, 0] - given.weights[rows, 0] * offers.relevance
        self._cheapest.add(offers, (np.round(costs / _EQUAL) + uniform_of(words)) * _EQUAL)
        self._drawn.add(offers, uniform_of(mix_words(words)))

    def _possible(self, offers: Offers) -> Offers:
        """Without lists that show the item already, or enough of its kind."""
        offers = offers.where(~(self._heads.items[offers.users] == offers.items[:, None]).any(axis=1))
        for limit in self._limits:
            codes = limit.codes[offers.items]
            heads = self._heads.items[offers.users, : limit.first]
            alike = ((heads >= 0) & (limit.codes[heads] == codes[:, None])).sum(axis=1)
            offers = offers.where((codes < 0) | (alike < limit.most))
        return offers


def exposure_limits(work: HomeWork) -> tuple[Limit, ...]:
    """What the first places of a list may hold at most: by the rules, and by the settings of diversity."""
    diversity = work.diversity
    if not diversity.max_per_category:
        return work.rules.limits
    of_category = Limit("category", work.traits.categories, diversity.max_per_category, diversity.first)
    return (*work.rules.limits, of_category)


def _of_lists(lists: Draft, pool: Draft, relevant: npt.NDArray[np.float32], first: int) -> npt.NDArray[np.float32]:
    """Relevance of the first places of lists, as the pools have it; 0 for what is not of the pool."""
    found = np.zeros((len(lists.items), first), dtype=np.float32)
    for place in range(first):
        is_it = (pool.items == lists.items[:, place, None]) & (pool.items >= 0)
        found[:, place] = np.where(is_it, relevant, 0).sum(axis=1)
    return found


def _scales(pool: Draft, relevant: npt.NDArray[np.float32]) -> RelevanceScales:
    """How scores become relevance: by the best and the last candidate of the model."""
    is_own = pool.sources == Source.PERSONAL
    rows, first = np.arange(len(is_own)), is_own.argmax(axis=1)
    last = is_own.shape[1] - 1 - is_own[:, ::-1].argmax(axis=1)
    rise = pool.scores[rows, first] - pool.scores[rows, last]
    has_scale = is_own.any(axis=1) & (rise > 0)
    gain = relevant[rows, first] - relevant[rows, last]
    slopes = np.divide(gain, rise, out=np.zeros_like(rise), where=has_scale)
    return RelevanceScales(pool.scores[rows, last], relevant[rows, last], slopes)


def _once(offers: Offers, n_users: int) -> Offers:
    """Each pair once, by item and then in the order given."""
    cells = offers.items.astype(np.int64) * n_users + offers.users
    first = np.sort(np.unique(cells, return_index=True)[1])
    return offers.where(first[np.argsort(offers.items[first], kind="stable")])


def _within_limits(explored: Explored, limits: tuple[Limit, ...]) -> Explored:
    """Each was held against the list alone: of two alike the first stays."""
    items = explored.items.copy()
    for turn in range(1, items.shape[1]):
        for limit in limits:
            codes = np.where(items >= 0, limit.codes[items], PAD)
            is_like = (codes[:, :turn] == codes[:, turn, None]).any(axis=1) & (codes[:, turn] >= 0)
            items[is_like, turn] = PAD
    return Explored(items, explored.instead_of)
