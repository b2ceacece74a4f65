"""Ask the analysts' copy of the warehouse one question.

The copy is opened read-only, for as long as the question takes: no reader waits
for another, and a run that replaces the copy waits for none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError, EmptyPartitionError, RecoError
from reco_contracts.settings import Settings, WarehouseSection

_READ_ONLY: Final = "read-only mode"


@dataclass(frozen=True, slots=True)
class Answer:
    """A table in memory.

    Attributes:
        columns: their names, each one once.
        types: DuckDB's type of each column.
        rows: values, a tuple a row.
        is_cut: true when there are more rows than these.
    """

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def run(query: str, settings: Settings, limit: int | None = None) -> Answer:
    """Answer a query on the analysts' copy; times are in UTC.

    Args:
        query: SQL, DuckDB's dialect.
        settings: where the copy is, and how much memory a query may take.
        limit: rows that are fetched at most; None = all.

    Raises:
        EmptyPartitionError: there is no copy yet.
        ContractError: the query is empty, not understood, fails, or writes.
        RecoError: another process holds the copy for writing, or the file is broken.
    """
    if not query.strip(" \t\r\n;"):
        raise ContractError('expected a query, got nothing, for example: reco sql "show tables from marts"')
    with _open_copy(settings.layout, settings.warehouse) as connection:
        try:
            return _fetch(connection, query, limit)
        except duckdb.Error as error:
            raise _refusal(error) from error


def _open_copy(layout: Layout, limits: WarehouseSection) -> duckdb.DuckDBPyConnection:
    path = layout.analytics
    if not path.exists():
        raise EmptyPartitionError(
            f"{path} is not there. Each run of the DAG makes it at its end; "
            "`reco copy-analytics` makes it now, from what `reco dbt build` built"
        )
    options = {"memory_limit": limits.memory_limit, "threads": str(limits.threads)}
    try:
        connection = duckdb.connect(path, read_only=True, config=options)
    except duckdb.IOException as error:
        raise RecoError(
            f"{path} cannot be opened. If somebody opened it for writing, they have to close it and open it "
            f"read-only; else `reco copy-analytics` puts a new copy in its place. DuckDB says: {error}"
        ) from error
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _fetch(connection: duckdb.DuckDBPyConnection, query: str, limit: int | None) -> Answer:
    cursor = connection.execute(query)
    if cursor is None:  # nothing but comments
        raise ContractError(f"expected a query, got no statement: {query.strip()}")
    description = cursor.description or []
    rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
    return Answer(
        columns=_once_each([column[0] for column in description]),
        types=[str(column[1]) for column in description],
        rows=rows[:limit],
        is_cut=limit is not None and len(rows) > limit,
    )


def _once_each(names: Sequence[str]) -> list[str]:
    """Names that repeat get a number, so that a row can be a mapping: `id`, `id_2`."""
    seen: Counter[str] = Counter()
    unique: list[str] = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _refusal(error: duckdb.Error) -> RecoError:
    if _READ_ONLY in str(error):
        return ContractError(
            f"the analysts' copy can be read, not written: {error}\n"
            "Only dbt writes tables; keep results of your own in a file: "
            "reco sql \"copy (select ...) to 'mine.parquet'\""
        )
    return ContractError(f"DuckDB cannot answer this query. {error}")
