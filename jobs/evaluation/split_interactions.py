"""Cut a log into what a model may know and what it must predict, in time order.

The global split cuts everybody at the same two days. Where too few users are
active on both sides of a cut, each user's own log is cut instead; that split
lets the model see other users' later days, so its name is always printed.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import polars as pl

GLOBAL: Final = "global"
PER_USER: Final = "per-user last 20 %"
PER_USER_SHARE_PERCENT: Final = 20


@dataclass(frozen=True, slots=True)
class Fold:
    """One cut.

    Attributes:
        history: rows that models may know.
        target: rows of the period to predict.
        as_of: ages of the history are counted back from this day.
        first_day: the first day of the period; None where each user has an own one.
        last_day: the last day of the period; None where each user has an own one.
    """

    history: pl.DataFrame
    target: pl.DataFrame
    as_of: date
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A validation and a test period, one after the other.

    Attributes:
        name: as printed.
        validation: everything is chosen on it.
        test: its history is the validation's history and period together.
    """

    name: Literal["global", "per-user last 20 %"]
    validation: Fold
    test: Fold


def split_globally(interactions: pl.DataFrame, run_date: date, validation_days: int, test_days: int) -> Split:
    """Cut everybody's log at the same days, counted back from the run date.

    Args:
        interactions: fct_interactions up to the run date.
        run_date: the last day of the test period.
        validation_days: length of the validation period, days.
        test_days: length of the test period, days.
    """
    test_first = run_date - timedelta(days=test_days - 1)
    validation_first = test_first - timedelta(days=validation_days)
    return Split(
        name=GLOBAL,
        validation=_between(interactions, validation_first, test_first - timedelta(days=1)),
        test=_between(interactions, test_first, run_date),
    )


def split_per_user(interactions: pl.DataFrame, run_date: date) -> Split:
    """Cut each user's log: the last 20 % of the rows are the test, the 20 % before the validation.

    Rows are ordered by time, then item id. A user with fewer than five rows is
    history only. Ages are counted back from the run date for everybody, as when
    lists are made.

    Args:
        interactions: fct_interactions up to the run date.
        run_date: the day that ages are counted back from.
    """
    ordered = interactions.sort("user_id", "last_occurred_at", "item_id")
    rows = pl.len().over("user_id")
    part = (rows * PER_USER_SHARE_PERCENT) // 100
    from_end = rows - pl.int_range(pl.len()).over("user_id")
    ordered = ordered.with_columns(
        pl.when(from_end <= part).then(2).when(from_end <= 2 * part).then(1).otherwise(0).alias("period")
    )
    periods = [
        ordered.filter(pl.col("period") == number).drop("period").sort("user_id", "item_id", "event_date")
        for number in range(3)
    ]
    known = pl.concat(periods[:2]).sort("user_id", "item_id", "event_date")
    return Split(
        name=PER_USER,
        validation=Fold(periods[0], periods[1], run_date),
        test=Fold(known, periods[2], run_date),
    )


def _between(interactions: pl.DataFrame, first: date, last: date) -> Fold:
    return Fold(
        history=interactions.filter(pl.col("event_date") < first),
        target=interactions.filter(pl.col("event_date").is_between(first, last)),
        as_of=first - timedelta(days=1),
        first_day=first,
        last_day=last,
    )
