"""Put the analysts' copy of the warehouse in place.

Analysts open data/warehouse/analytics.duckdb at any moment, also while a run
writes the warehouse. Who has the old copy open keeps it; who opens it next sees
the new one. The copy holds tables alone: a view over landing files would change
with them, and is bound to the warehouse's name. It cannot be written: one reader
who opened it for writing would lock out all others.

Where the last build did not finish, the copy keeps the marts that it has, and only
the account of the lines is renewed.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import duckdb

from jobs.warehouse.export_marts import open_warehouse
from jobs.warehouse.export_reports import export_reports
from jobs.warehouse.keep_good_marts import named, renew_account, unfinished_nodes
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

_log = get_logger(__name__)

_READ_ONLY: Final = 0o444
_CHUNK_BYTES: Final = 16 * 1024 * 1024


class Copied(NamedTuple):
    """What a new copy holds.

    Attributes:
        tables: `<schema>.<table>`.
        unfinished: models and tests that the last build did not finish; then only the account of the lines is new.
    """

    tables: list[str]
    unfinished: list[str]


class _Resting(NamedTuple):
    """The warehouse while no process can write it."""

    connection: duckdb.DuckDBPyConnection
    file: BinaryIO


def copy_warehouse(layout: Layout) -> Copied:
    """Copy the warehouse beside its place, drop the views, and move it in.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    with _resting_warehouse(layout) as warehouse:
        _remove_leftovers(layout.analytics)
        unfinished = unfinished_nodes(warehouse.connection)
        with replace_file(layout.analytics, mode=_READ_ONLY) as temporary:
            if unfinished:
                _keep_marts(warehouse.connection, layout.analytics, temporary)
            else:
                with temporary.open("wb") as target:
                    shutil.copyfileobj(warehouse.file, target, _CHUNK_BYTES)
            tables = _keep_tables(temporary)
    if unfinished:
        _log.warning(
            "the last build did not finish: analysts keep the marts of the one before, with a new account of the lines",
            unfinished=named(unfinished),
        )
    return Copied(tables, unfinished)


def run(settings: Settings) -> dict[str, Any]:
    """Renew the analysts' copy, and from it the Parquet files of the reports.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    layout = settings.layout
    started = time.monotonic()
    copied = copy_warehouse(layout)
    reports = export_reports(layout)
    return {
        "file": layout.analytics,
        "marts": "as before, the last build did not finish" if copied.unfinished else "of the last build",
        "unfinished": [named([node]) for node in copied.unfinished],
        "tables": copied.tables,
        "size_bytes": layout.analytics.stat().st_size,
        "reports": reports,
        "seconds": round(time.monotonic() - started, 2),
    }


@contextmanager
def _resting_warehouse(layout: Layout) -> Iterator[_Resting]:
    """Give the warehouse, and its file, while no process can write it."""
    with ExitStack() as held, open_warehouse(layout, read_only=False) as connection:
        connection.execute("checkpoint")  # what a killed writer left in its log belongs to the copy too
        # Closed after the connection: a process that closes any handle of a file gives up its lock on it.
        yield _Resting(connection, held.enter_context(layout.warehouse.open("rb")))


def _keep_marts(connection: duckdb.DuckDBPyConnection, before: Path, copy: Path) -> None:
    """Make the new copy of the one before; of nothing where the first build of all did not finish."""
    if before.exists():
        shutil.copyfile(before, copy)
    else:
        copy.unlink()
    renew_account(connection, copy)


def _remove_leftovers(analytics: Path) -> None:
    """Remove what is in the way of a new copy; whoever holds the warehouse is the only one who makes one.

    That is a copy that was killed on its way, and the log of somebody who could open the old copy for writing:
    DuckDB refuses a file whose log is of another one.
    """
    for leftover in [*analytics.parent.glob(f".{analytics.name}.*"), analytics.with_name(f"{analytics.name}.wal")]:
        leftover.unlink(missing_ok=True)


def _keep_tables(path: Path) -> list[str]:
    with duckdb.connect(path, config={"max_vacuum_tasks": 0}) as connection:  # as `reco dbt` left it
        views = "select schema_name, view_name from duckdb_views() where not internal"
        for schema, name in connection.execute(views).fetchall():
            connection.execute(f'drop view "{schema}"."{name}"')
        tables = "select schema_name || '.' || table_name from duckdb_tables() order by 1"
        found = [row[0] for row in connection.execute(tables).fetchall()]
        connection.execute("checkpoint")
    return found
