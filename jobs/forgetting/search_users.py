"""Look for users in everything below the data folder, decoded: what an erasure has left.

This is the proof, so it takes nothing from those who erase but the question which
column names a user. What is found there must be nothing. The same characters in
another column, or in the bytes of a file, may be something else, an item's title
say: they are shown, for a person to judge.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import polars as pl

from jobs.forgetting.erase_sources import has_users
from jobs.forgetting.erase_tables import count_rows, is_readable, user_column
from jobs.forgetting.erase_texts import ENDINGS, compile_mention, is_read_back, is_telling
from jobs.forgetting.erase_warehouse import attach_held, table_columns, their_rows
from jobs.forgetting.forgotten_rows import USER, blank_rejected
from jobs.landing.importers.record_files import SUFFIXES, read_records
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError

_CHUNK_ROWS: Final = 100_000


class Finding(NamedTuple):
    """Where an id was found.

    Attributes:
        path: the file.
        what: column, table or "text".
        hits: how often.
        is_theirs: it names a user there; else it may be something else.
    """

    path: Path
    what: str
    hits: int
    is_theirs: bool


def search_users(layout: Layout, users: frozenset[str]) -> Iterator[Finding]:
    """Every place below the data folder where users are named.

    Args:
        layout: of the data folder.
        users: ids.

    Yields:
        Findings; of a Parquet file that cannot be read one that says so.
    """
    for path in sorted(layout.root.rglob("*")):
        if not path.is_file() or path.is_relative_to(layout.tombstones.parent):
            continue
        try:
            yield from _in_file(layout, path, users)
        except FileNotFoundError:
            continue  # a scratch file of somebody at work


def place_of(layout: Layout, path: Path) -> str:
    """What people call the place of a file."""
    if path in (layout.warehouse, layout.analytics):
        return "warehouse" if path == layout.warehouse else "analysts' copy"
    room, *_ = path.relative_to(layout.root).parts
    return _PLACES.get(room, room)


_PLACES: Final = {
    "landing": "landing",
    "quarantine": "quarantine text",
    "inbox": "inbox",
    "exports": "exported marts",
    "features": "features",
    "models": "models' id maps",
    "lists": "list files",
    "overlays": "overlays",
    "reports": "reports",
    "store": "store's own files",
}


def _in_file(layout: Layout, path: Path, users: frozenset[str]) -> Iterator[Finding]:
    findings: list[Finding] = []
    if ".parquet" in path.name:
        findings += _in_parquet(layout, path, users)
    elif path.suffix == ".duckdb":
        findings += _in_database(path, users)
    elif path.name.lower().endswith(SUFFIXES) and has_users(path):
        findings += _in_records(path, users)
    yield from findings
    if not findings and (count := _in_bytes(path, users)):
        yield Finding(path, "text", count, is_theirs=path.suffix in ENDINGS and not is_read_back(layout, path))


def _in_parquet(layout: Layout, path: Path, users: frozenset[str]) -> Iterator[Finding]:
    if not is_readable(path):
        yield Finding(path, "cannot be read: somebody writes it, or was killed", 1, is_theirs=True)
        return
    column = user_column(layout, path)
    if column and (rows := count_rows(path, column, users)):
        yield Finding(path, column, rows, is_theirs=True)
    if path.parent == layout.quarantine:
        rows_of_file = pl.read_parquet(path, hive_partitioning=False)
        blanked = blank_rejected(rows_of_file, users.__contains__)
        if rows := int((rows_of_file["raw"].ne_missing(blanked["raw"])).sum()):
            yield Finding(path, "raw", rows, is_theirs=True)
    table = pl.scan_parquet(path, hive_partitioning=False)
    for name, kind in table.collect_schema().items():
        if kind == pl.String and name != column:
            values = table.select(pl.col(name).drop_nulls().unique()).collect().to_series()
            if count := _mentions(values, users):
                yield Finding(path, name, count, is_theirs=False)


def _in_database(path: Path, users: frozenset[str]) -> Iterator[Finding]:
    with duckdb.connect() as connection:
        attach_held(connection, path, "held")
        for (schema, table), columns in table_columns(connection, "held").items():
            source = f'held."{schema}"."{table}"'
            condition = their_rows({*columns})
            rows = 0
            if condition:
                query = f"select count(*) from {source} where {condition}"  # noqa: S608 - names
                row = connection.execute(query, [sorted(users)]).fetchone()
                rows = int(row[0]) if row else 0
            if rows:
                yield Finding(path, f"{schema}.{table}", rows, is_theirs=True)
                continue
            for name in (name for name, kind in columns.items() if kind == "VARCHAR" and name != USER):
                query = f'select distinct "{name}" from {source} where "{name}" is not null'  # noqa: S608 - names
                values = pl.Series([value for (value,) in connection.execute(query).fetchall()], dtype=pl.String)
                if count := _mentions(values, users):
                    yield Finding(path, f"{schema}.{table}.{name}", count, is_theirs=False)


def _in_records(path: Path, users: frozenset[str]) -> Iterator[Finding]:
    frames = read_records(path, {USER: USER}, _CHUNK_ROWS)
    try:
        count = sum(int(frame[USER].str.strip_chars().is_in(users).sum()) for frame in frames)
    except ContractError:
        return
    if count:
        yield Finding(path, USER, count, is_theirs=True)


def _mentions(values: pl.Series, users: frozenset[str]) -> int:
    """Values that hold an id which can mean nobody else."""
    found = 0
    for user in filter(is_telling, users):
        pattern = compile_mention(user)
        candidates = values.filter(values.str.contains(user, literal=True))
        found += sum(pattern.search(value.encode()) is not None for value in candidates)
    return found


def _in_bytes(path: Path, users: frozenset[str]) -> int:
    """Whether the bytes of a file hold an id which can mean nobody else, or that is said to be a user's."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        candidates = [user for user in users if not user.isascii() or content.find(user.encode()) >= 0]
        return sum(len(compile_mention(user).findall(content)) for user in candidates)
