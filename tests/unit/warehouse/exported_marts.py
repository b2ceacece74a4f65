"""Exported marts of a few rows, as `reco export-marts` writes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from jobs.landing.landed_schema import polars_schema
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import DIM_ITEMS, FCT_INTERACTIONS, FEAT_ITEM_DAILY, FEAT_USER_DAILY, Table


@dataclass(frozen=True, slots=True)
class Day:
    """What one user did with one item on one day."""

    event_date: date
    user_id: str
    item_id: str
    interactions: int
    purchases: int
    weight: int | Decimal


def export_marts(layout: Layout, days: Iterable[Day], categories: Mapping[str, str | None]) -> None:
    """Write the exports that features read.

    Args:
        layout: of the data folder.
        days: the history.
        categories: item -> its diversity category; items of the history that are not here have no row.
    """
    days = list(days)
    _write(layout, FCT_INTERACTIONS, [_interaction(day) for day in days])
    _write(layout, FEAT_USER_DAILY, _daily(days, "user_id", "item_id", "distinct_items"))
    _write(layout, FEAT_ITEM_DAILY, _daily(days, "item_id", "user_id", "distinct_users"))
    items = [{"item_id": item, "title": item, "categories": [], "diversity_category": category}
             for item, category in categories.items()]  # fmt: skip
    _write(layout, DIM_ITEMS, items)


def _interaction(day: Day) -> dict[str, Any]:
    moment = datetime.combine(day.event_date, time(12), tzinfo=UTC)
    counts = dict.fromkeys(("clicks", "add_to_carts", "returns", "dismissals"), 0)
    return {
        "event_date": day.event_date, "user_id": day.user_id, "item_id": day.item_id, **counts,
        "views": day.interactions - day.purchases, "purchases": day.purchases, "weight": day.weight,
        "is_consumed": day.purchases > 0, "is_positive": day.purchases > 0, "last_occurred_at": moment,
    }  # fmt: skip


def _daily(days: list[Day], key: str, other: str, distinct: str) -> list[dict[str, Any]]:
    groups: dict[tuple[date, str], list[Day]] = {}
    for day in days:
        groups.setdefault((day.event_date, getattr(day, key)), []).append(day)
    return [
        {
            "event_date": event_date, key: identifier,
            "interactions": sum(day.interactions for day in group),
            "purchases": sum(day.purchases for day in group),
            distinct: len({getattr(day, other) for day in group}),
            "weight": sum((Decimal(day.weight) for day in group), Decimal(0)),
        }
        for (event_date, identifier), group in groups.items()
    ]  # fmt: skip


def _write(layout: Layout, mart: Table, rows: list[dict[str, Any]]) -> None:
    schema = polars_schema(mart)
    frame = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    with replace_file(layout.export(mart.name)) as path:
        frame.write_parquet(path)
