"""The lists of all surfaces that the model does not rank: also bought, trending, new, again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from jobs.ranking.interaction_matrix import Interactions, make_interactions
from jobs.ranking.make_again_lists import again_lists
from jobs.ranking.make_also_bought_lists import also_bought_lists, item_kinship
from jobs.ranking.make_new_lists import new_lists
from jobs.ranking.make_trending_lists import trending_lists
from jobs.ranking.save_lists import ListBlock
from jobs.rules.select_items import Mask
from jobs.rules.surface_rules import SurfaceRules
from reco_contracts.list_settings import SurfacesSection
from reco_contracts.surfaces import AGAIN, ALSO_BOUGHT, NEW, TRENDING


@dataclass(frozen=True, slots=True)
class SurfaceWork:
    """All that these lists are made with.

    Attributes:
        history: fct_interactions up to the run date, sorted.
        users: ids of the users who are ranked for, sorted.
        items: dim_items, sorted by id; row number = item index.
        paths: categories of each item, closest first.
        data: the history as arrays, item indices of the generation.
        rules: business rules, of every surface.
        run_date: the last day of the history.
        surfaces: their rules.
    """

    history: pl.DataFrame
    users: pl.Series
    items: pl.DataFrame
    paths: pl.Series
    data: Interactions
    rules: SurfaceRules
    run_date: date
    surfaces: SurfacesSection


def surface_lists(work: SurfaceWork) -> Iterator[tuple[str, Iterator[ListBlock]]]:
    """Make the lists of one surface after the other; a surface without any is left out of the generation."""
    surfaces, items, rules = work.surfaces, work.items, work.rules
    kinship = item_kinship(items, work.paths)
    chosen, purchases = _days_with(work, pl.col("is_positive")), _days_with(work, pl.col("purchases") > 0)
    makers: dict[str, Callable[[Mask], ListBlock | None]] = {
        ALSO_BOUGHT: lambda allowed: also_bought_lists(
            chosen, items["item_id"], kinship, allowed, surfaces.also_bought
        ),
        TRENDING: lambda allowed: trending_lists(work.data, items["categories"], allowed, surfaces.trending),
        NEW: lambda allowed: new_lists(work.data, items, allowed, work.run_date, surfaces.new),
    }
    for name, make in makers.items():
        block = make(rules.allowed_everywhere(name))
        if block is not None:
            yield name, rules.pinned(name, [block])
    refusals = _days_with(work, (pl.col("dismissals") > 0) | (pl.col("returns") > 0))
    for_users = rules.for_users(AGAIN, work.users)
    due = again_lists(purchases, work.users, kinship.kinds, for_users, surfaces.again, refusals)
    if due is not None:
        yield AGAIN, rules.pinned(AGAIN, [due])


def _days_with(work: SurfaceWork, condition: pl.Expr) -> Interactions:
    return make_interactions(work.history.filter(condition), work.users, work.items["item_id"], work.run_date)
