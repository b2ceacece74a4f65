"""What lists are like apart from being right: how novel, how evenly they show the catalogue, and for whom they work."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.evaluation.ranking_task import RankingTask
from jobs.ranking.interaction_matrix import Interactions, weight_matrix

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_ACTIVITY_PARTS = 3


class Segment(NamedTuple):
    """Users of about the same activity.

    Attributes:
        label: how many items they had before the cut.
        rows: bool, shape (n,), who belongs to it.
    """

    label: str
    rows: npt.NDArray[np.bool_]


def user_counts(data: Interactions) -> _Ints:
    """How many users chose each item, shape (n_items,); a return or a dislike is no choice."""
    return np.bincount(weight_matrix(data).indices, minlength=data.n_items)


def novelty(items: npt.NDArray[np.int32], counts: _Ints, n_users: int) -> float:
    """Mean self-information of the listed items, bits.

    Args:
        items: int32, shape (n, k); -1 pads.
        counts: users of each item, shape (n_items,).
        n_users: all users.
    """
    listed = items[items >= 0]
    shares = (counts[listed] + 1) / (n_users + 1)
    return float(-np.log2(shares).mean()) if len(listed) else 0.0


def gini(items: npt.NDArray[np.int32], candidates: npt.NDArray[np.bool_]) -> float:
    """Inequality of exposure among the items that may be listed.

    Args:
        items: int32, shape (n, k); -1 pads.
        candidates: bool, shape (n_items,).

    Returns:
        0 where all are listed alike, near 1 where one item is everywhere.
    """
    exposure = np.sort(exposure_of(items, len(candidates))[candidates])
    n, total = len(exposure), exposure.sum()
    if n == 0 or total == 0:
        return 0.0
    return float(((2 * np.arange(1, n + 1) - n - 1) * exposure).sum() / (n * total))


def cold_share(items: npt.NDArray[np.int32], counts: _Ints) -> float:
    """Share of listed items that nobody had before the cut."""
    listed = items[items >= 0]
    return float((counts[listed] == 0).mean()) if len(listed) else 0.0


def exposure_of(items: npt.NDArray[np.int32], n_items: int) -> _Ints:
    """How often each item is listed, shape (n_items,)."""
    return np.bincount(items[items >= 0], minlength=n_items)


def exposure_by_popularity(exposure: _Ints, counts: _Ints) -> list[dict[str, float]]:
    """Which share of all exposure the most popular items take.

    Args:
        exposure: how often each item is shown, shape (n_items,).
        counts: users of each item before the cut, shape (n_items,).

    Returns:
        Points at about even steps of the logarithm: `items`, the most popular so many, and their `share`.
    """
    order = np.lexsort((np.arange(len(counts)), -counts))
    shares = np.cumsum(exposure[order]) / max(exposure.sum(), 1)
    places = np.unique(np.geomspace(1, max(len(counts), 1), num=60).astype(int))
    return [{"items": int(place), "share": float(shares[place - 1])} for place in places if place <= len(shares)]


def activity_segments(task: RankingTask) -> list[Segment]:
    """Thirds of the users of a task by how many items they had before the cut; equal users stay together.

    Returns:
        Those that are not empty, least active first.
    """
    items_each = np.diff(weight_matrix(task.known).indptr)[task.rows]
    bounds = np.quantile(items_each, np.arange(1, _ACTIVITY_PARTS) / _ACTIVITY_PARTS) if len(items_each) else []
    part = np.searchsorted(np.unique(bounds), items_each, side="left")
    found = [part == number for number in range(_ACTIVITY_PARTS)]
    return [Segment(_span(items_each[rows]), rows) for rows in found if rows.any()]


def _span(values: _Ints) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low} items" if low == high else f"{low}–{high} items"
