"""Reads the rows of a Parquet file as text, so that every format passes the same checks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.landing.landed_schema import RECORD_SCHEMA
from reco_contracts.errors import ContractError


def parquet_columns(path: Path) -> list[str]:
    """The column names of a Parquet file.

    Raises:
        ContractError: it is no Parquet file.
    """
    with _opened(path) as file:
        return list(file.schema_arrow.names)


def parquet_frames(path: Path, columns: Mapping[str, str], chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Record frames; the line is the row number, the raw text is the row as JSON.

    Args:
        path: the file.
        columns: name in the frames -> name in the file.
        chunk_rows: rows in a frame.
    """
    with _opened(path) as file:
        first_row = 1
        for batch in file.iter_batches(chunk_rows):
            rows = pl.DataFrame(pl.from_arrow(batch))
            yield _frame(rows, columns, first_row)
            first_row += rows.height


def _frame(rows: pl.DataFrame, columns: Mapping[str, str], first_row: int) -> pl.DataFrame:
    texts = {name: _as_text(rows[source]) for name, source in columns.items()}
    meta = {
        "line": pl.int_range(first_row, first_row + rows.height, dtype=pl.Int64, eager=True),
        "raw": rows.select(pl.struct(pl.all().map_batches(_as_text)).struct.json_encode()).to_series(),
        "reason": pl.Series([None], dtype=pl.String).new_from_index(0, rows.height),
        "detail": pl.Series([None], dtype=pl.String).new_from_index(0, rows.height),
    }
    return pl.DataFrame({**meta, **texts}).select(*RECORD_SCHEMA, *texts)


def _as_text(values: pl.Series) -> pl.Series:
    match values.dtype:
        case pl.Datetime(time_zone=zone):
            utc = values.dt.convert_time_zone("UTC") if zone else values
            return utc.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
        case pl.List() | pl.Array():
            lists = values.to_frame("list").select(pl.struct("list").struct.json_encode()).to_series()
            return lists.str.strip_prefix('{"list":').str.strip_suffix("}")
        case pl.Struct():
            return values.struct.json_encode()
        case pl.Binary():
            return values.cast(pl.String, strict=False)
    return values.cast(pl.String)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise ContractError(f"{path} cannot be read as Parquet: {error}") from error
