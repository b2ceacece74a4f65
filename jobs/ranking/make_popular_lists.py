"""Popular lists: one a window and category, and where other lists fall short."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.base import PAD
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.save_lists import ListBlock
from reco_contracts.reasons import Reason
from reco_contracts.redis_keys import popular_subject

EVERYTHING = ""


@dataclass(frozen=True, slots=True)
class PopularItems:
    """What is popular in one window.

    Attributes:
        window_days: days that count; users of all time break ties and fill up.
        scores: float64, shape (n_items,), distinct users of the window, and a fraction for all time.
        order: int32, available items, most popular first.
        by_category: the same order within each category that has any, at most k items; "" = all.
    """

    window_days: int
    scores: npt.NDArray[np.float64]
    order: npt.NDArray[np.int32]
    by_category: dict[str, npt.NDArray[np.int32]]


def popular_items(
    data: Interactions, catalogue: pl.DataFrame, is_available: npt.NDArray[np.bool_], window_days: int, k: int
) -> PopularItems:
    """Rank available items by distinct users of a window, as a whole and in each category.

    Args:
        data: interactions, item indices of the generation.
        catalogue: with `categories`; row number = item index.
        is_available: bool, shape (n_items,).
        window_days: days before the run date, it included.
        k: items kept a category.
    """
    scores = popularity_scores(data, window_days)
    order = popularity_order(scores, is_available)
    ranked = (
        pl.DataFrame({"item": order, "rank": np.arange(len(order), dtype=np.int32)})
        .with_columns(catalogue["categories"].gather(order).alias("category"))
        .explode("category")
        .drop_nulls("category")
        .unique(["category", "item"])
        .sort("category", "rank")
        .group_by("category", maintain_order=True)
        .agg(pl.col("item").head(k))
    )
    by_category = {EVERYTHING: order[:k]}
    for category, members in ranked.iter_rows():
        by_category.setdefault(category, np.array(members, dtype=np.int32))
    return PopularItems(window_days, scores, order, by_category)


def popular_lists(popular: PopularItems, k: int) -> Iterator[ListBlock]:
    """The lists of one window, the whole catalogue first, then the categories by name.

    Args:
        popular: of this window.
        k: list length.
    """
    names = list(popular.by_category)
    items = np.full((len(names), k), PAD, dtype=np.int32)
    for row, name in enumerate(names):
        members = popular.by_category[name][:k]
        items[row, : len(members)] = members
    scores = np.where(items >= 0, popular.scores[items], 0).astype(np.float32)
    yield ListBlock(
        [popular_subject(popular.window_days, name) for name in names],
        items,
        scores,
        np.full(items.shape, Reason.POPULAR, dtype=np.uint8),
        np.full(items.shape, PAD, dtype=np.int32),
    )
