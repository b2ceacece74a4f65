"""Interactions as arrays, and as a sparse users x items matrix of weights.

Users and items have dense int32 indices in order of their ids, and every sum
runs in one fixed order, so that the same data gives the same bits.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.ranking.feature_history import FeatureHistory
from jobs.ranking.item_content import ItemContent
from reco_contracts.errors import ContractError
from reco_contracts.list_settings import ExcludeSeen

# A trillionth: the square of a weight must not vanish in float32, and twenty years are 250 months.
_MOST_HALF_LIVES = 40.0


@dataclass(frozen=True, slots=True)
class ItemExposure:
    """How often items were shown in lists, and clicked there.

    Attributes:
        shown: int64, shape (n_items,), impressions.
        clicked: int64, shape (n_items,), impressions that were clicked.
    """

    shown: npt.NDArray[np.int64]
    clicked: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interactions:
    """Rows of fct_interactions as parallel arrays, sorted by user, item and day.

    Attributes:
        users: int32, user index.
        items: int32, item index.
        age_days: int32, days before the day that weights are decayed to.
        weights: float64, undecayed; negative after a return.
        is_consumed: bool, bought, rated or dismissed.
        n_users: rows of the matrix.
        n_items: columns of the matrix.
        segments: str, shape (n_users,), the segment of each user; "" = none. None = nobody has one.
        content: what is known of the items apart from interactions; None = nothing.
        exposure: what became of the items in lists; None = not known.
        features: what the feature jobs know of these users and of the items, as of any day; None = nothing.
        is_bought: bool, bought on that day; None = not asked for. Reasons name it, models do not look at it.
        is_liked: bool, rated well on that day; None = not asked for.
    """

    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    age_days: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]
    is_consumed: npt.NDArray[np.bool_]
    n_users: int
    n_items: int
    segments: npt.NDArray[np.str_] | None = None
    content: ItemContent | None = None
    exposure: ItemExposure | None = None
    features: FeatureHistory | None = None
    is_bought: npt.NDArray[np.bool_] | None = None
    is_liked: npt.NDArray[np.bool_] | None = None

    def of_users(self, rows: npt.NDArray[np.int64]) -> "Interactions":
        """The interactions of some users, who are numbered from 0 in the order given.

        Args:
            rows: user indices, shape (n,).
        """
        starts = np.searchsorted(self.users, rows, side="left")
        lengths = np.searchsorted(self.users, rows, side="right") - starts
        first = np.concatenate(([0], np.cumsum(lengths)))
        taken = np.arange(first[-1]) + np.repeat(starts - first[:-1], lengths)
        return replace(
            self,
            users=np.repeat(np.arange(len(rows), dtype=np.int32), lengths),
            items=self.items[taken],
            age_days=self.age_days[taken],
            weights=self.weights[taken],
            is_consumed=self.is_consumed[taken],
            n_users=len(rows),
            segments=None if self.segments is None else self.segments[rows],
            features=None if self.features is None else self.features.of_users(rows),
            is_bought=None if self.is_bought is None else self.is_bought[taken],
            is_liked=None if self.is_liked is None else self.is_liked[taken],
        )


def index_of(ids: pl.Series, known: pl.Series) -> npt.NDArray[np.int32]:
    """Dense indices of ids.

    Args:
        ids: strings, any order.
        known: distinct strings; the position of an id is its index.

    Returns:
        int32, shape (len(ids),); -1 where an id is not known.
    """
    table = pl.DataFrame({"id": known, "index": pl.int_range(len(known), dtype=pl.Int32, eager=True)})
    found = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")
    return found["index"].fill_null(-1).to_numpy().astype(np.int32)


def make_interactions(
    history: pl.DataFrame,
    users: pl.Series,
    items: pl.Series,
    as_of: date,
    segments: npt.NDArray[np.str_] | None = None,
    content: ItemContent | None = None,
    exposure: ItemExposure | None = None,
    features: FeatureHistory | None = None,
    liked_stars: float | None = None,
) -> Interactions:
    """Index a history; rows of unknown users or items are left out.

    Args:
        history: columns of fct_interactions, weight as float64.
        users: sorted user ids.
        items: sorted item ids.
        as_of: the day that ages are counted back from, on or after every row.
        segments: of the users, in their order.
        content: of the items, in their order.
        exposure: of the items, in their order; nothing later than `as_of`.
        features: of the users and items, in their order, as of the same day.
        liked_stars: a rating of so many says "liked"; None = what was bought and liked is not asked for.

    Raises:
        ContractError: a row is later than `as_of`, which would leak the future.
    """
    later = history.filter(pl.col("event_date") > as_of)
    if len(later):
        raise ContractError(f"{len(later)} rows of the history are later than {as_of}; cut it before indexing")
    user, item = index_of(history["user_id"], users), index_of(history["item_id"], items)
    age = (pl.lit(as_of) - pl.col("event_date")).dt.total_days().cast(pl.Int32)
    age_days = history.select(age.alias("age"))["age"].to_numpy()
    order = np.lexsort((-age_days, item, user))
    order = order[(user[order] >= 0) & (item[order] >= 0)]
    return Interactions(
        users=user[order],
        items=item[order],
        age_days=age_days[order],
        weights=history["weight"].to_numpy()[order].astype(np.float64),
        is_consumed=history["is_consumed"].to_numpy()[order],
        n_users=len(users),
        n_items=len(items),
        segments=segments,
        content=content,
        exposure=exposure,
        features=features,
        is_bought=None if liked_stars is None else (history["purchases"] > 0).to_numpy()[order],
        is_liked=None
        if liked_stars is None
        else (history["rating"] >= liked_stars).fill_null(value=False).to_numpy()[order],
    )


def weight_matrix(data: Interactions, half_life_days: float = 0.0, window_days: int = 0) -> csr_matrix:
    """What each user's interactions with each item weigh together.

    The entry is the sum over days of weight * 0.5^(age / half life), at most 40 half lives; a sum that
    is not positive (returned, or only disliked) is left out.

    Args:
        data: the interactions.
        half_life_days: age at which a weight counts half, days; 0 = age does not matter.
        window_days: only the last so many days; 0 = all.

    Returns:
        CSR float32, shape (n_users, n_items), no explicit zeros, sorted columns.
    """
    values = data.weights
    if half_life_days > 0:
        values = values * np.power(0.5, np.minimum(data.age_days / half_life_days, _MOST_HALF_LIVES))
    rows = data.age_days < window_days if window_days > 0 else np.ones(len(values), dtype=bool)
    return _sum_cells(data, rows, values)


def blocked_matrix(data: Interactions, exclude_seen: ExcludeSeen) -> csr_matrix:
    """The items that a user must not be shown again on a surface.

    Args:
        data: the interactions.
        exclude_seen: "forever", "off", or days since the item was consumed.

    Returns:
        CSR float32, shape (n_users, n_items); 1 = never show.
    """
    rows = data.is_consumed
    if exclude_seen == "off":
        rows = np.zeros_like(rows)
    elif exclude_seen != "forever":
        rows = rows & (data.age_days < exclude_seen)
    blocked = _sum_cells(data, rows, np.ones(len(rows)))
    blocked.data[:] = 1.0
    return blocked


def _sum_cells(data: Interactions, rows: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> csr_matrix:
    cells = data.users[rows].astype(np.int64) * data.n_items + data.items[rows]
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    sums = np.add.reduceat(values[rows], starts) if len(starts) else np.zeros(0)
    cells, sums = cells[starts][sums > 0], sums[sums > 0]
    return _csr(cells, sums.astype(np.float32), data.n_users, data.n_items)


def _csr(cells: npt.NDArray[np.int64], values: npt.NDArray[np.float32], n_rows: int, n_columns: int) -> csr_matrix:
    columns = max(n_columns, 1)
    counts = np.bincount(cells // columns, minlength=n_rows)
    indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return csr_matrix((values, (cells % columns).astype(np.int32), indptr), shape=(n_rows, n_columns))


def cell_matrix(rows: npt.NDArray[np.int32], columns: npt.NDArray[np.int32], shape: tuple[int, int]) -> csr_matrix:
    """A matrix of ones at distinct cells, in any order.

    Returns:
        CSR float32 of the given shape, sorted columns.
    """
    cells = np.unique(rows.astype(np.int64) * shape[1] + columns)
    return _csr(cells, np.ones(len(cells), dtype=np.float32), *shape)
