"""Trending lists: what more people choose now than its own past would let expect."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.category_lists import category_block, split_by_category
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.save_lists import ListBlock
from reco_contracts.list_settings import TrendingSurface
from reco_contracts.reasons import Reason

# A user who touches more items in a window is no witness to a trend of each: all together they count like so many.
_ITEMS_A_USER = 50.0
# Windows that an item's own spread is given on top, with the spread that counts have by chance.
_PRIOR_WINDOWS = 4.0


class WindowCounts(NamedTuple):
    """What each window saw of each item; window 0 is now.

    Attributes:
        users: int64, shape (windows, n_items), distinct users.
        weights: float64, shape (windows, n_items), the same, each user at the weight of their last day with the item.
        first: int64, shape (n_items,), the window of the item's first user, which may be before all of these;
            -1 = it never had one.
    """

    users: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    first: npt.NDArray[np.int64]


def trending_lists(
    data: Interactions, categories: pl.Series, is_available: npt.NDArray[np.bool_], rules: TrendingSurface
) -> ListBlock | None:
    """The whole catalogue first, then each category where something trends, by name; nothing where nothing does.

    Args:
        data: interactions, item indices of the generation.
        categories: names of each item's categories, at any level.
        is_available: bool, shape (n_items,), may be shown.
        rules: of the surface.
    """
    counts = count_windows(data, rules)
    scores = growth(counts.weights, counts.first, rules.shrinkage_users)
    is_rising = (counts.users[0] >= rules.min_users) & (scores > 0) & (scores >= rules.min_growth)
    rising = np.flatnonzero(is_available & is_rising).astype(np.int32)
    order = rising[np.lexsort((rising, -scores[rising]))]
    if not len(order):
        return None
    return category_block(split_by_category(order, categories, rules.k), scores, rules.k, Reason.TRENDING)


def count_windows(data: Interactions, rules: TrendingSurface) -> WindowCounts:
    """Count the users of each item in this window and in those before that the log covers whole.

    A user counts once an item and window, however often they click, and at most for
    _ITEMS_A_USER items in all: one visitor, or one program, moves nothing.

    Args:
        data: the interactions; only a positive weight counts as a choice.
        rules: window_days, half_life_days, baseline_windows.
    """
    covered = (int(data.age_days.max(initial=-1)) + 1) // rules.window_days
    windows = max(1, min(1 + rules.baseline_windows, covered))
    is_chosen = data.weights > 0
    first = np.full(data.n_items, -1, dtype=np.int64)
    np.maximum.at(first, data.items[is_chosen], data.age_days[is_chosen] // rules.window_days)
    rows = np.flatnonzero(is_chosen & (data.age_days < windows * rules.window_days))
    users, items = data.users[rows].astype(np.int64), data.items[rows]
    window, age = np.divmod(data.age_days[rows], rules.window_days)
    # Rows are sorted by user, item and falling age: the last one of a cell is the user's last day in that window.
    cells = (users * data.n_items + items) * windows + window
    is_last = np.diff(cells, append=-1) != 0
    users, items, window, age = users[is_last], items[is_last], window[is_last], age[is_last]
    visits = users * windows + window
    share = np.minimum(1.0, _ITEMS_A_USER / np.bincount(visits, minlength=1)[visits])
    weights = share * np.power(0.5, age / rules.half_life_days)
    places, shape = window.astype(np.int64) * data.n_items + items, (windows, data.n_items)
    size = windows * data.n_items
    return WindowCounts(
        np.bincount(places, minlength=size).reshape(shape),
        np.bincount(places, weights=weights, minlength=size).reshape(shape).astype(np.float64),
        first,
    )


def growth(weights: npt.NDArray[np.float64], first: npt.NDArray[np.int64], shrinkage: float) -> npt.NDArray[np.float64]:
    """How far this window is above what is usual for each item, in standard deviations.

    What is usual is the mean of the windows before, from the item's first one on, each
    scaled to the traffic of this one, so that a busy week of the whole shop is no trend of
    each item. The deviation is the item's own over these windows, or that of chance
    (Poisson) where they are few. What came in this window has no past to grow from.

    Args:
        weights: float64, shape (windows, n_items); window 0 is now.
        first: int64, shape (n_items,), the window of each item's first user.
        shrinkage: users added to the variance.

    Returns:
        float64, shape (n_items,); 0 for an item without a past. Where no item has one, the log being
        short, nothing is usual, and the order is that of decayed users.
    """
    totals = weights.sum(axis=1)
    before = weights[1:] * (totals[0] / np.maximum(totals[1:], 1e-9))[:, None]
    is_past = (np.arange(1, len(weights))[:, None] <= first) & (totals[1:, None] > 0)
    known = is_past.sum(axis=0)
    usual = (before * is_past).sum(axis=0) / np.maximum(known, 1)
    squares = ((before - usual) ** 2 * is_past).sum(axis=0)
    variance = (squares + _PRIOR_WINDOWS * usual) / (known + _PRIOR_WINDOWS)
    scores: npt.NDArray[np.float64] = (weights[0] - usual) / np.sqrt(variance + shrinkage)
    return np.where(known > 0, scores, 0.0) if known.any() else scores
