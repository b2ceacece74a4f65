"""New lists: what came newly into the catalogue, newest first, and of these what people choose."""

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.popularity import popularity_scores
from jobs.ranking.category_lists import category_block, split_by_category
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.save_lists import ListBlock
from reco_contracts.list_settings import NewSurface
from reco_contracts.reasons import Reason

# An item that no snapshot dates is taken for new if it would be as late by chance no more often than this.
_MOST_BY_CHANCE: Final = 0.01
_NOT_DATED: Final = -1_000_000


def new_lists(
    data: Interactions,
    items: pl.DataFrame,
    is_available: npt.NDArray[np.bool_],
    run_date: date,
    rules: NewSurface,
) -> ListBlock | None:
    """The whole catalogue first, then each category that has something new, by name; nothing where nothing is new.

    Args:
        data: interactions, item indices of the generation.
        items: dim_items, sorted by id; row number = item index.
        is_available: bool, shape (n_items,), may be shown.
        run_date: the last day that counts.
        rules: of the surface.
    """
    users = np.floor(popularity_scores(data, 0)).astype(np.float64)
    age_days = days_in_catalogue(items, run_date, int(data.age_days.max(initial=0)) + 1, users)
    new = np.flatnonzero(is_available & (age_days >= 0) & (age_days < rules.days)).astype(np.int32)
    if not len(new):
        return None
    scores = np.zeros(len(items))
    quality = shrunk_rate(users[new], (age_days[new] + 1).astype(np.float64), rules.shrinkage_users)
    scores[new] = np.power(0.5, age_days[new] / rules.half_life_days) * quality
    order = new[np.lexsort((new, -scores[new]))]
    return category_block(split_by_category(order, items["categories"], rules.k), scores, rules.k, Reason.NEW)


def days_in_catalogue(
    items: pl.DataFrame, run_date: date, log_days: int, users: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """How long each item has been there, days.

    The first event dates an item only where no snapshot does, and only if that is no
    chance: what sells seldom is seen late too, and in a new log all is seen for the
    first time. Had the item been there all the time, its n users would all have come
    in the last a of L days with a probability of (a / L)^n.

    Args:
        items: with available_from and first_seen_date.
        run_date: the last day that counts.
        log_days: days of the log.
        users: float64, shape (n_items,), who chose the item.

    Returns:
        int64, shape (n_items,); -1 where nothing is known, or the item is yet to come.
    """
    ages = items.select(
        (pl.lit(run_date) - pl.col("available_from").dt.date()).dt.total_days().alias("dated"),
        (pl.lit(run_date) - pl.col("first_seen_date")).dt.total_days().alias("seen"),
    )
    seen = ages["seen"].fill_null(-1).to_numpy()
    by_chance = np.power(np.clip((seen + 1.0) / log_days, 0, 1), users)
    seen = np.where((users > 0) & (by_chance <= _MOST_BY_CHANCE), seen, -1)
    dated = ages["dated"].fill_null(_NOT_DATED).to_numpy()
    days: npt.NDArray[np.int64] = np.where(dated == _NOT_DATED, seen, dated).astype(np.int64)
    return np.maximum(days, -1)


def shrunk_rate(
    users: npt.NDArray[np.float64], days: npt.NDArray[np.float64], shrinkage: float
) -> npt.NDArray[np.float64]:
    """Users a day of each item against the average one, drawn towards 1 where little is known yet.

    Args:
        users: float64, shape (n,), who chose it.
        days: float64, shape (n,), that it was there; positive.
        shrinkage: average users that each is given.

    Returns:
        float64, shape (n,); 1 = like the average, or nothing known.
    """
    expected = days * (users.sum() / days.sum())
    rates: npt.NDArray[np.float64] = (users + shrinkage) / (expected + shrinkage)
    return rates
