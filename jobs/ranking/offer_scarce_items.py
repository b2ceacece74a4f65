"""Offer items that are in few pools to users outside them: by the model, and by taste where it knows nothing.

Half of the users that an item is offered to have its category in their history, half are anybody.
All come from a sample of users, drawn by hash, of whom there are enough to take all these items.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_matrix, csr_matrix

from jobs.models.base import PAD
from jobs.ranking.explored_items import is_stored
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from jobs.ranking.make_home_lists import HomeWork
from jobs.reranking.category_mixes import category_mixes
from jobs.reranking.cheapest_users import Offers, no_offers, ranks_in_groups
from jobs.reranking.hash_pairs import id_words

# Users that an item is offered to: with a taste for its category, and anybody.
_WITH_TASTE: Final = 8
_ANYBODY: Final = 8
_SAMPLE_USERS: Final = 4_096
# Offers to one user for the taste of a category: more than these they could not take anyway.
_MOST_OFFERS: Final = 64
_SCORED_USERS: Final = 4_096

Indices = npt.NDArray[np.int64]


class RelevanceScales(NamedTuple):
    """How a score of the model becomes a relevance: base + slope * (score - last).

    Attributes:
        lasts: float32, shape (n_users,), the score of the model's last candidate in the pool.
        bases: float32, shape (n_users,), its relevance.
        slopes: float32, shape (n_users,); 0 where the model says nothing of a user.
    """

    lasts: npt.NDArray[np.float32]
    bases: npt.NDArray[np.float32]
    slopes: npt.NDArray[np.float32]


def offer_scarce_items(work: HomeWork, items: npt.NDArray[np.int32], scales: RelevanceScales) -> Offers:
    """Find users for items.

    Args:
        work: the users, the model and the rules.
        items: int32, ascending, indices of the generation.
        scales: of all users.

    Returns:
        Users who may be shown the item; its relevance is at most what the last candidate of their pool has or more,
        by the score, and between -1 and 0 by their taste for its category where the model knows nothing.
    """
    if not len(items):
        return no_offers()
    users = _sample(work, len(items))
    data = work.data.of_users(users)
    tastes = category_mixes(data, work.traits)
    row, item = _draw(items, work.traits.categories[items], tastes)
    is_kept = work.rules.allowed[work.rules.audiences[users[row]], item]
    is_kept &= ~is_stored(blocked_matrix(data, work.surface.exclude_seen), row, item)
    row, item = row[is_kept], item[is_kept]
    scores = _scores(work, users, row, item)
    scale = RelevanceScales(*(column[users[row]] for column in scales))
    by_model = np.clip(scale.bases + scale.slopes * (scores - scale.lasts), -1, None)
    by_taste = _cells(tastes, row, work.traits.categories[item]) - 1
    relevance = np.where((scores != 0) & (scale.slopes > 0), by_model, by_taste)
    order = np.lexsort((row, -relevance, item))
    return Offers(item[order], users[row[order]], relevance[order].astype(np.float32))


def _sample(work: HomeWork, n_items: int) -> Indices:
    """Users with the lowest hashes, four times as many places as there are items; ascending."""
    size = max(_SAMPLE_USERS, 4 * n_items // work.coverage.most_per_list)
    words = id_words("scarce items", work.users.to_list())
    return np.sort(np.argsort(words, kind="stable")[:size])


def _draw(
    items: npt.NDArray[np.int32], categories: npt.NDArray[np.int32], tastes: csr_matrix
) -> tuple[Indices, npt.NDArray[np.int32]]:
    """Deal the users round to the items: those with a taste for a category to its items, and all to all.

    Returns:
        Rows of the sample, and items; sorted by row, no pair twice.
    """
    n_users = tastes.shape[0]
    everybody = _deal(np.arange(n_users), items, _ANYBODY)
    dealt, columns = [everybody], csc_matrix(tastes)
    for category in np.unique(categories[categories >= 0]):
        fans = columns.indices[columns.indptr[category] : columns.indptr[category + 1]].astype(np.int64)
        alike = items[categories == category]
        dealt.append(_deal(np.sort(fans), alike, min(_WITH_TASTE, _MOST_OFFERS * len(fans) // len(alike))))
    width = np.int64(items.max()) + 1
    cells = np.unique(np.concatenate([row * width + item for row, item in dealt]))
    return cells // width, (cells % width).astype(np.int32)


def _deal(rows: Indices, items: npt.NDArray[np.int32], each: int) -> tuple[Indices, npt.NDArray[np.int32]]:
    """So many rows for each item, one after the other, from the first again when they are through."""
    count = min(each, len(rows))
    at = np.arange(len(items) * count)
    return rows[at % max(len(rows), 1)], np.repeat(items, count)


def _scores(work: HomeWork, users: Indices, row: Indices, item: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The model's score of each pair; 0 where it knows nothing."""
    scores = np.zeros(len(row), dtype=np.float32)
    for start in range(0, len(users), _SCORED_USERS):
        first, last = np.searchsorted(row, (start, start + _SCORED_USERS))
        rows, pairs = row[first:last] - start, slice(first, last)
        people: Interactions = work.model_data.of_users(users[start : start + _SCORED_USERS])
        place = ranks_in_groups(rows)
        matrix = np.full((len(people_rows := np.unique(rows)), int(place.max(initial=0)) + 1), PAD, dtype=np.int32)
        at = np.searchsorted(people_rows, rows)
        matrix[at, place] = item[pairs]
        found = work.ranking.model.score(people.of_users(people_rows), work.ranking.to_model(matrix))
        scores[pairs] = found[at, place]
    return scores


def _cells(matrix: csr_matrix, rows: Indices, columns: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Values of single cells; 0 for column -1."""
    values = np.zeros(len(rows), dtype=np.float32)
    known = columns >= 0
    values[known] = np.asarray(matrix[rows[known], columns[known]]).ravel()
    return values
