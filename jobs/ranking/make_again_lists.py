"""Again lists: for a user, what they bought before and are due to buy again."""

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.base import PAD
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.repeat_purchases import BoughtPairs, repeat_chances
from jobs.ranking.save_lists import ListBlock
from jobs.rules.list_rules import ListRules
from reco_contracts.list_settings import AgainSurface
from reco_contracts.reasons import Reason


def again_lists(
    purchases: Interactions,
    users: pl.Series,
    kinds: npt.NDArray[np.int32],
    rules: ListRules,
    surface: AgainSurface,
    refusals: Interactions | None = None,
) -> ListBlock | None:
    """Rank what each user bought by the chance that they buy it within the horizon.

    A user to whom nothing is due has no list; neither has anybody where nothing is bought twice.

    Args:
        purchases: days on which users bought items, item indices of the generation.
        users: ids; position = user index.
        kinds: int32, shape (n_items,), code of the category that few purchases are pooled with; -1 = none.
        rules: business rules of the surface's lists, for these users.
        surface: its settings.
        refusals: days on which users dismissed or returned items. What was refused after it was last bought
            is not listed; a purchase after that brings it back. None = there are none.
    """
    due = repeat_chances(purchases, kinds, surface)
    pairs, chances = due.pairs, due.chances
    may_show = rules.allowed[rules.audiences[pairs.users], pairs.items]
    if refusals is not None:
        may_show &= ~_is_refused(pairs, refusals)
    rows = np.flatnonzero(due.is_repeated[pairs.items] & may_show & (chances >= surface.min_probability))
    rows = rows[np.lexsort((pairs.items[rows], -chances[rows], pairs.users[rows]))]
    if not len(rows):
        return None
    places = np.arange(len(rows)) - np.searchsorted(pairs.users[rows], pairs.users[rows])
    rows, places = rows[places < surface.k], places[places < surface.k]
    names, lists = np.unique(pairs.users[rows], return_inverse=True)
    items = np.full((len(names), surface.k), PAD, dtype=np.int32)
    scores = np.zeros(items.shape, dtype=np.float32)
    items[lists, places], scores[lists, places] = pairs.items[rows], chances[rows]
    reasons = np.full(items.shape, Reason.DUE_AGAIN, dtype=np.uint8)
    return ListBlock(users.gather(names).to_list(), items, scores, reasons, np.full(items.shape, PAD, dtype=np.int32))


def _is_refused(pairs: BoughtPairs, refusals: Interactions) -> npt.NDArray[np.bool_]:
    """Whether a pair was refused on a day after its last purchase, bool, shape (n pairs,)."""
    codes = pairs.users.astype(np.int64) * refusals.n_items + pairs.items  # rise: pairs are sorted by both
    refused = refusals.users.astype(np.int64) * refusals.n_items + refusals.items
    at = np.minimum(np.searchsorted(codes, refused), max(len(codes) - 1, 0))
    found = np.zeros(len(codes), dtype=bool)
    if len(codes):
        found[at[(codes[at] == refused) & (refusals.age_days < pairs.last_days[at])]] = True
    return found
