"""The cut inside a training set on which a hybrid learns to blend.

By time where enough people are active on both sides of a cut; otherwise the
last fifth of each user's log; where nothing has a date, a random fifth.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, cell_matrix

# A cut by time counts if so many users, or this share of all, have history before it and something after it.
MIN_USERS = 200
MIN_USERS_SHARE = 0.2
HELD_SHARE = 0.2
# Fewer rows than this leave no fifth to hold out.
_MIN_ROWS = 5


@dataclass(frozen=True, slots=True)
class Holdout:
    """A cut.

    Attributes:
        known: what happened before it; ages are counted from the cut.
        consumed: CSR, shape (n_users, n_items), 1 = bought, rated or dismissed before it.
        truth: CSR, shape (n_users, n_items), 1 = chosen after it, by users with a history.
    """

    known: Interactions
    consumed: csr_matrix
    truth: csr_matrix

    @property
    def new_truth(self) -> csr_matrix:
        """What was chosen for the first time."""
        new = (self.truth - self.truth.multiply(self.consumed)).tocsr()
        new.eliminate_zeros()
        return new

    @property
    def repeat_share(self) -> float:
        """How much of what was chosen had been consumed before, 0..1."""
        return 1.0 - self.new_truth.nnz / self.truth.nnz if self.truth.nnz else 0.0


def hold_out(data: Interactions, days: int, seed: int) -> Holdout:
    """Cut a training set.

    Args:
        data: the training set.
        days: length of the period after a cut by time, at most a quarter of the log's.
        seed: decides among rows of equal age.
    """
    days = min(days, max(1, (int(data.age_days.max(initial=0)) + 1) // 4))
    recent = data.age_days < days
    by_time = _cut(data, recent, days)
    enough = min(MIN_USERS, MIN_USERS_SHARE * len(np.unique(data.users)))
    if recent.any() and len(users_with(by_time.truth)) >= enough:
        return by_time
    return _cut(data, _last_rows(data, seed), 0)


def is_positive(data: Interactions) -> npt.NDArray[np.bool_]:
    """The rows that say "liked": bought or rated well; in a log without such rows, whatever weighs something."""
    liked = (data.weights > 0) & data.is_consumed
    return liked if liked.any() else data.weights > 0


def users_with(truth: csr_matrix) -> npt.NDArray[np.int64]:
    """The users who have something to be found."""
    return np.flatnonzero(np.diff(truth.indptr) > 0)


def _cut(data: Interactions, held: npt.NDArray[np.bool_], days: int) -> Holdout:
    kept = ~held
    features = data.features
    if features is not None:
        features = features.before(days) if days else features.without(*_cells(data, held))
    known = replace(
        data,
        users=data.users[kept],
        items=data.items[kept],
        age_days=data.age_days[kept] - np.int32(days),
        weights=data.weights[kept],
        is_consumed=data.is_consumed[kept],
        features=features,
    )
    found = held & is_positive(data) & np.isin(data.users, known.users)
    truth = cell_matrix(data.users[found], data.items[found], (data.n_users, data.n_items))
    return Holdout(known, blocked_matrix(known, "forever"), truth)


def _cells(
    data: Interactions, rows: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    return data.users[rows], data.items[rows], data.age_days[rows]


def _last_rows(data: Interactions, seed: int) -> npt.NDArray[np.bool_]:
    """The newest fifth of each user's rows; those of one day in random order, as their ids must not decide."""
    size = len(data.users)
    order = np.lexsort((np.random.default_rng(seed).random(size), data.age_days, data.users))
    counts = np.bincount(data.users, minlength=data.n_users)
    position = np.arange(size) - np.repeat(np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
    n_held = np.where(counts >= _MIN_ROWS, (counts * HELD_SHARE).astype(np.int64), 0)
    held = np.zeros(size, dtype=bool)
    held[order] = position < n_held[data.users[order]]
    return held
