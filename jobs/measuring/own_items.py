"""What each user did up to a day: which items are their own, and when they last consumed one."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.measuring.subject_index import SubjectIndex, subject_index
from reco_contracts.list_settings import ExcludeSeen

# Days since an item was consumed that its user only looked at: longer than any rule asks for.
NEVER = np.iinfo(np.int32).max
# In place of days: the log does not hold the pair.
FOREIGN = -1
_Ints = npt.NDArray[np.int64]
_Days = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class OwnPairs:
    """The own items of some users, numbered from 0.

    Attributes:
        rows: int64, ascending: number of the user.
        items: int64, ascending for each user.
        days: int32, since the user last consumed the item; NEVER.
        n_items: items of the catalogue.
    """

    rows: _Ints
    items: _Ints
    days: _Days
    n_items: int

    def days_of(self, rows: _Ints, items: _Ints) -> _Days:
        """Days since each pair's item was consumed; NEVER, or FOREIGN.

        Args:
            rows: numbers of users.
            items: index of the catalogue; -1 = none.
        """
        if not len(self.rows):
            return np.full(len(rows), FOREIGN, dtype=np.int32)
        codes, wanted = self.rows * self.n_items + self.items, rows * self.n_items + items
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        is_own = (items >= 0) & (items < self.n_items) & (codes[place] == wanted)
        return np.where(is_own, self.days[place], FOREIGN).astype(np.int32)


@dataclass(frozen=True, slots=True)
class OwnItems:
    """All pairs of user and item that the log holds.

    Attributes:
        users: everybody with a history.
        codes: int64, sorted, distinct: row of the user * n_items + item.
        days: int32, since the user last consumed the item; NEVER.
        n_items: items of the catalogue.
    """

    users: SubjectIndex
    codes: _Ints
    days: _Days
    n_items: int

    def of_users(self, users: _Ints) -> OwnPairs:
        """The pairs of some users, who are numbered in the order given.

        Args:
            users: rows of `users`; -1 = has no history.
        """
        starts = np.searchsorted(self.codes, users * self.n_items)
        lengths = np.where(users < 0, 0, np.searchsorted(self.codes, (users + 1) * self.n_items) - starts)
        first = np.concatenate(([0], np.cumsum(lengths)))
        taken = np.arange(first[-1]) + np.repeat(starts - first[:-1], lengths)
        rows, items = np.repeat(np.arange(len(users)), lengths), self.codes[taken] % max(self.n_items, 1)
        return OwnPairs(rows, items, self.days[taken], self.n_items)


def is_excluded(days: _Days, rule: ExcludeSeen) -> npt.NDArray[np.bool_]:
    """Whether a surface must not show an item that was consumed so long ago.

    Args:
        days: since then; NEVER, or FOREIGN.
        rule: exclude_seen of the surface.
    """
    if rule == "off":
        return np.zeros(len(days), dtype=bool)
    return np.not_equal(days, FOREIGN) & np.less(days, NEVER if rule == "forever" else rule)


def own_items(history: pl.LazyFrame, item_ids: pl.Series, run_date: date) -> OwnItems:
    """Read the pairs.

    Args:
        history: fct_interactions up to the run date.
        item_ids: of the catalogue; row number = item index.
        run_date: the day that ages are counted back from.
    """
    users = history.select("user_id").unique().collect(engine="streaming")["user_id"].sort()
    age = (pl.lit(run_date) - pl.col("event_date")).dt.total_days().cast(pl.Int32)
    pairs = (
        history.join(_numbered(users, "user_id", "user"), on="user_id")
        .join(_numbered(item_ids, "item_id", "item"), on="item_id")
        .select(
            (pl.col("user") * len(item_ids) + pl.col("item")).alias("code"),
            pl.when("is_consumed").then(age).otherwise(pl.lit(NEVER, pl.Int32)).alias("days"),
        )
        .group_by("code")
        .agg(pl.col("days").min())
        .sort("code")
        .collect(engine="streaming")
    )
    return OwnItems(subject_index(users), pairs["code"].to_numpy(), pairs["days"].to_numpy(), len(item_ids))


def _numbered(names: pl.Series, column: str, number: str) -> pl.LazyFrame:
    return pl.LazyFrame({column: names, number: pl.int_range(len(names), dtype=pl.Int64, eager=True)})
