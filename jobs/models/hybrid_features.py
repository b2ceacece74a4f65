"""What a learned ranker sees of a user and an item besides the sources' scores."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jobs.ranking.feature_history import FeatureValues, numeric_features
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from reco_contracts.columns import ITEM_FEATURES, USER_FEATURES

_Floats = npt.NDArray[np.float32]
_Cells = npt.NDArray[np.int64]

_OWN: Final = ("own_days", "own_weight", "own_days_since_last", "own_days_since_first", "own_share_of_gap")
_CROSS: Final = ("category_share", "is_top_category", "price_ratio")
PAIR_FEATURES: Final = (
    "user_items",
    "item_users",
    "item_repeat_share",
    *_OWN,
    *_CROSS,
    *(f"user_{name}" for name in numeric_features(USER_FEATURES)),
    *(f"item_{name}" for name in numeric_features(ITEM_FEATURES)),
)


@dataclass(frozen=True, slots=True)
class ItemHabits:
    """What all users together do with items.

    Attributes:
        users: float32, shape (n_items,), users with a positive weight.
        repeat_share: float32, shape (n_items,), share of them who came back to it on another day.
    """

    users: _Floats
    repeat_share: _Floats


def item_habits(data: Interactions) -> ItemHabits:
    """Count who takes an item, and who takes it again."""
    cells, _, counts = _own_cells(data)
    items = (cells % max(data.n_items, 1)).astype(np.int64)
    users = np.bincount(weight_matrix(data).indices, minlength=data.n_items)
    again = np.bincount(items, weights=counts > 1, minlength=data.n_items)
    return ItemHabits(users.astype(np.float32), (again / np.maximum(users, 1)).astype(np.float32))


def pair_features(cells: _Cells, data: Interactions, habits: ItemHabits) -> _Floats:
    """Features of users, of items, and of both together, as of the day that ages are counted from.

    Args:
        cells: int64, shape (m,), user * n_items + item, ascending.
        data: of the users.
        habits: of the items.

    Returns:
        float32, shape (m, len(PAIR_FEATURES)); NaN where nothing is known.
    """
    users, items = np.divmod(cells, max(data.n_items, 1))
    history = weight_matrix(data)
    columns = [
        np.diff(history.indptr)[users],
        habits.users[items],
        habits.repeat_share[items],
        *_own_features(cells, data),
    ]
    values = None if data.features is None else data.features.values()
    columns += _category_features(users, items, data, values)
    columns += [_price_ratio(users, items, data, values)]
    return np.column_stack([*columns, *_joined(users, items, values)]).astype(np.float32)


def _own_cells(data: Interactions) -> tuple[_Cells, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct cells of a history, where the rows of each start, and how many there are."""
    cells = data.users.astype(np.int64) * data.n_items + data.items
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    return cells[starts], starts, np.diff(np.append(starts, len(cells)))


def _own_features(cells: _Cells, data: Interactions) -> list[_Floats]:
    own, starts, counts = _own_cells(data)
    if not len(own):
        nothing = np.zeros((2, len(cells)), dtype=np.float32)
        return [*nothing, *np.full((len(_OWN) - 2, len(cells)), np.nan, dtype=np.float32)]
    place = np.minimum(np.searchsorted(own, cells), len(own) - 1)
    has = own[place] == cells
    # Rows of a cell are in order of days: ages fall.
    last, first = data.age_days[starts + counts - 1], data.age_days[starts]
    gap = (first - last) / np.maximum(counts - 1, 1)
    share = np.where(gap > 0, last / np.where(gap > 0, gap, 1), np.nan)
    weights = np.add.reduceat(data.weights, starts)
    known = [np.where(has, values[place], 0) for values in (counts, weights)]
    return known + [np.where(has, values[place], np.nan) for values in (last, first, share)]


def _category_features(users: _Cells, items: _Cells, data: Interactions, values: FeatureValues | None) -> list[_Floats]:
    """The share of the user's weight in the item's category, and whether it is the one of the last 30 days."""
    if data.content is None or not len(items):
        return [np.full(len(items), np.nan, dtype=np.float32)] * 2
    history, codes = weight_matrix(data).tocoo(), data.content.categories
    wanted = codes[items]
    size = int(codes.max(initial=-1)) + 2
    own = history.row.astype(np.int64) * size + codes[history.col] + 1
    named, place = np.unique(own, return_inverse=True)
    sums = np.bincount(place, weights=history.data, minlength=len(named))
    totals = np.bincount(history.row, weights=history.data, minlength=data.n_users)
    asked = users * size + wanted + 1
    found = np.minimum(np.searchsorted(named, asked), max(len(named) - 1, 0))
    hits = named[found] == asked if len(named) else np.zeros(len(asked), dtype=bool)
    part = np.where(hits, sums[found], 0) if len(named) else np.zeros(len(asked))
    share = np.where(wanted >= 0, part / np.maximum(totals[users], 1e-9), np.nan).astype(np.float32)
    if values is None:
        return [share, np.full(len(items), np.nan, dtype=np.float32)]
    top = values.top_categories[users]
    return [share, np.where((wanted >= 0) & (top >= 0), top == wanted, np.nan).astype(np.float32)]


def _price_ratio(users: _Cells, items: _Cells, data: Interactions, values: FeatureValues | None) -> _Floats:
    """The item's price in units of what the user's items cost in the mean."""
    if values is None:
        return np.full(len(items), np.nan, dtype=np.float32)
    history = weight_matrix(data).tocoo()
    prices = values.prices[history.col]
    has = prices > 0
    sums = np.bincount(history.row[has], weights=prices[has], minlength=data.n_users)
    counts = np.bincount(history.row[has], minlength=data.n_users)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return (values.prices[items] / mean[users]).astype(np.float32)


def _joined(users: _Cells, items: _Cells, values: FeatureValues | None) -> list[_Floats]:
    if values is None:
        width = len(numeric_features(USER_FEATURES)) + len(numeric_features(ITEM_FEATURES))
        return [np.full(len(users), np.nan, dtype=np.float32)] * width
    return [*values.users[users].T, *values.items[items].T]
