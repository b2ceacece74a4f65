"""Similar lists: for every item of the catalogue, the items most like it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.base import PAD
from jobs.progress import progress_bar
from jobs.ranking.category_lists import EVERYTHING
from jobs.ranking.make_popular_lists import PopularItems
from jobs.ranking.ranking_model import RankingModel
from jobs.ranking.save_lists import ListBlock
from reco_contracts.reasons import Reason

BLOCK_ITEMS = 4_096


def similar_lists(
    ranking: RankingModel,
    catalogue: pl.DataFrame,
    paths: pl.Series,
    popular: PopularItems,
    k: int,
) -> Iterator[ListBlock]:
    """Rank neighbours of every item, in blocks.

    An item that the model knows nothing about gets what is popular in its closest
    category, then in its others, then anywhere; so does the end of a list whose
    item has fewer than k neighbours with a positive likeness.

    Args:
        ranking: the model.
        catalogue: with `item_id`; row number = item index.
        paths: categories of each item, as `closest_categories` gives them.
        popular: what fills short lists.
        k: list length.
    """
    with progress_bar("Rank neighbours of items", len(catalogue)) as advance:
        for start in range(0, len(catalogue), BLOCK_ITEMS):
            rows = np.arange(start, min(start + BLOCK_ITEMS, len(catalogue)), dtype=np.int32)
            items, scores = _neighbours(ranking, ranking.model_index[rows], k)
            is_neighbour = items >= 0
            for row in np.flatnonzero(~is_neighbour.all(axis=1)):
                _fill(items[row], scores[row], int(rows[row]), paths[int(rows[row])], popular)
            yield ListBlock(
                catalogue["item_id"][start : start + len(rows)].to_list(),
                items,
                scores,
                np.where(is_neighbour, Reason.SIMILAR_ITEM, Reason.POPULAR).astype(np.uint8),
                np.where(is_neighbour, rows[:, None], PAD).astype(np.int32),
            )
            advance(len(rows))


def closest_categories(catalogue: pl.DataFrame, kind: Literal["tree", "tags"]) -> pl.Series:
    """The categories of each item, the one that says most about it first.

    In a tree that is the narrowest; among tags, which have no order, the one that
    diversity counts, the rarest.

    Args:
        catalogue: with `categories` and `diversity_category`.
        kind: catalogue.categories of the settings.
    """
    if kind == "tree":
        return catalogue["categories"].list.reverse()
    ordered = pl.concat_list("diversity_category", "categories").list.drop_nulls().list.unique(maintain_order=True)
    return catalogue.select(ordered.alias("categories"))["categories"]


def _neighbours(
    ranking: RankingModel, model_index: npt.NDArray[np.int32], k: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    items = np.full((len(model_index), k), PAD, dtype=np.int32)
    scores = np.zeros((len(model_index), k), dtype=np.float32)
    known = np.flatnonzero(model_index >= 0)
    lists = ranking.model.similar_items(model_index[known], k, ranking.candidates)
    is_alike = lists.scores > 0
    items[known] = np.where(is_alike, ranking.to_generation(lists.items), PAD)
    scores[known] = np.where(is_alike, lists.scores, 0)
    return items, scores


def _fill(
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    own: int,
    categories: pl.Series,
    popular: PopularItems,
) -> None:
    """Fill one list in place, from the closest category to everything; scores keep falling."""
    length = first = int((items >= 0).sum())
    for category in [*categories, EVERYTHING]:
        members = popular.by_category.get(category)
        if members is None or length == len(items):
            continue
        members = members[(members != own) & ~np.isin(members, items[:length])][: len(items) - length]
        items[length : length + len(members)] = members
        length += len(members)
    filled = slice(first, length)
    scores[filled] = 0 if first else np.minimum.accumulate(popular.scores[items[filled]])
