"""Export the marts as Parquet, so that no job after dbt opens the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from jobs.progress import track
from jobs.warehouse.export_months import export_months, is_exported_by_month
from jobs.warehouse.hold_exports import renewing_exports
from jobs.warehouse.keep_good_marts import require_finished
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import FCT_INTERACTIONS, MARTS_TO_EXPORT, Table
from reco_contracts.errors import EmptyPartitionError, RecoError
from reco_contracts.settings import Settings

MARTS_SCHEMA = "marts"


@contextmanager
def open_warehouse(layout: Layout, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection to the warehouse.

    Raises:
        EmptyPartitionError: there is no warehouse.
        RecoError: another process holds it.
    """
    if not layout.warehouse.exists():
        raise EmptyPartitionError(f"{layout.warehouse} is not there; run `reco dbt build --select tag:inputs` first")
    try:
        connection = duckdb.connect(layout.warehouse, read_only=read_only)
    except duckdb.IOException as error:
        raise RecoError(
            f"{layout.warehouse} is held by another process; the warehouse has one writer at a time. "
            f"Wait for it or stop it, then run this again. DuckDB says: {error}"
        ) from error
    with connection:
        yield connection


def export_mart(connection: duckdb.DuckDBPyConnection, mart: Table, path: Path) -> int:
    """Write one mart: the contract's columns in its order, rows in the order of the key.

    Args:
        connection: to the warehouse.
        mart: its contract.
        path: the Parquet file, replaced as a whole; of a mart with a date in its key the folder, see `export_months`.

    Returns:
        Rows of the mart.

    Raises:
        EmptyPartitionError: the warehouse has no such table, or it lacks a column.
    """
    columns = ", ".join(f'"{name}"' for name in mart.column_names)
    keys = ", ".join(f'"{name}"' for name in mart.key)
    query = f"select {columns} from {MARTS_SCHEMA}.{mart.name}"  # noqa: S608 - names are constants
    try:
        if is_exported_by_month(mart):
            export_months(connection, mart, query, path)
        else:
            with replace_file(path) as temporary:
                connection.execute(f"copy ({query} order by {keys}) to '{_quoted(temporary)}' (format parquet)")
        row = connection.execute(f"select count(*) from {MARTS_SCHEMA}.{mart.name}").fetchone()  # noqa: S608 - the same
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise EmptyPartitionError(
            f"mart {mart.name} is not in the warehouse as agreed: {error}. Run `reco dbt build --select tag:inputs`"
        ) from error
    return int(row[0]) if row else 0


def landing_totals(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """What became of the landed lines, by kind; empty where the report was not built.

    The lines add up: lines_in = landed + quarantined, and landed = duplicates + kept. A repaired row
    is a line of the file that it came in, landed by its replay.
    """
    names = ("lines_in", "landed", "quarantined", "duplicates", "rows_in_marts")
    query = """
        select kind, coalesce(sum(lines_in) filter (where replays is null), 0), sum(landed_rows), sum(quarantined_rows),
            sum(duplicate_rows), sum(rows_in_marts)
        from marts.rpt_data_quality where state = 'landed' group by kind order by kind
    """
    try:
        rows = connection.execute(query).fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Export every mart that leaves the warehouse.

    Args:
        run_date: the day that the run is for; the marts hold every landed day, so it only names the run.
        settings: of the product.

    Raises:
        EmptyPartitionError: the warehouse or a mart is missing, or there is no interaction.
        ValidationFailedError: the last build did not finish.
        RecoError: another process holds the warehouse.
    """
    layout = settings.layout
    with open_warehouse(layout) as connection:
        require_finished(connection)
        _require_interactions(connection)
        with renewing_exports(layout):
            rows = {
                mart.name: export_mart(connection, mart, layout.export(mart.name))
                for mart in track(MARTS_TO_EXPORT, "export marts", len(MARTS_TO_EXPORT))
            }
        totals = landing_totals(connection)
    return {"run_date": run_date, "rows": rows, "landing": totals, "folder": layout.export("_").parent}


def _require_interactions(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse an empty warehouse before a good export is replaced by an empty one."""
    mart = FCT_INTERACTIONS.name
    try:
        row = connection.execute(f"select 1 from {MARTS_SCHEMA}.{mart} limit 1").fetchone()  # noqa: S608 - constants
    except duckdb.CatalogException as error:
        raise EmptyPartitionError(
            f"mart {mart} is not in the warehouse; run `reco dbt build --select tag:inputs`"
        ) from error
    if row is None:
        raise EmptyPartitionError(
            f"{mart} is empty: no landed event is an interaction. Import a log (`reco import PATH`), "
            "run `reco dbt build --select tag:inputs`, and look at marts.rpt_data_quality"
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
