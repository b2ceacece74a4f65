"""Put the analysts' copy of the warehouse in place.

Analysts open data/warehouse/analytics.duckdb at any moment, also while a run
writes the warehouse. Who has the old copy open keeps it; who opens it next sees
the new one. The copy holds tables alone: a view over landing files would change
with them, and is bound to the warehouse's name. It cannot be written: one reader
who opened it for writing would lock out all others.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb

from jobs.warehouse.export_marts import open_warehouse
from jobs.warehouse.export_reports import export_reports
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.settings import Settings

_READ_ONLY: Final = 0o444
_CHUNK_BYTES: Final = 16 * 1024 * 1024


def copy_warehouse(layout: Layout) -> list[str]:
    """Copy the warehouse beside its place, drop the views, and move it in.

    Returns:
        The tables of the copy, `<schema>.<table>`.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    with _resting_warehouse(layout) as source:
        _remove_leftovers(layout.analytics)
        with replace_file(layout.analytics, mode=_READ_ONLY) as temporary:
            with temporary.open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK_BYTES)
            return _keep_tables(temporary)


def run(settings: Settings) -> dict[str, Any]:
    """Renew the analysts' copy, and from it the Parquet files of the reports.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    layout = settings.layout
    started = time.monotonic()
    tables = copy_warehouse(layout)
    reports = export_reports(layout)
    return {
        "file": layout.analytics,
        "tables": tables,
        "size_bytes": layout.analytics.stat().st_size,
        "reports": reports,
        "seconds": round(time.monotonic() - started, 2),
    }


@contextmanager
def _resting_warehouse(layout: Layout) -> Iterator[BinaryIO]:
    """Give the warehouse's file while no process can write it."""
    with ExitStack() as held, open_warehouse(layout, read_only=False) as connection:
        connection.execute("checkpoint")  # what a killed writer left in its log belongs to the copy too
        # Closed after the connection: a process that closes any handle of a file gives up its lock on it.
        yield held.enter_context(layout.warehouse.open("rb"))


def _remove_leftovers(analytics: Path) -> None:
    """Remove what is in the way of a new copy; whoever holds the warehouse is the only one who makes one.

    That is a copy that was killed on its way, and the log of somebody who could open the old copy for writing:
    DuckDB refuses a file whose log is of another one.
    """
    for leftover in [*analytics.parent.glob(f".{analytics.name}.*"), analytics.with_name(f"{analytics.name}.wal")]:
        leftover.unlink(missing_ok=True)


def _keep_tables(path: Path) -> list[str]:
    with duckdb.connect(path) as connection:
        views = "select schema_name, view_name from duckdb_views() where not internal"
        for schema, name in connection.execute(views).fetchall():
            connection.execute(f'drop view "{schema}"."{name}"')
        tables = "select schema_name || '.' || table_name from duckdb_tables() order by 1"
        found = [row[0] for row in connection.execute(tables).fetchall()]
        connection.execute("checkpoint")
    return found
