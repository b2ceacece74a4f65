"""Where a text is in a data folder and a store: by its bytes, and in what files hold when they are read."""

from pathlib import Path

import duckdb
import polars as pl
import redis


def find_needle(root: Path, store_url: str, needle: str, namespace: str = "") -> set[str]:
    """Files below a folder, and keys of a store, that hold a text.

    Args:
        root: the data folder.
        store_url: of the store.
        needle: the text.
        namespace: only keys with this in their name.
    """
    wanted, found = needle.encode(), set()
    for path in (path for path in root.rglob("*") if path.is_file()):
        if wanted in path.read_bytes() + _decoded(path):
            found.add(str(path.relative_to(root)))
    with redis.Redis.from_url(store_url) as store:
        for key in store.scan_iter("*", count=1_000):
            if namespace.encode() in key and (wanted in key or wanted in (store.dump(key) or b"")):
                found.add(repr(key))
    return found


def _decoded(path: Path) -> bytes:
    if ".parquet" in path.name:
        return repr(pl.read_parquet(path, hive_partitioning=False).to_dicts()).encode()
    if path.suffix != ".duckdb":
        return b""
    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        rows = [connection.execute(f"select * from {table}").fetchall() for (table,) in tables]  # noqa: S608 - ours
    return repr(rows).encode()
