"""Which items are chosen together: baskets, and how much more often than chance two items share one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions, cell_matrix

# A user counts for no more baskets than these: a household that shops daily is one witness, not three hundred.
_BASKETS_A_USER = 10.0
_MIN_USERS = 2
# Cells of a block of the pair counts, at most: some 100 MB with all that is computed of them.
_BLOCK_CELLS = 2_000_000
# In the place of 0 under a logarithm.
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Baskets:
    """Who chose what within the same days.

    Attributes:
        cells: CSR float32, shape (n_baskets, n_items), 1 = in the basket.
        weights: float64, shape (n_baskets,), what a basket counts for.
        people: CSR float32, shape (n_users, n_items), 1 = in any basket of the user's.
    """

    cells: csr_matrix
    weights: npt.NDArray[np.float64]
    people: csr_matrix


class Pairs(NamedTuple):
    """Pairs of items that share baskets; parallel, sorted by item.

    Attributes:
        items: int32.
        others: int32.
        together: float64, weight of the baskets that hold both.
        evidence: float64, root of the log-likelihood ratio; positive.
    """

    items: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32]
    together: npt.NDArray[np.float64]
    evidence: npt.NDArray[np.float64]


def make_baskets(chosen: Interactions, days: int, most_items: int) -> Baskets:
    """Put what a user chose within the same days into one basket; too large ones are left out.

    A basket of thousands of items says nothing about any pair of them, and costs their square.

    Args:
        chosen: interactions that count as choices.
        days: length of the periods, counted back from the run date.
        most_items: items that a basket may hold.
    """
    periods = chosen.age_days // days
    n_periods = int(periods.max(initial=0)) + 1
    names, baskets = np.unique(chosen.users.astype(np.int64) * n_periods + periods, return_inverse=True)
    cells = cell_matrix(baskets.astype(np.int32), chosen.items, (len(names), chosen.n_items))
    is_kept = np.diff(cells.indptr) <= most_items
    owners = (names // n_periods)[is_kept]
    cells = cells[is_kept]
    weights = np.minimum(1.0, _BASKETS_A_USER / np.bincount(owners, minlength=1)[owners])
    buyers = np.repeat(owners, np.diff(cells.indptr)).astype(np.int32)
    return Baskets(cells, weights, cell_matrix(buyers, cells.indices, (chosen.n_users, chosen.n_items)))


def count_pairs(baskets: Baskets, min_baskets: float, min_evidence: float) -> Iterator[Pairs]:
    """Find the pairs that share more baskets than chance would let them, in blocks of items.

    A pair that only one user chose is that user's habit, and nobody else's business.

    Args:
        baskets: of all users.
        min_baskets: pairs with a smaller sum of weights are left out.
        min_evidence: pairs with less are left out; not negative.

    Source:
        Dunning (1993), Accurate Methods for the Statistics of Surprise and Coincidence.
    """
    by_item = baskets.cells.T.tocsr()
    weighted = by_item.copy()
    weighted.data = baskets.weights[by_item.indices]
    singles = np.asarray(weighted.sum(axis=1), dtype=np.float64).ravel()
    total = float(baskets.weights.sum())
    owners = baskets.people.T.tocsr()
    for block in _blocks(owners, np.diff(baskets.people.indptr)):
        counts = (weighted[block] @ baskets.cells).tocoo()
        items, others = counts.row + block.start, counts.col
        together = counts.data.astype(np.float64)
        expected = singles[items] * singles[others] / total
        # Sums of weights: two baskets of 1/3 + 2/3 are one basket, whatever the last bit says.
        is_pair = (items != others) & (together > expected) & (together >= min_baskets - 1e-6)
        items, others, together = items[is_pair], others[is_pair], together[is_pair]
        evidence = np.sqrt(likelihood_ratio(together, singles[items], singles[others], total))
        rows = np.flatnonzero(evidence >= min_evidence)
        people = (owners[block] @ baskets.people).tocsr()
        rows = rows[_values(people, items[rows] - block.start, others[rows]) >= _MIN_USERS]
        order = rows[np.lexsort((others[rows], items[rows]))]
        items, others = items[order].astype(np.int32), others[order].astype(np.int32)
        yield Pairs(items, others, together[order], evidence[order])


def likelihood_ratio(
    together: npt.NDArray[np.float64], one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], total: float
) -> npt.NDArray[np.float64]:
    """The log-likelihood ratio of a two by two table: with and without each of two items.

    Args:
        together: float64, shape (n,), baskets with both.
        one: float64, shape (n,), baskets with the first.
        other: float64, shape (n,), baskets with the second.
        total: all baskets.

    Returns:
        float64, shape (n,), not negative; 0 = independent.
    """
    neither = np.maximum(total - one - other + together, 0)
    only_one, only_other = np.maximum(one - together, 0), np.maximum(other - together, 0)
    cells = (
        (together, one * other),
        (only_one, one * (total - other)),
        (only_other, (total - one) * other),
        (neither, (total - one) * (total - other)),
    )
    ratio = np.zeros_like(together)
    for seen, margins in cells:
        ratio += seen * np.log(np.maximum(seen, _TINY) / np.maximum(margins / total, _TINY))
    return np.maximum(2.0 * ratio, 0.0)


def _values(matrix: csr_matrix, rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The cells of a matrix, one for each pair of row and column."""
    if not len(rows):
        return np.zeros(0, dtype=np.float32)
    matrix.sum_duplicates()  # sorted columns, which are searched faster
    return np.asarray(matrix[rows, columns], dtype=np.float32).ravel()


def _blocks(owners: csr_matrix, sizes: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Runs of items whose counts fit a block: an item has no more partners than its users chose, or than there are."""
    n_items = owners.shape[0]
    partners = np.asarray(owners @ sizes.astype(np.float64)).ravel()
    cells = np.cumsum(np.minimum(partners, n_items))
    start = 0
    while start < n_items:
        done = cells[start - 1] if start else 0.0
        stop = max(start + 1, int(np.searchsorted(cells, done + _BLOCK_CELLS, side="right")))
        yield slice(start, stop)
        start = stop
