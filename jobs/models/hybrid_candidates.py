"""Candidates for each user: the union of several lists, and where each list has them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import TopK
from jobs.ranking.interaction_matrix import Interactions, weight_matrix

_Cells = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


class SourceLists(NamedTuple):
    """One source's lists of n users, flat: a place is a user, an item and what the source thinks of it.

    Attributes:
        cells: int64, shape (m,), user * n_items + item, ascending.
        scores: float32, shape (m,), 1 at the top of a user's list, 0 at its end, linear in the source's score;
            1 throughout where the source tells nothing apart.
        ranks: float32, shape (m,), 1 / log2(rank + 1): 1, 0.63, 0.5 ...; equal scores share the best rank.
    """

    cells: _Cells
    scores: _Floats
    ranks: _Floats


def lists_of_top_k(lists: TopK, n_items: int) -> SourceLists:
    """Normalise the lists of a model.

    Args:
        lists: of n users.
        n_items: of the catalogue.
    """
    rows, places = np.nonzero(lists.items >= 0)
    return _normalised(rows, lists.items[rows, places], lists.scores[rows, places], places, n_items)


def lists_of_own_items(
    data: Interactions,
    k: int,
    half_life_days: float,
    blocked: csr_matrix | None = None,
    candidates: npt.NDArray[np.bool_] | None = None,
) -> SourceLists:
    """What each user already has, most often and latest first: who buys again is served by it best.

    Args:
        data: of n users.
        k: items at most.
        half_life_days: age at which an interaction counts half.
        blocked: CSR, shape (n, n_items); non-zero = leave out.
        candidates: bool, shape (n_items,); false = leave out. None = all.
    """
    own = weight_matrix(data, half_life_days)
    if blocked is not None:
        own = (own - own.multiply(blocked != 0)).tocsr()
        own.eliminate_zeros()
    rows = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
    items, weights = own.indices, own.data.astype(np.float32)
    if candidates is not None:
        rows, items, weights = rows[candidates[items]], items[candidates[items]], weights[candidates[items]]
    order = np.lexsort((items, -weights, rows))
    rows, items, weights = rows[order], items[order], weights[order]
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = places < k
    return _normalised(rows[first], items[first], weights[first], places[first], data.n_items)


def union_of(lists: Iterable[SourceLists]) -> _Cells:
    """Every cell that any source names, ascending."""
    return np.unique(np.concatenate([source.cells for source in lists]))


def source_values(cells: _Cells, lists: Iterable[SourceLists]) -> _Floats:
    """What each source thinks of each cell.

    Args:
        cells: int64, shape (m,).
        lists: of s sources.

    Returns:
        float32, shape (m, 2 s): score and rank of each source; both 0 where it does not name the cell.
    """
    columns = []
    for source in lists:
        place = np.searchsorted(source.cells, cells)
        place[place == len(source.cells)] = 0
        is_named = source.cells[place] == cells if len(source.cells) else np.zeros(len(cells), dtype=bool)
        for values in (source.scores, source.ranks):
            named = np.zeros(len(cells), dtype=np.float32)
            named[is_named] = values[place[is_named]]
            columns.append(named)
    return np.column_stack(columns)


def _normalised(
    rows: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    scores: _Floats,
    places: npt.NDArray[np.int64],
    n_items: int,
) -> SourceLists:
    """Bring lists to one scale; rows ascend and places count up from 0 within each."""
    size = len(rows)
    starts = np.flatnonzero(places == 0)
    lengths = np.diff(np.append(starts, size))
    top, end = np.repeat(scores[starts], lengths), np.repeat(scores[starts + lengths - 1], lengths)
    is_telling = top > end
    scaled = np.where(is_telling, (scores - end) / np.where(is_telling, top - end, 1), 1)
    # The place of the first of equal scores.
    is_first = np.ones(size, dtype=bool)
    is_first[1:] = (places[1:] == 0) | (scores[1:] < scores[:-1])
    shared = np.maximum.accumulate(np.where(is_first, np.arange(size), 0)) - np.repeat(starts, lengths)
    ranks = 1 / np.log2(shared + 2)
    cells = rows.astype(np.int64) * n_items + items
    order = np.argsort(cells, kind="stable")
    return SourceLists(cells[order], scaled[order].astype(np.float32), ranks[order].astype(np.float32))
