"""Export a mart that has a row a day: one file a month, and only the months in which a date changed.

`<mart>.parquet` is a folder then, with a file `2024-03.parquet` for March; who
scans the folder sees one table. A month, and not a day: a log of twenty years
would else be thousands of files. The versions of the dates that were exported lie
beside the folder.
"""

from datetime import date
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from reco_contracts.artifacts import replace_file
from reco_contracts.columns import Table

_DATE: Final = "event_date"


class ExportedDates(msgspec.Struct, frozen=True, kw_only=True):
    """What an export was made of.

    Attributes:
        warehouse: identity of the warehouse; versions of another one mean nothing.
        columns: the exported columns.
        versions: ISO date -> version of the mart's partition.
    """

    warehouse: str
    columns: list[str]
    versions: dict[str, int]


def is_exported_by_month(mart: Table) -> bool:
    """Whether a mart's key has a date, so that its past does not change with each day."""
    return _DATE in mart.key


def export_months(connection: duckdb.DuckDBPyConnection, mart: Table, query: str, folder: Path) -> None:
    """Write the months that changed since the export before, and remove those that are empty.

    The note of what was exported is written last: an export that was killed is made again.

    Args:
        connection: to the warehouse.
        mart: its contract.
        query: `select` of the contract's columns, without a condition.
        folder: of the mart.
    """
    if folder.is_file():
        folder.unlink()
    note = folder.with_suffix(".json")
    files = {folder / f"{name}.parquet": condition for name, condition in _months(connection, query).items()}
    now = _exported_dates(connection, mart)
    changed = _changed_months(now, _read(note))
    folder.mkdir(parents=True, exist_ok=True)
    for stale in {*folder.iterdir()} - {*files}:  # months without a row, and what a killed export left
        stale.unlink()
    keys = ", ".join(f'"{name}"' for name in mart.key)
    for path, condition in files.items():
        if changed is None or path.stem in changed or not path.exists():
            with replace_file(path) as temporary:
                quoted = str(temporary).replace("'", "''")
                rows = f"{query} where {condition} order by {keys}"
                connection.execute(f"copy ({rows}) to '{quoted}' (format parquet)")
    with replace_file(note) as temporary:
        temporary.write_bytes(msgspec.json.encode(now))


def _months(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """Name of each month that has a row -> condition of its rows; one that nothing meets where there is no row."""
    months = f"select distinct cast(date_trunc('month', {_DATE}) as date) from ({query}) order by 1"  # noqa: S608
    firsts: list[date] = [row[0] for row in connection.execute(months).fetchall()]
    dated = f"{_DATE} >= date '{{0}}' and {_DATE} < date '{{0}}' + interval 1 month"
    return {f"{first:%Y-%m}": dated.format(first) for first in firsts} or {"empty": "false"}


def _changed_months(now: ExportedDates, before: ExportedDates | None) -> set[str] | None:
    """Months `YYYY-MM` with a date of another version; None stands for all."""
    is_comparable = before is not None and (before.warehouse, before.columns) == (now.warehouse, now.columns)
    if before is None or not is_comparable or not now.warehouse:
        return None
    return {day[:7] for day, version in now.versions.items() if before.versions.get(day) != version}


def _exported_dates(connection: duckdb.DuckDBPyConnection, mart: Table) -> ExportedDates:
    """Versions as dbt keeps them; a warehouse without them has no identity, and is exported whole."""
    try:
        identity = connection.execute("select warehouse_id from warehouse_state.identity").fetchone()
        rows = connection.execute(
            "select event_date, version from warehouse_state.partition_versions where node = ?", [mart.name]
        ).fetchall()
    except duckdb.CatalogException:
        identity, rows = None, []
    return ExportedDates(
        warehouse=identity[0] if identity and rows else "",
        columns=list(mart.column_names),
        versions={day.isoformat(): version for day, version in rows},
    )


def _read(path: Path) -> ExportedDates | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExportedDates)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
