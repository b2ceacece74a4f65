"""What re-ranking and rules ask of items, as arrays: categories of each level, seller, brand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.interaction_matrix import index_of

# dim_items has so many levels of a tree as columns.
_LEVELS = ("category_level_1", "category_level_2", "category_level_3")


@dataclass(frozen=True, slots=True)
class ItemTraits:
    """Codes of names; row = item index, code = position of the name in its table, -1 = none.

    Attributes:
        categories: int32, shape (n_items,), the category that diversity counts.
        category_names: of these codes, sorted.
        levels: int32, shape (n_items, 3), levels of a tree, broadest first; all -1 where a catalogue has tags.
        sellers: int32, shape (n_items,).
        brands: int32, shape (n_items,).
    """

    categories: npt.NDArray[np.int32]
    category_names: tuple[str, ...]
    levels: npt.NDArray[np.int32]
    sellers: npt.NDArray[np.int32]
    brands: npt.NDArray[np.int32]


def item_traits(items: pl.DataFrame) -> ItemTraits:
    """Read the traits.

    Args:
        items: columns of dim_items; row number = item index.
    """
    names = _names(items["diversity_category"])
    return ItemTraits(
        categories=index_of(items["diversity_category"], names),
        category_names=tuple(names),
        levels=np.column_stack([_codes(items[level]) for level in _LEVELS]),
        sellers=_codes(items["seller"]),
        brands=_codes(items["brand"]),
    )


def _names(values: pl.Series) -> pl.Series:
    return values.drop_nulls().unique().sort()


def _codes(values: pl.Series) -> npt.NDArray[np.int32]:
    return index_of(values, _names(values))
