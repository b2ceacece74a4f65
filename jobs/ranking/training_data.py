"""Marts as the arrays that models learn from."""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.feature_history import FeatureHistory
from jobs.ranking.interaction_matrix import Interactions, ItemExposure, make_interactions
from jobs.ranking.item_content import item_content


def training_data(
    history: pl.DataFrame,
    items: pl.DataFrame,
    people: pl.DataFrame,
    as_of: date,
    shown: pl.DataFrame | None = None,
) -> tuple[pl.Series, Interactions]:
    """Index a history with all that is known of its users and of the whole catalogue.

    Args:
        history: columns of fct_interactions, weight as float64; nothing later than `as_of`.
        items: dim_items, sorted by id; row number = item index, whether anybody touched the item or not.
        people: dim_users.
        as_of: the day that ages are counted back from.
        shown: how often items were shown up to `as_of`, as `read_exposure` gives it; None = not known.

    Returns:
        The ids of the users of the history, sorted, whose position is the user index; and the arrays.

    Raises:
        ContractError: a row is later than `as_of`.
    """
    users = history["user_id"].unique().sort()
    segments, content = segments_of(users, people), item_content(items)
    exposure = None if shown is None else item_exposure(shown, items["item_id"])
    features = FeatureHistory(history, items, users, as_of)
    return users, make_interactions(history, users, items["item_id"], as_of, segments, content, exposure, features)


def item_exposure(shown: pl.DataFrame, items: pl.Series) -> ItemExposure:
    """Impressions of items, and clicks on them, as arrays.

    Args:
        shown: `item_id`, `impressions`, `clicked_impressions`, one row an item at most.
        items: ids, in order of their index.
    """
    counts = pl.DataFrame({"item_id": items}).join(shown, on="item_id", how="left", maintain_order="left")
    filled = counts.select(pl.col("impressions", "clicked_impressions").fill_null(0).cast(pl.Int64))
    return ItemExposure(filled["impressions"].to_numpy(), filled["clicked_impressions"].to_numpy())


def serving_data(
    history: pl.DataFrame,
    users: pl.Series,
    model_items: pl.Series,
    items: pl.DataFrame,
    people: pl.DataFrame,
    as_of: date,
    liked_stars: float | None = None,
) -> Interactions:
    """Index a history as a trained model wants it, with all that is known now.

    Args:
        history: columns of fct_interactions, weight as float64; nothing later than `as_of`.
        users: ids of those who are ranked for, sorted.
        model_items: ids of the model's item indices; some may have left the catalogue.
        items: dim_items.
        people: dim_users.
        as_of: the day that ages are counted back from.
        liked_stars: a rating of so many says "liked", for reasons; None = nobody asks for them.

    Raises:
        ContractError: a row is later than `as_of`.
    """
    catalogue = model_items.alias("item_id").to_frame().join(items, on="item_id", how="left", maintain_order="left")
    segments, content = segments_of(users, people), item_content(catalogue)
    features = FeatureHistory(history, catalogue, users, as_of)
    return make_interactions(
        history, users, model_items, as_of, segments, content, features=features, liked_stars=liked_stars
    )


def segments_of(users: pl.Series, people: pl.DataFrame) -> npt.NDArray[np.str_]:
    """The segment of each user.

    Args:
        users: ids.
        people: dim_users.

    Returns:
        str, shape (len(users),); "" where a user has none or is not known.
    """
    found = pl.DataFrame({"user_id": users}).join(
        people.select("user_id", "segment"), on="user_id", how="left", maintain_order="left"
    )
    return np.array(found["segment"].fill_null("").to_list(), dtype=np.str_)
