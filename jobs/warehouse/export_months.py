"""Export a mart that has a row a day: one file a month, one a day of the newest month, and only those that changed.

`<mart>.parquet` is a folder then, with a file `2024-03.parquet` for March; who
scans the folder sees one table. A month, and not a day: a log of twenty years
would else be thousands of files. But a new day must not write the month again, so
that the days of the newest month are files of their own (`2024-04-01.parquet`) until
the next month begins. The versions of the dates that were exported lie beside the folder.
"""

from contextlib import ExitStack
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
    """Write what changed since the export before, and remove what has no row any more.

    All files of the mart are moved in together, and the note of what was exported is written last: an export that was
    killed is made again.

    Args:
        connection: to the warehouse.
        mart: its contract.
        query: `select` of the contract's columns, without a condition.
        folder: of the mart.
    """
    if folder.is_file():
        folder.unlink()
    note = folder.with_suffix(".json")
    files = {folder / f"{name}.parquet": condition for name, condition in _pieces(connection, query).items()}
    now = _exported_dates(connection, mart)
    changed = _changed_dates(now, _read(note))
    folder.mkdir(parents=True, exist_ok=True)
    stale = {*folder.iterdir()} - {*files}  # what has no row, days that are a month now, what a killed export left
    keys = ", ".join(f'"{name}"' for name in mart.key)
    with ExitStack() as moved_in_at_its_end:
        for path, condition in files.items():
            if changed is None or not path.exists() or any(day.startswith(path.stem) for day in changed):
                temporary = moved_in_at_its_end.enter_context(replace_file(path))
                quoted = str(temporary).replace("'", "''")
                rows = f"{query} where {condition} order by {keys}"
                connection.execute(f"copy ({rows}) to '{quoted}' (format parquet)")
        for path in stale:
            path.unlink()
    with replace_file(note) as temporary:
        temporary.write_bytes(msgspec.json.encode(now))


def _pieces(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """Name of each file -> condition of its rows; where there is no row, one that nothing meets."""
    days = f"select distinct {_DATE} from ({query}) order by 1 desc"  # noqa: S608 - names are constants
    found: list[date] = [row[0] for row in connection.execute(days).fetchall()]
    newest = f"{found[0]:%Y-%m}" if found else ""
    dated = f"{_DATE} >= date '{{0}}' and {_DATE} < date '{{0}}' + interval 1 month"
    pieces: dict[str, str] = {}
    for day in found:
        month = f"{day:%Y-%m}"
        pieces |= {f"{day}": f"{_DATE} = date '{day}'"} if month == newest else {month: dated.format(f"{month}-01")}
    return pieces or {"empty": "false"}


def _changed_dates(now: ExportedDates, before: ExportedDates | None) -> set[str] | None:
    """ISO dates of another version; None stands for all."""
    is_comparable = before is not None and (before.warehouse, before.columns) == (now.warehouse, now.columns)
    if before is None or not is_comparable or not now.warehouse:
        return None
    return {day for day, version in now.versions.items() if before.versions.get(day) != version}


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
