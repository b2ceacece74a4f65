"""Lists of a category each, and of the whole catalogue, from one order of items."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.base import PAD
from jobs.ranking.save_lists import ListBlock
from reco_contracts.reasons import Reason

EVERYTHING: Final = ""


def split_by_category(order: npt.NDArray[np.int32], categories: pl.Series, k: int) -> dict[str, npt.NDArray[np.int32]]:
    """The same order within each category that has any item of it.

    Args:
        order: int32, items, best first.
        categories: names of each item, at any level; position = item index.
        k: items kept a category.

    Returns:
        Category -> its items; "" = all, which comes first, then the categories by name.
    """
    ranked = (
        pl.DataFrame({"item": order, "rank": np.arange(len(order), dtype=np.int32)})
        .with_columns(categories.gather(order).alias("category"))
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
    return by_category


def category_block(
    by_category: dict[str, npt.NDArray[np.int32]],
    scores: npt.NDArray[np.float64],
    k: int,
    reason: Reason,
    subject: Callable[[str], str] = str,
) -> ListBlock:
    """One list a category, in the order given; all items have one reason, which names no item.

    Args:
        by_category: category -> items, best first.
        scores: float64, shape (n_items,).
        k: list length.
        reason: of every item.
        subject: name of the list of a category.
    """
    items = np.full((len(by_category), k), PAD, dtype=np.int32)
    for row, members in enumerate(by_category.values()):
        items[row, : len(members[:k])] = members[:k]
    return ListBlock(
        [subject(name) for name in by_category],
        items,
        np.where(items >= 0, scores[items], 0).astype(np.float32),
        np.full(items.shape, reason, dtype=np.uint8),
        np.full(items.shape, PAD, dtype=np.int32),
    )
