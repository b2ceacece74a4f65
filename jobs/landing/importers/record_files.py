"""One way to read CSV, JSON Lines and Parquet: their columns, and their records as frames of text."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import polars as pl

from jobs.landing.importers.csv_records import csv_columns, csv_records
from jobs.landing.importers.json_records import json_columns, json_records
from jobs.landing.importers.parquet_records import parquet_columns, parquet_frames
from jobs.landing.importers.record_chunks import record_frames
from reco_contracts.errors import ContractError

Encoding = Literal["csv", "jsonl", "parquet"]
SUFFIXES: Final = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet")
_PARQUET_MAGIC: Final = b"PAR1"
_GZIP_MAGIC: Final = b"\x1f\x8b"


def record_files(folder: Path) -> list[Path]:
    """The files of a folder that can hold records, by their ending, in order of name; hidden ones are left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith((".", "_"))
    )


def file_encoding(path: Path) -> Encoding:
    """What the content of a file is, whatever it is called.

    Raises:
        ContractError: the file cannot be read, or holds a JSON array.
    """
    start = _first_bytes(path)
    if start.startswith(_PARQUET_MAGIC):
        return "parquet"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        raise ContractError(
            f"{path} holds a JSON array; JSON Lines was expected: one object a line, no brackets around"
        )
    return "jsonl" if text.startswith(b"{") else "csv"


def file_columns(path: Path) -> list[str]:
    """The column names (or keys) of a file.

    Raises:
        ContractError: it is none of CSV, JSON Lines and Parquet.
    """
    readers = {"csv": csv_columns, "jsonl": json_columns, "parquet": parquet_columns}
    return readers[file_encoding(path)](path)


def read_records(path: Path, columns: Mapping[str, str], chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Record frames of a file; see `jobs.landing.landed_schema`.

    Args:
        path: CSV or JSON Lines, plain or gzipped, or Parquet.
        columns: name in the frames -> name in the file, where it must exist.
        chunk_rows: records in a frame.

    Raises:
        ContractError: the file cannot be read.
    """
    encoding = file_encoding(path)
    if encoding == "parquet":
        return parquet_frames(path, columns, chunk_rows)
    if encoding == "jsonl":
        names = list(columns.values())
        return record_frames(json_records(path, names), dict(zip(columns, range(len(names)), strict=True)), chunk_rows)
    header = csv_columns(path)
    return record_frames(
        csv_records(path), {name: header.index(source) for name, source in columns.items()}, chunk_rows
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as raw:
            if raw.read(2) != _GZIP_MAGIC:
                raw.seek(0)
                return raw.read(64)
        with gzip.open(path) as unzipped:
            return unzipped.read(64)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ContractError(f"{path}: the gzip data is damaged ({error}); compress the file again") from error
    except OSError as error:
        raise ContractError(f"{path} cannot be read: {error.strerror}") from error
