"""What one cut asks of a model: whom to serve, from which items, and what is right."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.evaluation.split_interactions import Fold
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, cell_matrix, index_of
from jobs.ranking.training_data import training_data
from reco_contracts.list_settings import ExcludeSeen


@dataclass(frozen=True, slots=True)
class RankingTask:
    """A fold as arrays.

    Attributes:
        known: what the models learn from.
        rows: int64, user indices of the warm users who have something to be found.
        truth: CSR, shape (len(rows), n_items), 1 = right.
        blocked: CSR, shape (len(rows), n_items), 1 = may not be shown.
        candidates: bool, shape (n_items,), available on the day of the cut.
    """

    known: Interactions
    rows: npt.NDArray[np.int64]
    truth: csr_matrix
    blocked: csr_matrix
    candidates: npt.NDArray[np.bool_]


def make_task(fold: Fold, items: pl.DataFrame, people: pl.DataFrame, exclude_seen: ExcludeSeen) -> RankingTask:
    """Index a fold.

    A warm user has a row in the history. What the surface removes from lists is
    removed from the truth too: nobody can be right with it.

    Args:
        fold: history and period.
        items: dim_items, sorted by id.
        people: dim_users.
        exclude_seen: the rule of the home surface.
    """
    users, known = training_data(fold.history, items, people, fold.as_of)
    positive = fold.target.filter(pl.col("is_positive"))
    user, item = index_of(positive["user_id"], users), index_of(positive["item_id"], items["item_id"])
    is_warm = (user >= 0) & (item >= 0)
    truth = cell_matrix(user[is_warm], item[is_warm], (known.n_users, known.n_items))
    blocked = blocked_matrix(known, exclude_seen)
    return _task(known, truth, blocked, available_on(items, fold.as_of))


def only_new_items(task: RankingTask) -> RankingTask:
    """The same task without anything that the user has consumed before, in lists or truth."""
    consumed = blocked_matrix(task.known, "forever")
    full = _spread(task.truth, task.rows, task.known.n_users)
    return _task(task.known, full, consumed, task.candidates)


def available_on(items: pl.DataFrame, day: date) -> npt.NDArray[np.bool_]:
    """Whether each item is in the catalogue at the end of a day.

    Args:
        items: with available_from and available_until; null = no bound.
        day: the day, UTC.
    """
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)
    has_come = (pl.col("available_from") < end).fill_null(value=True)
    is_there = (pl.col("available_until") >= end).fill_null(value=True)
    return items.select((has_come & is_there).alias("is_available"))["is_available"].to_numpy()


def _task(
    known: Interactions, truth: csr_matrix, blocked: csr_matrix, candidates: npt.NDArray[np.bool_]
) -> RankingTask:
    findable = (truth - truth.multiply(blocked)).tocsr()
    findable.eliminate_zeros()
    rows = np.flatnonzero(np.diff(findable.indptr) > 0)
    return RankingTask(known, rows, findable[rows], blocked[rows], candidates)


def _spread(part: csr_matrix, rows: npt.NDArray[np.int64], n_rows: int) -> csr_matrix:
    cells = part.tocoo()
    return cell_matrix(rows[cells.row].astype(np.int32), cells.col.astype(np.int32), (n_rows, part.shape[1]))
