"""Rejected rows that a person has repaired: read, matched with the quarantine, made ready for the checks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from jobs.landing.importers.record_chunks import REPLACEMENT
from jobs.landing.importers.record_files import file_columns, read_records
from jobs.landing.landed_schema import repairable_fields
from jobs.landing.ledger import LANDED, LedgerEntry
from jobs.landing.parse_fields import text, whole_number
from jobs.landing.read_quarantine import KEY, read_fields
from reco_contracts.errors import ContractError
from reco_contracts.events import FOUND_BEFORE_THE_FIELDS, RejectReason

_SHOWN: Final = 5
_NOT_IN_FIELDS: Final = [reason.value for reason in FOUND_BEFORE_THE_FIELDS]


def find_originals(path: Path, entries: Mapping[str, LedgerEntry], chunk_rows: int) -> dict[str, LedgerEntry]:
    """The files that the repaired rows came in, by hash.

    Args:
        path: the repaired file.
        entries: the ledger.
        chunk_rows: rows held in memory at once.

    Raises:
        ContractError: it is no file of repaired rows, or one of its originals is not in force.
    """
    found = file_columns(path)
    if not {*KEY} <= {*found}:
        raise ContractError(
            f"{path} is no file of repaired rows: expected at least the columns {', '.join(KEY)}; found "
            f"{', '.join(found)[:500] or 'none'}. `reco quarantine show --export rows.jsonl` makes one"
        )
    frames = read_records(path, {"of_file": "file_sha"}, chunk_rows)
    names = pl.concat([frame.select(text("of_file")) for frame in frames])["of_file"].drop_nulls().unique().sort()
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise ContractError(f"{path}: no landed file has the file_sha {unknown[0]!r}; export the rows again")
    originals = {name: entries[name] for name in names}
    out = [entry for entry in originals.values() if entry.state != LANDED]
    if out:
        raise ContractError(
            f"{path}: {out[0].file_name} was taken out (reco unland), so its rows cannot come in; import it again first"
        )
    return originals


def read_repaired(path: Path, originals: Mapping[str, LedgerEntry], chunk_rows: int) -> pl.DataFrame:
    """File, line and fields of every repaired row, as text without surrounding spaces.

    Args:
        path: the repaired file.
        originals: the files that its rows came in.
        chunk_rows: rows held in memory at once.

    Raises:
        ContractError: the rows are of several kinds, lack columns, or cannot be read.
    """
    kinds = sorted({entry.kind for entry in originals.values()})
    if len(kinds) != 1:
        raise ContractError(f"{path}: expected rows of one kind, found {', '.join(kinds) or 'no rows'}")
    fields = repairable_fields(kinds[0])
    absent = [name for name in fields if name not in file_columns(path)]
    if absent:
        raise ContractError(f"{path} lacks the columns {', '.join(absent)}, which the export had; put them back, empty")
    columns = {"of_file": "file_sha", "of_line": "line"} | {name: name for name in fields}
    rows = pl.concat(list(read_records(path, columns, chunk_rows)))
    _refuse(path, rows.filter(pl.col("reason") == RejectReason.MALFORMED_ROW.value), "cannot be read")
    return rows.select(
        pl.col("line").alias("line here"),
        text("of_file").alias("file_sha"),
        whole_number(text("of_line")).cast(pl.Int64).alias("line"),
        *(text(name) for name in fields),
    )


def require_known(path: Path, rows: pl.DataFrame, rejected: pl.DataFrame) -> None:
    """Refuse rows that were never rejected, and two repairs of one row.

    Raises:
        ContractError: names the lines of the repaired file.
    """
    here = rows.rename({"line": "of_line", "line here": "line"}).with_columns(line_key=pl.col("of_line"))
    unknown = here.join(rejected.select("file_sha", line_key="line"), on=("file_sha", "line_key"), how="anti")
    _refuse(path, unknown, "names a row that is not in quarantine")
    _refuse(path, here.filter(pl.struct("file_sha", "of_line").is_duplicated()), "is one of several for the same row")


def _refuse(path: Path, rows: pl.DataFrame, what: str) -> None:
    if rows.height:
        shown = ", ".join(map(str, rows["line"].sort().head(_SHOWN)))
        raise ContractError(f"{path}: {rows.height:,} rows cannot be replayed, nothing was landed: line {shown} {what}")


def repaired_records(rows: pl.DataFrame, rejected: pl.DataFrame, kind: str) -> pl.DataFrame:
    """A record frame of repaired rows under the line numbers of their original.

    What only the reader or an importer can find wrong (a broken line, postage
    instead of a product) is still wrong where nobody changed the row.

    Args:
        rows: file_sha, line and the fields of the kind, as text.
        rejected: rows of the quarantine.
        kind: events, items or users.
    """
    fields = repairable_fields(kind)
    before = read_fields(rejected, kind).select(*KEY, "reason", "detail", "raw", *fields)
    both = rows.join(before, on=KEY, suffix=" before")
    is_unchanged = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name} before")) for name in fields)
    still_wrong = is_unchanged & pl.col("reason").is_in(_NOT_IN_FIELDS)
    undecodable = pl.any_horizontal(pl.col(name).str.contains(REPLACEMENT, literal=True) for name in fields)
    return both.sort("line").select(
        "line",
        "raw",
        pl.when(still_wrong)
        .then("reason")
        .when(undecodable.fill_null(value=False))
        .then(pl.lit(RejectReason.BAD_ENCODING.value))
        .alias("reason"),
        pl.when(still_wrong).then(pl.format("not changed: {}", pl.col("detail").fill_null(""))).alias("detail"),
        *fields,
    )
