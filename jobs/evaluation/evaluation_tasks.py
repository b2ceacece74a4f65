"""The tasks of a split: one to choose on, one to score on, and whether they have enough users to say anything."""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.evaluation.ranking_task import RankingTask, make_task, only_new_items
from jobs.evaluation.split_interactions import GLOBAL, Fold, Split, split_globally, split_per_user
from jobs.ranking.interaction_matrix import index_of
from jobs.warehouse.read_marts import read_interactions, read_items, read_users
from reco_contracts.artifacts import Layout
from reco_contracts.settings import Settings

SCORED = "scored"
TOO_FEW = "too few"


class Marts(NamedTuple):
    """What evaluation reads.

    Attributes:
        interactions: fct_interactions up to the run date.
        items: dim_items, sorted by id.
        people: dim_users.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    people: pl.DataFrame


class Tasks(NamedTuple):
    """A split as arrays.

    Attributes:
        name: of the split.
        validation: everything is chosen on it.
        test: and scored once on this.
        categories: int32, shape (n_items,), the category that diversity counts; -1 = none.
        is_enough: both have at least evaluate.min_warm_users.
        header: what a report says of the split.
    """

    name: str
    validation: RankingTask
    test: RankingTask
    categories: npt.NDArray[np.int32]
    is_enough: bool
    header: dict[str, Any]

    @property
    def is_scored(self) -> bool:
        """A handful of users proves nothing, but where there is no better split it still chooses better than nobody."""
        least = min(self.header["warm_users"].values())
        return self.is_enough or (least > 0 and self.name != GLOBAL)


def new_items_task(task: RankingTask, settings: Settings) -> RankingTask | None:
    """The same task with items only that are new to the user; None where all are, or nobody has a new one."""
    if settings.surfaces.home.exclude_seen == "forever":
        return None
    new_items = only_new_items(task)
    return new_items if len(new_items.rows) else None


def read_marts(layout: Layout, run_date: date) -> Marts:
    """The marts up to a run date.

    Raises:
        EmptyPartitionError: they are not exported, or hold nothing up to the run date.
    """
    return Marts(read_interactions(layout, run_date), read_items(layout), read_users(layout))


def last_day(layout: Layout) -> date:
    """The last day of the exported log.

    Raises:
        EmptyPartitionError: there is none.
    """
    day: date = read_interactions(layout, date.max)["event_date"].max()  # type: ignore[assignment]
    return day


def make_tasks(marts: Marts, run_date: date, settings: Settings) -> list[Tasks]:
    """The global split; and the per-user one behind it where the global one has too few warm users.

    The last one counts.
    """
    rules = settings.evaluate
    tasks = [
        _tasks(split_globally(marts.interactions, run_date, rules.validation_days, rules.test_days), marts, settings)
    ]
    if not tasks[0].is_enough:
        tasks.append(_tasks(split_per_user(marts.interactions, run_date), marts, settings))
    return tasks


def _tasks(split: Split, marts: Marts, settings: Settings) -> Tasks:
    exclude_seen = settings.surfaces.home.exclude_seen
    validation, test = (
        make_task(fold, marts.items, marts.people, exclude_seen) for fold in (split.validation, split.test)
    )
    is_enough = min(len(validation.rows), len(test.rows)) >= settings.evaluate.min_warm_users
    header = {
        "name": split.name,
        "status": SCORED if is_enough else TOO_FEW,
        "warm_users": {"validation": len(validation.rows), "test": len(test.rows)},
        "periods": _periods(split),
    }
    return Tasks(split.name, validation, test, _category_codes(marts.items), is_enough, header)


def _periods(split: Split) -> dict[str, Any]:
    return {
        "train": _span(split.validation.history, None),
        "validation": _span(split.validation.target, split.validation),
        "test": _span(split.test.target, split.test),
    }


def _span(rows: pl.DataFrame, fold: Fold | None) -> dict[str, Any]:
    """Planned days where everybody has the same, else the days that occur."""
    first, last = (fold.first_day, fold.last_day) if fold else (None, None)
    days = rows["event_date"]
    first, last = first or days.min(), last or days.max()  # type: ignore[assignment]
    return {
        "first_day": first.isoformat() if first else None,
        "last_day": last.isoformat() if last else None,
        "interactions": len(rows),
    }


def _category_codes(items: pl.DataFrame) -> npt.NDArray[np.int32]:
    names = items["diversity_category"]
    return index_of(names, names.drop_nulls().unique().sort())
