"""Polars types of the table contracts, and the frames that landing passes around.

A *record frame* is what a reader gives for some records of a file: `line`
(1-based physical line where the record starts; row number where there are no
lines), `raw` (its text), `reason` and `detail` (set where the reader could not
make sense of it), and one nullable string column for each field that was asked
for. An importer may add `declined` and `declined_detail` (its own rejections,
which yield to the checks of the ids) and `source_key` (text that tells two
otherwise equal events apart).
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reco_contracts.columns import LANDED_EVENTS, LANDED_ITEMS, LANDED_USERS, DType, Table

RECORD_SCHEMA: Final = {"line": pl.Int64(), "raw": pl.String(), "reason": pl.String(), "detail": pl.String()}
SOURCE_KEY: Final = "source_key"
IMPORTER_COLUMNS: Final = ("declined", "declined_detail", SOURCE_KEY)
LINEAGE: Final = ("file_sha", "line", "landed_at")
LANDED_TABLES: Final = {"events": LANDED_EVENTS, "items": LANDED_ITEMS, "users": LANDED_USERS}

POLARS_TYPES: Final[dict[DType, pl.DataType]] = {
    DType.STRING: pl.String(),
    DType.STRINGS: pl.List(pl.String()),
    DType.INT32: pl.Int32(),
    DType.INT64: pl.Int64(),
    DType.FLOAT64: pl.Float64(),
    DType.BOOL: pl.Boolean(),
    DType.DATE: pl.Date(),
    DType.TIMESTAMP: pl.Datetime("us", "UTC"),
    DType.DECIMAL: pl.Decimal(18, 4),
}


@dataclass(frozen=True, slots=True)
class CheckedRecords:
    """A record frame, split.

    Attributes:
        valid: the contract's columns without `file_sha` and `landed_at`, and `event_date` for events.
        rejected: `line`, `reason`, `detail`, `raw`, `fields` (JSON) and, where it is known, `event_date`.
    """

    valid: pl.DataFrame
    rejected: pl.DataFrame


def polars_schema(table: Table) -> dict[str, pl.DataType]:
    """Column name -> Polars type, in the order of the contract."""
    return {column.name: POLARS_TYPES[column.dtype] for column in table.columns}


def field_names(kind: str) -> tuple[str, ...]:
    """The columns of a kind that come from the source: its contract without the lineage."""
    return tuple(name for name in LANDED_TABLES[kind].column_names if name not in LINEAGE)


def repairable_fields(kind: str) -> tuple[str, ...]:
    """What of a rejected row is kept and may be repaired: its fields, and what tells equal events apart."""
    return (*field_names(kind), SOURCE_KEY) if kind == "events" else field_names(kind)


def complete_records(records: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Add the contract's columns that the source does not have, as nulls."""
    wanted = (*RECORD_SCHEMA, *field_names(kind), *IMPORTER_COLUMNS)
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in wanted if name not in records.columns]
    return records.with_columns(missing).select(wanted)
