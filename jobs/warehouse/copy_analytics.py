"""Put the analysts' copy of the warehouse in place.

Analysts open data/warehouse/analytics.duckdb at any moment, also while a run
writes the warehouse. Who has the old copy open keeps it; who opens it next sees
the new one. The copy holds tables alone: a view over landing files would change
with them, and is bound to the warehouse's name.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import duckdb

from jobs.warehouse.export_marts import open_warehouse
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.settings import Settings


def copy_warehouse(layout: Layout) -> list[str]:
    """Copy the warehouse beside its place, drop the views, and move it in.

    Returns:
        The tables of the copy, `<schema>.<table>`.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    with open_warehouse(layout, read_only=False) as connection:
        connection.execute("checkpoint")  # what a killed writer left in its log belongs to the copy too
    with replace_file(layout.analytics) as temporary:
        shutil.copyfile(layout.warehouse, temporary)
        return _keep_tables(temporary)


def run(settings: Settings) -> dict[str, Any]:
    """Renew the analysts' copy.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    layout = settings.layout
    started = time.monotonic()
    tables = copy_warehouse(layout)
    return {
        "file": layout.analytics,
        "tables": tables,
        "size_bytes": layout.analytics.stat().st_size,
        "seconds": round(time.monotonic() - started, 2),
    }


def _keep_tables(path: Path) -> list[str]:
    with duckdb.connect(path) as connection:
        views = "select schema_name, view_name from duckdb_views() where not internal"
        for schema, name in connection.execute(views).fetchall():
            connection.execute(f'drop view "{schema}"."{name}"')
        tables = "select schema_name || '.' || table_name from duckdb_tables() order by 1"
        found = [row[0] for row in connection.execute(tables).fetchall()]
        connection.execute("checkpoint")
    return found
