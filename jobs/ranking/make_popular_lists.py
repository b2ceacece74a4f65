"""Popular lists: one a window and category, and where other lists fall short."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.category_lists import category_block, split_by_category
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.save_lists import ListBlock
from reco_contracts.reasons import Reason
from reco_contracts.redis_keys import popular_subject


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
    by_category = split_by_category(order, catalogue["categories"], k)
    return PopularItems(window_days, scores, order, by_category)


def popular_lists(popular: PopularItems, k: int) -> Iterator[ListBlock]:
    """The lists of one window, the whole catalogue first, then the categories by name.

    Args:
        popular: of this window.
        k: list length.
    """
    window = popular.window_days
    yield category_block(
        popular.by_category, popular.scores, k, Reason.POPULAR, lambda category: popular_subject(window, category)
    )
