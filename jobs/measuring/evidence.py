"""What the lists of a generation are held against: its items, and what users did with them."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.measuring.own_items import OwnItems, own_items
from jobs.measuring.subject_index import SubjectIndex, subject_index
from jobs.ranking.interaction_matrix import index_of
from jobs.warehouse.read_marts import scan_mart
from reco_contracts.artifacts import Layout
from reco_contracts.columns import FCT_INTERACTIONS


@dataclass(frozen=True, slots=True)
class Evidence:
    """Items of a generation and the log up to its run date; row number = item index.

    Attributes:
        item_ids: of the generation.
        is_available: bool, shape (n_items,), on sale.
        is_chosen: bool, shape (n_items,), somebody chose it: what lists can hold whatever the model.
        is_young: bool, shape (n_items,), on sale for so few days that a list may call it new.
        categories: int32, shape (n_items,), code of the category that diversity counts; -1 = none.
        own: pairs of user and item that the log holds.
    """

    item_ids: SubjectIndex
    is_available: npt.NDArray[np.bool_]
    is_chosen: npt.NDArray[np.bool_]
    is_young: npt.NDArray[np.bool_]
    categories: npt.NDArray[np.int32]
    own: OwnItems

    @property
    def n_items(self) -> int:
        """Items of the generation."""
        return len(self.is_available)


def read_evidence(
    layout: Layout, run_date: date, catalogue: pl.DataFrame, items: pl.DataFrame, new_item_days: int
) -> Evidence:
    """Read the exported interactions.

    Args:
        layout: where they are.
        run_date: the last day that counts.
        catalogue: columns `item_id`, `diversity_category` and `is_available` of the generation.
        items: columns of dim_items, row number = item index.
        new_item_days: an item is young for so long; days.
    """
    ids = catalogue["item_id"]
    history = scan_mart(layout.export(FCT_INTERACTIONS.name)).filter(pl.col("event_date") <= run_date)
    weights = history.group_by("user_id", "item_id").agg(pl.col("weight").sum())
    chosen = weights.filter(pl.col("weight") > 0).select("item_id").unique().collect(engine="streaming")
    categories = catalogue["diversity_category"]
    return Evidence(
        item_ids=subject_index(ids),
        is_available=catalogue["is_available"].to_numpy(),
        is_chosen=ids.is_in(chosen["item_id"].implode()).to_numpy(),
        is_young=_is_young(items, run_date, new_item_days),
        categories=index_of(categories, categories.drop_nulls().unique().sort()),
        own=own_items(history, ids, run_date),
    )


def _is_young(items: pl.DataFrame, run_date: date, days: int) -> npt.NDArray[np.bool_]:
    """Whether each item came within some days; one without any date may be new."""
    began = pl.coalesce(pl.col("available_from").dt.date(), "first_seen_date")
    is_young = ((pl.lit(run_date) - began).dt.total_days() < days).fill_null(value=True)
    return items.select(is_young.alias("is_young"))["is_young"].to_numpy()
