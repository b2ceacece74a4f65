"""A shop of a few rows, written as landing writes it, whose marts are known by hand."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from jobs.landing.landed_schema import polars_schema
from jobs.landing.ledger import Kind, LedgerEntry, write_entry
from reco_contracts.artifacts import Layout
from reco_contracts.columns import LANDED_EVENTS, LANDED_ITEMS, LANDED_USERS, QUARANTINE
from reco_contracts.columns import Table as TableContract
from reco_contracts.settings import PathsSection, Settings, load_settings

TABLES: dict[Kind, TableContract] = {"events": LANDED_EVENTS, "items": LANDED_ITEMS, "users": LANDED_USERS}
DAY_1, DAY_2, DAY_3 = date(2024, 4, 1), date(2024, 4, 2), date(2024, 4, 3)


def settings_for(folder: Path, **sections: Any) -> Settings:
    """Settings with their own data folder."""
    return load_settings(paths=PathsSection(data=folder), **sections)


def land(
    layout: Layout,
    kind: Kind,
    sha: str,
    rows: list[dict[str, Any]],
    rejected: dict[str, int] | None = None,
    landed_hour: int = 10,
    state: str = "landed",
) -> None:
    """Write one landed file: its partitions, its quarantine and its ledger entry.

    Args:
        layout: of the data folder.
        kind: events, items or users.
        sha: stands for the file's hash.
        rows: valid rows; those that have `occurred_at` are dated by it, others have `event_date`.
        rejected: reason -> number of rejected lines, which follow the valid ones.
        landed_hour: hour of 2024-05-01 at which the file was landed.
        state: of the ledger entry.
    """
    landed_at = datetime(2024, 5, 1, landed_hour, tzinfo=UTC)
    by_day: dict[date, list[dict[str, Any]]] = {}
    for line, row in enumerate(rows, start=1):
        day = row["occurred_at"].date() if kind == "events" else row["event_date"]
        by_day.setdefault(day, []).append({**row, "file_sha": sha, "line": line, "landed_at": landed_at})
    for day, day_rows in by_day.items():
        _write(layout.landing(kind) / f"event_date={day}" / f"{sha}.parquet", TABLES[kind], day_rows)
    reasons = [reason for reason, count in (rejected or {}).items() for _ in range(count)]
    if reasons:
        _write(layout.quarantine / f"{sha}.parquet", QUARANTINE, [
            {"kind": kind, "file_name": f"{sha}.csv", "file_sha": sha, "line": len(rows) + 1 + number,
             "reason": reason, "detail": None, "raw": "?", "fields": "{}", "landed_at": landed_at}
            for number, reason in enumerate(reasons)
        ])  # fmt: skip
    write_entry(layout, LedgerEntry(
        kind=kind, file_name=f"{sha}.csv", path=f"/inbox/{sha}.csv", file_sha=sha, content_sha=sha, format="events",
        state=state, size_bytes=1, mtime_ns=1, lines_in=len(rows) + len(reasons), landed=len(rows),
        quarantined=len(reasons), quarantined_by_reason=rejected or {}, event_dates=sorted(by_day),
        rows_by_date={day: len(by_day[day]) for day in sorted(by_day)},
        landed_at=landed_at.isoformat(),
    ))  # type: ignore[arg-type]  # fmt: skip


def event(event_id: str, user: str, item: str, event_type: str, day: date, hour: int = 9, value: float | None = None,
          **context: Any) -> dict[str, Any]:  # fmt: skip
    """One valid event row."""
    occurred_at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return {"event_id": event_id, "user_id": user, "item_id": item, "event_type": event_type, "value": value,
            "occurred_at": occurred_at, **context}  # fmt: skip


def write_shop(layout: Layout) -> None:
    """Land two logs (the second repeats a line of the first), one that was taken back, and snapshots."""
    shown = {"request_id": "r1", "surface": "home", "position": 1}
    land(layout, "events", "log1", [
        event("e1", "anna", "lamp", "view", DAY_1),
        event("e2", "anna", "lamp", "purchase", DAY_1, hour=10, value=2),
        event("e3", "anna", "book", "rating", DAY_2, value=5),
        event("e4", "bert", "lamp", "impression", DAY_2, **shown),
        event("e5", "bert", "book", "rating", DAY_2, value=2),
    ], rejected={"bad_time": 2, "missing_user": 1})  # fmt: skip
    land(layout, "events", "log2", [
        event("e2", "anna", "lamp", "purchase", DAY_1, hour=10, value=2),
        event("e6", "anna", "lamp", "return", DAY_3, value=2),
        event("e7", "carl", "vase", "dismiss", DAY_3),
    ], landed_hour=11)  # fmt: skip
    land(layout, "events", "taken_back", [event("e9", "dora", "lamp", "purchase", DAY_1, value=1)], state="unlanded")
    land(layout, "items", "catalogue1", [
        {"item_id": "lamp", "title": "Old lamp", "categories": ["home"], "event_date": DAY_1},
        {"item_id": "book", "title": "Book", "categories": ["media", "print", "novel"], "event_date": DAY_1},
    ])  # fmt: skip
    land(layout, "items", "catalogue2", [
        {"item_id": "lamp", "title": "Lamp", "categories": ["home", "light"], "price": 9.5,
         "min_age": 18, "markets": ["pl", "se"], "event_date": DAY_3},
        {"item_id": "rug", "title": "Rug", "event_date": DAY_3},
    ])  # fmt: skip
    land(layout, "users", "people", [{"user_id": "anna", "market": "pl", "event_date": DAY_1},
                                     {"user_id": "elsa", "birth_year": 1990, "event_date": DAY_1}])  # fmt: skip


def _write(path: Path, table: TableContract, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = polars_schema(table)
    pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).write_parquet(path)
