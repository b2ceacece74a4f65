"""Land one file: check its records, keep the valid ones by date, quarantine the others, note it in the ledger.

The ledger entry is written last. Until then nothing that was written counts.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from jobs.forgetting.forgotten_rows import set_aside
from jobs.forgetting.tombstone_file import Forgotten
from jobs.landing.check_events import check_events, latest_time
from jobs.landing.check_snapshots import check_items, check_users
from jobs.landing.importers.protocol import Source
from jobs.landing.landed_schema import LANDED_TABLES, CheckedRecords, polars_schema
from jobs.landing.ledger import LANDED, LedgerEntry, OpenLedger, content_sha, landed_name
from jobs.landing.spill_records import Spill
from jobs.landing.write_partitions import write_partitions
from jobs.progress import Advance, no_progress
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import QUARANTINE
from reco_contracts.errors import ContractError
from reco_contracts.events import RejectReason
from reco_contracts.settings import LandingSection

_SHOWN_CHARACTERS: Final = 160
_SNAPSHOT_CHECKS: Final[dict[str, Callable[[pl.DataFrame], CheckedRecords]]] = {
    "items": check_items,
    "users": check_users,
}


def land_source(
    source: Source,
    layout: Layout,
    ledger: OpenLedger,
    options: LandingSection,
    now: datetime,
    snapshot_date: date | None = None,
    *,
    forgotten: Forgotten,
    lands_unlanded: bool = True,
    advance: Advance = no_progress,
) -> tuple[LedgerEntry, bool]:
    """Land one source unless the ledger has it.

    Args:
        source: what to land.
        layout: where to.
        ledger: open for this delivery.
        options: chunk size and limits.
        now: UTC; becomes `landed_at`, and much later events are from the future.
        snapshot_date: the date of an items or users snapshot.
        forgotten: erased users, whose rows are rejected without their text.
        lands_unlanded: land again what the ledger says was taken out; else it stays out.
        advance: told of the records as they are checked.

    Returns:
        The ledger entry, and whether it was made now.

    Raises:
        ContractError: too many records are bad, or none is good; nothing is landed then.
    """
    stat = source.path.stat()
    sha = content_sha(source.path)
    file_sha = landed_name(sha, source.kind, snapshot_date)
    known = ledger.known(file_sha, sha, source.kind, snapshot_date)
    if known is not None and (known.state == LANDED or not lands_unlanded):
        return known, False
    with work_folder(layout) as folder:
        spill = _check_all(source, Spill(folder), file_sha, options, now, snapshot_date, forgotten, advance)
        _refuse_changed_file(source, stat)
        _refuse_bad_file(source, spill, options.max_quarantined_share)
        write_partitions(spill.valid, spill.rows_by_date, layout.landing(source.kind), file_sha, options.chunk_rows)
        _write_quarantine(spill, layout.quarantine / f"{file_sha}.parquet")
        late_before = ledger.late_before(options.late_after_days) if source.kind == "events" else None
        return ledger.record(_entry(source, spill, sha, file_sha, stat, late_before, now)), True


def _check_all(
    source: Source,
    spill: Spill,
    file_sha: str,
    options: LandingSection,
    now: datetime,
    snapshot_date: date | None,
    forgotten: Forgotten,
    advance: Advance,
) -> Spill:
    of_landing = {"file_sha": pl.lit(file_sha), "landed_at": pl.lit(now).dt.cast_time_unit("us")}
    of_file = {"kind": pl.lit(source.kind), "file_name": pl.lit(source.name)}
    schema = polars_schema(LANDED_TABLES[source.kind])
    for records in source.frames(options.chunk_rows):
        latest = latest_time(now, options.max_future_hours)
        checked = check_kind(source.kind, records, latest, snapshot_date, forgotten)
        valid = checked.valid.with_columns(**of_landing).select(*schema, "event_date")
        rejected = checked.rejected.with_columns(**of_landing, **of_file).select(QUARANTINE.column_names)
        spill.add(CheckedRecords(valid, rejected), records.height)
        advance(records.height)
    return spill


def check_kind(
    kind: str, records: pl.DataFrame, latest: datetime, snapshot_date: date | None, forgotten: Forgotten
) -> CheckedRecords:
    """Check records by the contract of their kind; both parts of the result get `event_date`.

    Args:
        kind: events, items or users.
        records: record frame, see `jobs.landing.landed_schema`.
        latest: UTC; events after it are from the future.
        snapshot_date: the date of an items or users snapshot.
        forgotten: erased users, whose rows are rejected without their text.
    """
    if kind == "events":
        return set_aside(check_events(records, latest), kind, forgotten)
    checked = _SNAPSHOT_CHECKS[kind](records)
    dated = pl.lit(snapshot_date, dtype=pl.Date)
    parts = (part.with_columns(event_date=dated) for part in (checked.valid, checked.rejected))
    return set_aside(CheckedRecords(*parts), kind, forgotten)


def _refuse_changed_file(source: Source, before: os.stat_result) -> None:
    after = source.path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ContractError(
            f"{source.path} changed while it was read; nothing was landed. "
            "Write a file elsewhere and move it in when it is complete"
        )


def _refuse_bad_file(source: Source, spill: Spill, max_share: float) -> None:
    allowed = {*source.expected, RejectReason.FORGOTTEN_USER}
    unexpected = sum(rows for reason, rows in spill.reasons.items() if reason not in allowed)
    expected = spill.quarantined - unexpected
    if spill.lines_in == 0:
        raise ContractError(f"{source.path}: there is no record after the header; nothing was landed")
    if not source.is_refusable:
        return
    is_any_good = spill.landed or spill.reasons[RejectReason.FORGOTTEN_USER]
    if is_any_good and unexpected <= max_share * (spill.lines_in - expected):
        return
    counts = ", ".join(f"{reason} {rows:,}" for reason, rows in spill.reasons.most_common())
    examples = "\n".join(
        f"  line {line}: {reason} ({detail})\n    {raw[:_SHOWN_CHARACTERS]}"
        for line, reason, detail, raw in spill.examples
    )
    raise ContractError(
        f"{source.path}: {spill.quarantined:,} of {spill.lines_in:,} {source.kind} break the contract ({counts}); "
        f"nothing was landed. For example\n{examples}\n"
        f"Correct the file, name its columns with --map, or, if some of it is good, raise "
        f"landing.max_quarantined_share (now {max_share:g}) in reco.toml or as RECO_LANDING__MAX_QUARANTINED_SHARE"
    )


def _write_quarantine(spill: Spill, path: Path) -> None:
    path.unlink(missing_ok=True)
    if spill.rejected:
        with replace_file(path) as temporary:
            pl.scan_parquet(spill.rejected).sink_parquet(temporary)


def _entry(
    source: Source,
    spill: Spill,
    sha: str,
    file_sha: str,
    stat: os.stat_result,
    late_before: date | None,
    now: datetime,
) -> LedgerEntry:
    return LedgerEntry(
        kind=source.kind,
        file_name=source.name,
        path=str(source.path.resolve()),
        file_sha=file_sha,
        content_sha=sha,
        format=source.format,
        state=LANDED,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        lines_in=spill.lines_in,
        landed=spill.landed,
        quarantined=spill.quarantined,
        quarantined_by_reason=dict(sorted(spill.reasons.items())),
        event_dates=sorted(spill.rows_by_date),
        landed_at=now.isoformat(),
        rows_by_date=dict(sorted(spill.rows_by_date.items())),
        late_before=late_before,
        columns=list(source.columns),
        ignored_columns=list(source.ignored_columns),
        changed_at=now.isoformat(),
    )


@contextmanager
def work_folder(layout: Layout) -> Iterator[Path]:
    """An empty folder for the landing in progress; it outlives the ledger entry, see `ledger.remove_leftovers`."""
    folder = layout.landing_work
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
