"""`reco quarantine list|show`: rejected rows that were not repaired yet, and an export to repair them in."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobs.landing.find_files import SHOWN_SHA, find_files
from jobs.landing.landed_schema import polars_schema, repairable_fields
from jobs.landing.ledger import LANDED, Kind, LedgerEntry, read_entries
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import QUARANTINE, REPLAYED_ROWS
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.settings import Settings

KEY: Final = ("file_sha", "line")
EXPORTED: Final = (*KEY, "reason", "detail", "raw")
_SHOWN_ROWS: Final = 20
_ENDINGS: Final = (".jsonl", ".csv")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rejected rows; None means all.

    Attributes:
        file: hash, path or name of the file.
        reason: a code of `events.RejectReason`.
        kind: events, items or users.
    """

    file: str | None = None
    reason: str | None = None
    kind: Kind | None = None


def run_list(settings: Settings, choice: Choice) -> dict[str, Any]:
    """Count the rows in quarantine by file and reason.

    Args:
        settings: where the data folder is.
        choice: which rows.
    """
    rows = (
        quarantined_rows(settings.layout, choice)
        .group_by("file_sha", "file_name", "kind", "reason")
        .agg(rows=pl.len(), first_line=pl.col("line").min(), example=pl.col("detail").sort_by("line").first())
        .sort("file_name", "file_sha", "rows", "reason", descending=[False, False, True, False])
        .collect()
    )
    shown = rows.with_columns(file=pl.col("file_sha").str.slice(0, SHOWN_SHA)).drop("file_sha")
    by_reason = rows.group_by("reason").agg(pl.col("rows").sum()).sort("reason")
    return {
        "rows": shown.select("file", pl.exclude("file")).to_dicts(),
        "files": rows["file_sha"].n_unique(),
        "quarantined": int(rows["rows"].sum()),
        "quarantined_by_reason": dict(by_reason.iter_rows()),
    }


def run_show(settings: Settings, choice: Choice, limit: int | None, export: Path | None) -> dict[str, Any]:
    """Show rows in quarantine, or write them to a file that a person repairs.

    Args:
        settings: where the data folder is.
        choice: which rows.
        limit: how many; None: 20 are shown, all are exported.
        export: a new file, .jsonl or .csv; see `reco quarantine replay`.

    Raises:
        ContractError: the file exists, has another ending, or the rows are of several kinds.
        EmptyPartitionError: there is no such row to export.
    """
    found = quarantined_rows(settings.layout, choice).sort(KEY)
    total = int(found.select(pl.len()).collect().item())
    if export is not None:
        rows = found.head(limit if limit is not None else total).collect()
        _export(rows, export)
        return {"quarantined": total, "exported": rows.height, "file": export}
    rows = found.head(_SHOWN_ROWS if limit is None else limit).collect()
    shown = rows.select(
        pl.col("file_sha").str.slice(0, SHOWN_SHA).alias("file"), "file_name", "line", "reason", "detail", "raw"
    )
    return {"rows": shown.to_dicts(), "quarantined": total, "shown": rows.height}


def quarantined_rows(layout: Layout, choice: Choice) -> pl.LazyFrame:
    """Rejected rows of the files in force, without those that a replay in force holds.

    Args:
        layout: of the data folder.
        choice: which rows.

    Raises:
        ContractError: no landed file fits `choice.file`.
    """
    entries = read_entries(layout)
    chosen = entries if choice.file is None else find_files(entries, choice.file)
    rows = rejected_rows(layout, (entry for entry in chosen if entry.state == LANDED))
    for column, value in (("reason", choice.reason), ("kind", choice.kind)):
        if value is not None:
            rows = rows.filter(pl.col(column) == value)
    return rows.join(replayed_rows(layout, entries).lazy(), on=KEY, how="anti")


def rejected_rows(layout: Layout, entries: Iterable[LedgerEntry]) -> pl.LazyFrame:
    """All rejected rows of files, repaired or not.

    Raises:
        ContractError: the quarantine of a file is gone.
    """
    files = []
    for entry in entries:
        if entry.quarantined:
            files.append(layout.quarantine / f"{entry.file_sha}.parquet")
            if not files[-1].is_file():
                raise ContractError(
                    f"{files[-1]} is gone, which held {entry.quarantined:,} rejected rows of {entry.file_name}; "
                    f"restore it, or land the file again: reco unland {entry.file_sha[:SHOWN_SHA]} and "
                    f"reco import {entry.path}"
                )
    return pl.scan_parquet(files) if files else pl.LazyFrame(schema=polars_schema(QUARANTINE))


def replayed_rows(layout: Layout, entries: Iterable[LedgerEntry]) -> pl.DataFrame:
    """File and line of each row that a replay in force holds."""
    in_force = [entry.file_sha for entry in entries if entry.replays is not None and entry.state == LANDED]
    files = [layout.replayed / f"{file_sha}.parquet" for file_sha in in_force]
    rows = pl.read_parquet(files) if files else pl.DataFrame(schema=polars_schema(REPLAYED_ROWS))
    return rows.select(KEY)


def read_fields(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Put what was read of rejected rows, `fields`, into columns of text."""
    names = repairable_fields(kind)
    schema = pl.Struct(dict.fromkeys(names, pl.String))
    return rows.with_columns(pl.col("fields").str.json_decode(schema)).unnest("fields")


def _export(rows: pl.DataFrame, path: Path) -> None:
    if path.suffix not in _ENDINGS:
        raise ContractError(f"--export {path}: expected a name that ends with {' or '.join(_ENDINGS)}")
    if path.exists():
        raise ContractError(f"--export {path} exists already; it may hold repairs, so give a new name")
    if rows.is_empty():
        raise EmptyPartitionError("no such row is in quarantine, nothing was exported; see `reco quarantine list`")
    kinds = sorted(rows["kind"].unique())
    if len(kinds) > 1:
        raise ContractError(f"--export: the rows are {' and '.join(kinds)}, which have other columns; add --kind")
    exported = read_fields(rows.drop("event_date"), kinds[0]).select(*EXPORTED, *repairable_fields(kinds[0]))
    with replace_file(path) as temporary:
        if path.suffix == ".csv":
            exported.write_csv(temporary)
        else:
            exported.write_ndjson(temporary)
