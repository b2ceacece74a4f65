"""The marts that models read, up to a run date."""

from datetime import date
from pathlib import Path

import polars as pl

from jobs.warehouse.hold_exports import reading_exports
from reco_contracts.artifacts import Layout
from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS, FEAT_ITEM_EXPOSURE_DAILY, Table
from reco_contracts.errors import ContractError, EmptyPartitionError


def read_interactions(layout: Layout, run_date: date) -> pl.DataFrame:
    """Interactions with event_date <= run_date, sorted by user, item and day; weights as float64.

    The order is fixed because sums of floats depend on it.

    Raises:
        EmptyPartitionError: there is no export, or nothing in it up to the run date.
    """
    weight = pl.col("weight").cast(pl.Float64)
    with reading_exports(layout):
        rows = _read(layout.export(FCT_INTERACTIONS.name), FCT_INTERACTIONS).filter(pl.col("event_date") <= run_date)
        frame = rows.with_columns(weight).sort("user_id", "item_id", "event_date").collect()
    if frame.is_empty():
        raise EmptyPartitionError(
            f"{layout.export(FCT_INTERACTIONS.name)} holds no interaction up to {run_date}; "
            "was the log landed for another period, and were the marts built and exported for this run date?"
        )
    return frame


def last_interaction_date(layout: Layout) -> date:
    """The last day of the exported interactions.

    Raises:
        EmptyPartitionError: there is no export, or it is empty.
    """
    path = layout.export(FCT_INTERACTIONS.name)
    last = _read(path, FCT_INTERACTIONS).select(pl.col("event_date").max()).collect().item()
    if not isinstance(last, date):
        raise EmptyPartitionError(f"{path} holds no interaction; were the marts built?")
    return last


def read_items(layout: Layout) -> pl.DataFrame:
    """Every item of the catalogue, sorted by id.

    Raises:
        EmptyPartitionError: there is no export, or it is empty.
    """
    with reading_exports(layout):
        frame = _read(layout.export(DIM_ITEMS.name), DIM_ITEMS).sort("item_id").collect()
    if frame.is_empty():
        raise EmptyPartitionError(f"{layout.export(DIM_ITEMS.name)} holds no item; were the marts built?")
    return frame


def read_users(layout: Layout) -> pl.DataFrame:
    """Every user that an event or a snapshot names, sorted by id.

    Raises:
        EmptyPartitionError: there is no export.
    """
    with reading_exports(layout):
        return _read(layout.export(DIM_USERS.name), DIM_USERS).sort("user_id").collect()


def read_exposure(layout: Layout, run_date: date) -> pl.DataFrame:
    """How often items were shown and clicked up to a run date, one row an item that was shown.

    Columns: `item_id`, `impressions`, `clicked_impressions`.

    Raises:
        EmptyPartitionError: there is no export.
    """
    rows = _read(layout.export(FEAT_ITEM_EXPOSURE_DAILY.name), FEAT_ITEM_EXPOSURE_DAILY)
    shown = (
        rows.filter(pl.col("event_date") <= run_date)
        .group_by("item_id")
        .agg(pl.col("impressions", "clicked_impressions").sum())
    )
    return shown.sort("item_id").collect()


def scan_mart(path: Path) -> pl.LazyFrame:
    """An exported mart: a file, or the files of a folder but for the hidden ones of an export that is at it or died."""
    return pl.scan_parquet(path / "*.parquet" if path.is_dir() else path)


def _read(path: Path, table: Table) -> pl.LazyFrame:
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco export-marts` for this run date first")
    frame = scan_mart(path)
    missing = [name for name in table.column_names if name not in frame.collect_schema().names()]
    if missing:
        raise ContractError(f"{path} lacks {', '.join(missing)}; export the marts again with this version")
    return frame.select(table.column_names)
