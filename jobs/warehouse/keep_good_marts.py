"""After a build that failed or was killed, who reads marts keeps the last good ones.

Of such a warehouse a part is newer than the rest, and the macro `start_nodes` has
noted what is not finished. Nothing of it is exported. The analysts' copy stays what
it was, but for the account of the lines: it says why the build was refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reco_contracts.errors import ValidationFailedError

if TYPE_CHECKING:  # `reco dbt` takes a name from here, and waits for what is imported
    import duckdb

# What became of every line that came: tables of counts, which fit each other and need no other mart.
ACCOUNT: Final = ("rpt_quarantine_reasons", "rpt_data_quality_daily", "rpt_data_quality")
_NAMED: Final = 5


def unfinished_nodes(connection: "duckdb.DuckDBPyConnection", half: str | None = None) -> list[str]:
    """The models and tests that were started and have not succeeded since; none after a good build.

    Args:
        connection: to the warehouse.
        half: `inputs` or `outcomes`; None for both.

    Returns:
        dbt's unique ids, in order.
    """
    import duckdb

    query = "select node from warehouse_state.unfinished where half = coalesce(?, half) order by node"
    try:
        return [node for (node,) in connection.execute(query, [half]).fetchall()]
    except duckdb.CatalogException:  # a warehouse that no run has noted anything in
        return []


def named(nodes: Sequence[str]) -> str:
    """The first nodes by their own names, and how many more there are."""
    names = [node.split(".")[2] for node in nodes[:_NAMED]]
    return ", ".join(names) + (f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else "")


def require_finished(connection: "duckdb.DuckDBPyConnection") -> None:
    """Refuse to hand on marts of which a part is newer than the rest.

    Raises:
        ValidationFailedError: the last build of the inputs failed or was killed.
    """
    if unfinished := unfinished_nodes(connection, "inputs"):
        raise ValidationFailedError(
            f"the last build of the marts did not finish ({named(unfinished)}), so that a part of them is newer than "
            "the rest; the exports of the build before stay. Run `reco dbt build --select tag:inputs`, repair what it "
            "names, and export again"
        )


def renew_account(connection: "duckdb.DuckDBPyConnection", copy: Path) -> list[str]:
    """Replace the account of the lines in the last good copy.

    Args:
        connection: to the warehouse.
        copy: a copy of the last good copy, which nobody reads yet; a path where nothing is when there never was one.

    Returns:
        The replaced marts: all of them, or none where their own models are unfinished.
    """
    unfinished = set(unfinished_nodes(connection))
    made = set(_definitions(connection, _own_name(connection)))
    is_whole = made.issuperset(ACCOUNT) and unfinished.isdisjoint(f"model.reco.{name}" for name in ACCOUNT)
    quoted = str(copy).replace("'", "''")
    connection.execute(f"attach '{quoted}' as copy")
    try:
        if is_whole:
            _replace_tables(connection)
    finally:
        connection.execute("detach copy")
    return list(ACCOUNT) if is_whole else []


def _replace_tables(connection: "duckdb.DuckDBPyConnection") -> None:
    own = _own_name(connection)
    there, here = _definitions(connection, "copy"), _definitions(connection, own)
    connection.execute("create schema if not exists copy.marts")
    connection.execute("use copy")
    try:
        for name in ACCOUNT:
            if there.get(name) == here[name]:  # with what is said of its columns
                connection.execute(f"delete from marts.{name}")  # noqa: S608 - names are constants
            else:
                connection.execute(f"drop table if exists marts.{name}")
                connection.execute(here[name])
            connection.execute(f'insert into marts.{name} from "{own}".marts.{name}')
    finally:
        connection.execute(f'use "{own}"')


def _own_name(connection: "duckdb.DuckDBPyConnection") -> str:
    row = connection.execute("select current_database()").fetchone()
    return str(row[0]) if row else ""


def _definitions(connection: "duckdb.DuckDBPyConnection", database: str) -> dict[str, str]:
    """Mart -> the statement that makes it."""
    query = "select table_name, sql from duckdb_tables() where database_name = ? and schema_name = 'marts'"
    return dict(connection.execute(query, [database]).fetchall())
