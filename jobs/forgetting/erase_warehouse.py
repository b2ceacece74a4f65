"""Take users out of a DuckDB file: copy everything else into a new one, and move that in.

Deleting would leave the bytes of the deleted rows in the file. The copy has the same
tables, constraints, comments and views, and its old rows are nowhere. What was counted
of the users in reports follows with the next build, which the ledger asks for.
"""

import shutil
from pathlib import Path
from typing import Final

import duckdb

from jobs.forgetting.forgotten_rows import USER
from reco_contracts.artifacts import replace_file
from reco_contracts.columns import LIST_SUBJECT
from reco_contracts.errors import RecoError
from reco_contracts.settings import WarehouseSection
from reco_contracts.surfaces import SubjectKind

_SUBJECT_KIND: Final = "subject_kind"
_FRESH: Final = "fresh"


def erase_warehouse(path: Path, users: frozenset[str], options: WarehouseSection) -> int:
    """Write a database again without the rows of users.

    Args:
        path: a DuckDB file; one that is not there holds nobody.
        users: ids.
        options: memory limit and threads.

    Returns:
        Rows taken out, of all tables.

    Raises:
        RecoError: another process writes it.
    """
    if not path.exists():
        return 0
    remove_leftovers(path)
    _settle_log(path)
    with replace_file(path, mode=path.stat().st_mode & 0o777) as temporary:
        temporary.unlink()
        with duckdb.connect(config={"memory_limit": options.memory_limit, "threads": options.threads}) as connection:
            name = path.stem  # views name their tables with it
            attach_held(connection, path, name)
            connection.execute(f"attach '{_quoted(temporary)}' as {_FRESH}")
            connection.execute(f'copy from database "{name}" to {_FRESH} (schema)')
            erased = sum(_copy_table(connection, name, *table, users) for table in _tables(connection, name))
            connection.execute(f"detach {_FRESH}")
            shutil.rmtree(temporary.with_name(f"{temporary.name}.tmp"), ignore_errors=True)
    return erased


def attach_held(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Open a database for reading, so that nobody can write it meanwhile.

    Raises:
        RecoError: another process writes it.
    """
    try:
        connection.execute(f"attach '{_quoted(path)}' as \"{name}\" (read_only)")
    except duckdb.IOException as error:
        raise RecoError(_held(path, error)) from error


def their_rows(columns: set[str]) -> str | None:
    """The condition under which a row of a table is of users, which parameter 1 lists; None = of nobody."""
    if USER in columns:
        return f'"{USER}" in (select unnest(?))'
    if {LIST_SUBJECT, _SUBJECT_KIND} <= columns:
        return f"\"{LIST_SUBJECT}\" in (select unnest(?)) and {_SUBJECT_KIND} = '{SubjectKind.USER}'"
    return None


def table_columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], dict[str, str]]:
    """Every table of a database: (schema, table) -> column -> type."""
    query = """
        select columns.schema_name, columns.table_name, columns.column_name, columns.data_type
        from duckdb_columns() as columns
        join duckdb_tables() as tables using (database_name, schema_name, table_name)
        where database_name = ? order by 1, 2, columns.column_index
    """
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(query, [database]).fetchall():
        tables.setdefault((schema, table), {})[column] = kind
    return tables


def remove_leftovers(path: Path) -> None:
    """Remove copies that were killed on their way."""
    for leftover in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def _settle_log(path: Path) -> None:
    """Bring what a killed writer left in its log into the file; the log would not fit the new one."""
    if path.with_name(f"{path.name}.wal").exists():
        try:
            with duckdb.connect(path) as connection:
                connection.execute("checkpoint")
        except duckdb.IOException as error:
            raise RecoError(_held(path, error)) from error


def _held(path: Path, error: duckdb.Error) -> str:
    return (
        f"{path} is held by another process; the warehouse has one writer at a time. Wait for it or stop it, then run "
        f"this again: nothing that was erased comes back. DuckDB says: {error}"
    )


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, set[str]]]:
    return [(schema, table, {*columns}) for (schema, table), columns in table_columns(connection, database).items()]


def _copy_table(
    connection: duckdb.DuckDBPyConnection,
    database: str,
    schema: str,
    table: str,
    columns: set[str],
    users: frozenset[str],
) -> int:
    """Copy a table but for the rows of users; gives how many those are."""
    source = f'"{database}"."{schema}"."{table}"'
    condition, parameters = their_rows(columns), [sorted(users)]
    insert = f'insert into {_FRESH}."{schema}"."{table}" from {source}'
    if condition is None:
        connection.execute(insert)
        return 0
    connection.execute(f"{insert} where not coalesce({condition}, false)", parameters)
    counted = connection.execute(f"select count(*) from {source} where {condition}", parameters)  # noqa: S608 - names
    row = counted.fetchone()
    return int(row[0]) if row else 0


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
