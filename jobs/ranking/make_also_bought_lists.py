"""Also-bought lists: for an item, what people choose together with it, and not in its place."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.models.base import PAD
from jobs.models.likeness import row_lengths
from jobs.ranking.count_baskets import Pairs, count_pairs, make_baskets
from jobs.ranking.interaction_matrix import Interactions, index_of
from jobs.ranking.item_content import item_content
from jobs.ranking.save_lists import ListBlock
from reco_contracts.list_settings import AlsoBoughtSurface
from reco_contracts.reasons import Reason

# Whose content is compared at once.
_PAIRS_AT_ONCE = 200_000


class Kinship(NamedTuple):
    """What tells whether one item can stand in for another.

    Attributes:
        kinds: int32, shape (n_items,), code of the closest category; -1 = none.
        words: CSR float32, shape (n_items, n_words), rows of length 1.
    """

    kinds: npt.NDArray[np.int32]
    words: csr_matrix


class Partners(NamedTuple):
    """The best partners of some items; parallel, sorted by item, best first.

    Attributes:
        items: int32.
        others: int32.
        scores: float64.
    """

    items: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]


def also_bought_lists(
    chosen: Interactions,
    item_ids: pl.Series,
    kinship: Kinship,
    is_available: npt.NDArray[np.bool_],
    rules: AlsoBoughtSurface,
) -> ListBlock | None:
    """Rank the partners of every item that has any.

    Pairs of the same basket come first. Where they are few, pairs of a wider period fill
    the list, and then it ends: what is merely alike or popular is not bought with the item.

    Args:
        chosen: interactions that count as choices, item indices of the generation.
        item_ids: ids; position = item index.
        kinship: of the items.
        is_available: bool, shape (n_items,), may be shown.
        rules: of the surface.
    """
    near = best_partners(chosen, rules.basket_days, kinship, is_available, rules)
    wide = best_partners(chosen, rules.wider_days, kinship, is_available, rules)
    best = _one_after_the_other(near, wide, len(item_ids), rules.k)
    subjects, rows = np.unique(best.items, return_inverse=True)
    if not len(subjects):
        return None
    items = np.full((len(subjects), rules.k), PAD, dtype=np.int32)
    scores = np.zeros((len(subjects), rules.k), dtype=np.float32)
    places = _places(best.items)
    items[rows, places], scores[rows, places] = best.others, best.scores
    reasons = np.full(items.shape, Reason.BOUGHT_TOGETHER, dtype=np.uint8)
    seeds = np.where(items >= 0, subjects[:, None], PAD).astype(np.int32)
    # Items of the second kind stand behind those of the first, whatever their own evidence.
    return ListBlock(item_ids.gather(subjects).to_list(), items, np.minimum.accumulate(scores, axis=1), reasons, seeds)


def item_kinship(items: pl.DataFrame, paths: pl.Series) -> Kinship:
    """Read what tells substitutes: the closest category, and the words that describe an item.

    Args:
        items: columns of dim_items; row number = item index.
        paths: categories of each item, closest first.
    """
    closest = paths.list.first()
    words = item_content(items).words
    lengths = np.repeat(row_lengths(words), np.diff(words.indptr))
    words.data = words.data / np.maximum(lengths, np.float32(1e-9))
    return Kinship(index_of(closest, closest.drop_nulls().unique().sort()), words)


def best_partners(
    chosen: Interactions,
    days: int,
    kinship: Kinship,
    is_available: npt.NDArray[np.bool_],
    rules: AlsoBoughtSurface,
) -> Partners:
    """The best partners of each item by the evidence of baskets, with that for substitutes damped.

    A partner must have enough evidence after the damping, or a list without complements would be one of substitutes.

    Args:
        chosen: interactions that count as choices.
        days: what is chosen within so many days is one basket.
        kinship: of the items.
        is_available: bool, shape (n_items,); others are left out as partners.
        rules: of the surface.

    Returns:
        At most rules.k partners an item; ties by index.
    """
    baskets = make_baskets(chosen, days, rules.max_basket_items)
    parts = [Partners(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))]
    for pairs in count_pairs(baskets, rules.min_baskets, rules.min_evidence):
        scores = pairs.evidence * (1.0 - rules.substitutes_damping * likeness(pairs, kinship))
        rows = np.flatnonzero(is_available[pairs.others] & (scores > 0) & (scores >= rules.min_evidence))
        order = rows[np.lexsort((pairs.others[rows], -scores[rows], pairs.items[rows]))]
        order = order[_places(pairs.items[order]) < rules.k]
        parts.append(Partners(pairs.items[order], pairs.others[order], scores[order]))
    return _joined(parts)


def likeness(pairs: Pairs, kinship: Kinship) -> npt.NDArray[np.float64]:
    """How far two items are of one kind: 0 in different closest categories, else the cosine of their words.

    Args:
        pairs: pairs of items.
        kinship: of the items.

    Returns:
        float64, shape (n pairs,), 0..1.
    """
    alike = np.zeros(len(pairs.items))
    kinds = kinship.kinds[pairs.items]
    same = np.flatnonzero((kinds >= 0) & (kinds == kinship.kinds[pairs.others]))
    for start in range(0, len(same), _PAIRS_AT_ONCE):
        rows = same[start : start + _PAIRS_AT_ONCE]
        products = kinship.words[pairs.items[rows]].multiply(kinship.words[pairs.others[rows]])
        alike[rows] = np.clip(np.asarray(products.sum(axis=1), dtype=np.float64).ravel(), 0, 1)
    return alike


def _one_after_the_other(near: Partners, wide: Partners, n_items: int, k: int) -> Partners:
    """The pairs of the first, then those of the second that are not among them; at most k an item."""
    items, others, scores = _joined([near, wide])
    is_wide = np.arange(len(items)) >= len(near.items)
    _, first = np.unique(items.astype(np.int64) * n_items + others, return_index=True)
    order = first[np.lexsort((others[first], -scores[first], is_wide[first], items[first]))]
    order = order[_places(items[order]) < k]
    return Partners(items[order], others[order], scores[order])


def _joined(parts: list[Partners]) -> Partners:
    return Partners(
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.others for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _places(items: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The place of each entry among those of its item; the entries are grouped."""
    places: npt.NDArray[np.int64] = np.arange(len(items)) - np.searchsorted(items, items)
    return places
