"""Whose a tombstone is, as long as anything of them is left.

The store's tombstones come without ids, on purpose. Everybody whom the data folder
names is hashed and compared; who is nowhere need not be erased.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl

from jobs.forgetting.erase_sources import record_texts
from jobs.forgetting.erase_tables import parquet_files, unless_gone, user_column
from jobs.forgetting.erase_warehouse import attach_held, table_columns
from jobs.forgetting.forgotten_rows import USER
from jobs.forgetting.tombstone_file import Forgotten
from jobs.landing.importers.record_files import read_records
from reco_contracts.artifacts import Layout
from reco_contracts.columns import LIST_SUBJECT

_CHUNK_ROWS = 100_000


def find_users(layout: Layout, forgotten: Forgotten) -> frozenset[str]:
    """The ids of erased users that the data folder still names.

    Args:
        layout: of the data folder.
        forgotten: their tombstones.

    Raises:
        RecoError: another process writes the warehouse.
    """
    found: set[str] = set()
    for ids in _named_users(layout):
        found.update(forgotten.among(ids - found))
    return frozenset(found)


def _named_users(layout: Layout) -> Iterator[set[str]]:
    for path in parquet_files(layout):
        with unless_gone(path):
            yield _in_table(layout, path)
    for path in record_texts(layout):
        with unless_gone(path):
            for frame in read_records(path, {USER: USER}, _CHUNK_ROWS):
                yield _values(frame.lazy().select(pl.col(USER).str.strip_chars()))
    for path in (layout.warehouse, layout.analytics):
        yield from _in_warehouse(path)


def _in_table(layout: Layout, path: Path) -> set[str]:
    table = pl.scan_parquet(path, hive_partitioning=False)
    if column := user_column(layout, path):
        return _values(table.select(pl.col(column)))
    if path.parent == layout.quarantine:
        return _values(table.select(pl.col("fields").str.json_path_match(f"$.{USER}")))
    return set()


def _values(column: pl.LazyFrame) -> set[str]:
    values = column.unique().collect().to_series().drop_nulls()
    return set(values.cast(pl.String).to_list())


def _in_warehouse(path: Path) -> Iterator[set[str]]:
    if not path.exists():
        return
    with duckdb.connect() as connection:
        attach_held(connection, path, "held")
        for (schema, table), columns in table_columns(connection, "held").items():
            for column in {USER, LIST_SUBJECT} & {*columns}:
                query = f'select distinct "{column}" from held."{schema}"."{table}" where "{column}" is not null'  # noqa: S608 - names
                yield {str(value) for (value,) in connection.execute(query).fetchall()}
