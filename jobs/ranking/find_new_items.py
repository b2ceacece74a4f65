"""Which items are new: young, on sale, and not seen enough yet."""

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.expose_new_items import NewItems, draw_candidates, sample_rows, spread_evenly
from jobs.ranking.interaction_matrix import Interactions, index_of
from jobs.ranking.ranking_model import RankingModel
from reco_contracts.list_settings import HomeSurface

# A price is found for each of them from a sample of users: more new items wait until these have been seen.
MAX_NEW_ITEMS: Final = 2_000


def not_seen_enough(
    items: pl.DataFrame,
    is_available: npt.NDArray[np.bool_],
    impressions: pl.DataFrame,
    history: pl.DataFrame,
    run_date: date,
    rules: HomeSurface,
) -> npt.NDArray[np.int32]:
    """Items that are to get reserved places, ascending.

    An item without any date is new until it has been seen enough. Where there are
    more than MAX_NEW_ITEMS, those that were shown least come first.

    Args:
        items: dim_items, sorted by id; row number = item index.
        is_available: bool, shape (n_items,), on sale at the end of the run date.
        impressions: `item_id` and `impressions` up to the run date; one row an item at most.
        history: fct_interactions up to the run date.
        run_date: the last day that counts.
        rules: new_item_days, new_item_until_impressions, new_item_until_users.
    """
    chosen = history.filter(pl.col("weight") > 0).group_by("item_id").agg(users=pl.col("user_id").n_unique())
    began = pl.coalesce(pl.col("available_from").dt.date(), "first_seen_date")
    counted = (
        items.select("item_id", (pl.lit(run_date) - began).dt.total_days().alias("age_days"))
        .with_row_index("item")
        .with_columns(pl.Series("is_available", is_available))
        .join(impressions, on="item_id", how="left", maintain_order="left")
        .join(chosen, on="item_id", how="left", maintain_order="left")
        .with_columns(pl.col("impressions", "users").fill_null(0))
    )
    new = counted.filter(
        "is_available",
        (pl.col("age_days") < rules.new_item_days).fill_null(value=True),
        pl.col("impressions") < rules.new_item_until_impressions,
        pl.col("users") < rules.new_item_until_users,
    )
    least_shown = new.sort("impressions", "item_id").head(MAX_NEW_ITEMS)
    return least_shown["item"].sort().to_numpy().astype(np.int32)


def new_items(
    ranking: RankingModel,
    model_items: pl.Series,
    item_ids: pl.Series,
    items: npt.NDArray[np.int32],
    users: pl.Series,
    model_data: Interactions,
    rules: HomeSurface,
    salt: str,
) -> NewItems | None:
    """Set the prices that spread new items evenly over the users.

    Args:
        ranking: the model.
        model_items: ids of the model's item indices.
        item_ids: ids of the generation's item indices.
        items: int32, generation indices of the new items.
        users: ids of all users, sorted.
        model_data: their interactions, item indices of the model.
        rules: new_items_share and new_items_first.
        salt: of the draws.

    Returns:
        None where there is nothing to show or no place for it.
    """
    if not len(items) or rules.new_items_share == 0 or not len(users):
        return None
    names = item_ids.gather(items)
    known = index_of(names, model_items)
    rows = sample_rows(users.to_list(), salt)
    candidates = draw_candidates(users.gather(rows).to_list(), tuple(names), salt)
    scores = ranking.model.score(model_data.of_users(rows), known[candidates])
    return NewItems(
        items=items,
        model_items=known,
        names=tuple(names),
        prices=spread_evenly(scores, candidates, len(items)),
        share=rules.new_items_share,
        first=rules.new_items_first,
        salt=salt,
    )
