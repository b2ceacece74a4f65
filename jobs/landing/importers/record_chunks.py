"""Turns the records of a text file into record frames of bounded size."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

import polars as pl

from jobs.landing.landed_schema import RECORD_SCHEMA
from reco_contracts.events import RejectReason

# Python objects held at once: with 200,000 rows the garbage collector takes half the time.
_BATCH: Final = 8_192
REPLACEMENT: Final = "\ufffd"  # what an undecodable byte becomes


class Record(NamedTuple):
    """One record of a text file.

    Attributes:
        line: 1-based physical line where it starts.
        raw: its text; line ends at its end are left out of the frames.
        fields: its values by position; empty where it could not be read.
        detail: why it could not be read.
    """

    line: int
    raw: str
    fields: Sequence[str | None]
    detail: str | None = None


def record_frames(records: Iterable[Record], positions: Mapping[str, int], chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Record frames, see `jobs.landing.landed_schema`.

    Args:
        records: in order of the file.
        positions: column of the frames -> position in `Record.fields`.
        chunk_rows: records in a frame.
    """
    remaining = iter(records)
    while batches := [_frame(batch, positions) for batch in _batches(islice(remaining, chunk_rows))]:
        yield pl.concat(batches)


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, _BATCH)):
        yield batch


def _frame(chunk: list[Record], positions: Mapping[str, int]) -> pl.DataFrame:
    blank = (None,) * (1 + max(positions.values(), default=0))
    rows = [record.fields or blank for record in chunk]
    data = {
        "line": pl.Series([record.line for record in chunk], dtype=pl.Int64),
        "raw": pl.Series([record.raw for record in chunk], dtype=pl.String).str.strip_chars_end("\r\n"),
        "detail": pl.Series([record.detail for record in chunk], dtype=pl.String),
        **{
            name: pl.Series([fields[position] for fields in rows], dtype=pl.String)
            for name, position in positions.items()
        },
    }
    return pl.DataFrame(data).with_columns(_reader_judgement()).select(*RECORD_SCHEMA, *positions)


def _reader_judgement() -> list[pl.Expr]:
    undecodable = pl.col("raw").str.contains(REPLACEMENT, literal=True)
    return [
        pl.when(pl.col("detail").is_not_null())
        .then(pl.lit(RejectReason.MALFORMED_ROW.value))
        .when(undecodable)
        .then(pl.lit(RejectReason.BAD_ENCODING.value))
        .alias("reason"),
        pl.coalesce("detail", pl.when(undecodable).then(pl.lit("bytes that are not UTF-8"))).alias("detail"),
    ]
