"""Features of users and items as they are at the end of a run date.

A window of n days is the run date and the n - 1 days before it. Nothing later
than the run date is read, and a row is stamped with the first moment after it,
so that a join by time never sees the future.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobs.landing.landed_schema import polars_schema
from jobs.warehouse.hold_exports import reading_exports
from jobs.warehouse.read_marts import scan_mart
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import (
    DIM_ITEMS,
    FCT_INTERACTIONS,
    FEAT_ITEM_DAILY,
    FEAT_USER_DAILY,
    FEATURE_TIMESTAMP,
    ITEM_FEATURES,
    USER_FEATURES,
    Table,
)
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

SHORT_DAYS: Final = 7
LONG_DAYS: Final = 30
PARTITION_FILE: Final = "part.parquet"


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """The exported marts that features are made of, as lazy frames.

    Attributes:
        user_daily: FEAT_USER_DAILY.
        item_daily: FEAT_ITEM_DAILY.
        interactions: FCT_INTERACTIONS.
        items: DIM_ITEMS.
    """

    user_daily: pl.LazyFrame
    item_daily: pl.LazyFrame
    interactions: pl.LazyFrame
    items: pl.LazyFrame


def feature_timestamp(run_date: date) -> datetime:
    """The first moment after the run date, UTC: what the day's features are valid from."""
    next_day = run_date + timedelta(days=1)
    return datetime(next_day.year, next_day.month, next_day.day, tzinfo=UTC)


def user_features(inputs: FeatureInputs, run_date: date) -> pl.DataFrame:
    """Features of every user with at least one interaction up to the run date.

    Args:
        inputs: the marts; rows after the run date are ignored.
        run_date: last day of the windows.

    Returns:
        USER_FEATURES, sorted by user; counts are 0 where the last interaction is older than the window.
        `mean_weight_30d` is weight per interaction; `top_category` is the diversity category with the
        largest positive weight in 30 days, the first by name of equals.
    """
    windows = _windows(inputs.user_daily, "user_id", run_date)
    recent = _within(inputs.interactions, run_date, LONG_DAYS)
    distinct = recent.group_by("user_id").agg(pl.col("item_id").n_unique().alias("distinct_items_30d"))
    frame = (
        windows.join(distinct, on="user_id", how="left")
        .join(_top_categories(recent, inputs.items), on="user_id", how="left")
        .with_columns(
            pl.col("distinct_items_30d").fill_null(0),
            _days_until(run_date, "last_date").alias("days_since_last_interaction"),
            _ratio(pl.col("weight_30d").cast(pl.Float64), pl.col("interactions_30d")).alias("mean_weight_30d"),
        )
    )
    return _finish(frame, USER_FEATURES, run_date)


def item_features(inputs: FeatureInputs, run_date: date) -> pl.DataFrame:
    """Features of every item with at least one interaction up to the run date.

    Args:
        inputs: the marts; rows after the run date are ignored.
        run_date: last day of the windows.

    Returns:
        ITEM_FEATURES, sorted by item. `trend_7d` compares the last week with a week of the last 30 days:
        1 is steady, above 1 is rising, 0 is without history in 30 days.
    """
    windows = _windows(inputs.item_daily, "item_id", run_date)
    recent = _within(inputs.interactions, run_date, LONG_DAYS)
    distinct = recent.group_by("item_id").agg(pl.col("user_id").n_unique().alias("distinct_users_30d"))
    expected = pl.col("interactions_30d") * SHORT_DAYS / LONG_DAYS
    frame = windows.join(distinct, on="item_id", how="left").with_columns(
        pl.col("distinct_users_30d").fill_null(0),
        _days_until(run_date, "first_date").alias("days_since_first_interaction"),
        _ratio(pl.col("interactions_7d"), expected).alias("trend_7d"),
    )
    return _finish(frame, ITEM_FEATURES, run_date)


def partition_path(layout: Layout, view: str, run_date: date) -> Path:
    """The Parquet file that holds one view's rows of one run date."""
    return layout.features(view) / f"event_date={run_date.isoformat()}" / PARTITION_FILE


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Build both views and replace exactly the run date's partition of each.

    Args:
        run_date: last day of the windows.
        settings: of the product.

    Raises:
        EmptyPartitionError: a mart was not exported, or holds nothing up to the run date.
    """
    layout = settings.layout
    with reading_exports(layout):
        rows = _write_views(layout, run_date)
    return {"run_date": run_date, "rows": rows, "feature_timestamp": str(feature_timestamp(run_date))}


def _write_views(layout: Layout, run_date: date) -> dict[str, int]:
    inputs = FeatureInputs(
        user_daily=_scan(layout, FEAT_USER_DAILY),
        item_daily=_scan(layout, FEAT_ITEM_DAILY),
        interactions=_scan(layout, FCT_INTERACTIONS),
        items=_scan(layout, DIM_ITEMS),
    )
    rows = {}
    for view, build in ((USER_FEATURES, user_features), (ITEM_FEATURES, item_features)):
        frame = build(inputs, run_date)
        if frame.is_empty():
            raise EmptyPartitionError(
                f"{view.name}: no interaction up to {run_date}; was the log landed for later days?"
            )
        with replace_file(partition_path(layout, view.name, run_date)) as path:
            frame.write_parquet(path)
        rows[view.name] = frame.height
    return rows


def _scan(layout: Layout, mart: Table) -> pl.LazyFrame:
    path = layout.export(mart.name)
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco export-marts` first")
    return scan_mart(path)


def _within(frame: pl.LazyFrame, run_date: date, days: int) -> pl.LazyFrame:
    return frame.filter(_is_within(run_date, days))


def _is_within(run_date: date, days: int) -> pl.Expr:
    return (pl.col("event_date") > run_date - timedelta(days=days)) & (pl.col("event_date") <= run_date)


def _windows(daily: pl.LazyFrame, key: str, run_date: date) -> pl.LazyFrame:
    """Counts over both windows, and the first and last day, for every key seen up to the run date."""
    is_short, is_long = _is_within(run_date, SHORT_DAYS), _is_within(run_date, LONG_DAYS)
    return (
        daily.filter(pl.col("event_date") <= run_date)
        .group_by(key)
        .agg(
            pl.col("interactions").filter(is_short).sum().alias("interactions_7d"),
            pl.col("interactions").filter(is_long).sum().alias("interactions_30d"),
            pl.col("purchases").filter(is_long).sum().alias("purchases_30d"),
            pl.col("weight").filter(is_long).sum().alias("weight_30d"),
            pl.col("event_date").min().alias("first_date"),
            pl.col("event_date").max().alias("last_date"),
        )
    )


def _top_categories(recent: pl.LazyFrame, items: pl.LazyFrame) -> pl.LazyFrame:
    return (
        recent.join(items.select("item_id", "diversity_category").drop_nulls(), on="item_id")
        .group_by("user_id", "diversity_category")
        .agg(pl.col("weight").sum())
        .filter(pl.col("weight") > 0)
        .sort("user_id", "weight", "diversity_category", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(pl.col("diversity_category").first().alias("top_category"))
    )


def _days_until(run_date: date, column: str) -> pl.Expr:
    return (pl.lit(run_date) - pl.col(column)).dt.total_days()


def _ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    return pl.when(denominator > 0).then(numerator / denominator).otherwise(0.0)


def _finish(frame: pl.LazyFrame, view: Table, run_date: date) -> pl.DataFrame:
    schema = polars_schema(view)
    stamped = frame.with_columns(pl.lit(feature_timestamp(run_date)).alias(FEATURE_TIMESTAMP))
    columns = [pl.col(name).cast(dtype) for name, dtype in schema.items()]
    return stamped.select(columns).sort(view.key[0]).collect()
