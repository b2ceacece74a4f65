"""`reco quarantine replay`: land rejected rows that a person has repaired.

The repaired rows of one file become a file of their own in the ledger, which
names the original (`replays`). Their lines are those of the original, so that
each line is landed once and leaves quarantine while its replay is in force. A
row that still breaks the contract stays where it is.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobs.forgetting.tombstone_file import read_forgotten
from jobs.landing.check_events import latest_time
from jobs.landing.land_files import check_kind, work_folder
from jobs.landing.landed_schema import LANDED_TABLES, CheckedRecords, polars_schema, repairable_fields
from jobs.landing.ledger import LANDED, LedgerEntry, OpenLedger, content_sha, open_ledger
from jobs.landing.read_quarantine import KEY, rejected_rows, replayed_rows
from jobs.landing.read_repaired import find_originals, read_repaired, repaired_records, require_known
from jobs.landing.spill_records import Spill
from jobs.landing.write_partitions import write_partitions
from reco_contracts.artifacts import replace_file
from reco_contracts.columns import REPLAYED_ROWS
from reco_contracts.hashing import SEPARATOR
from reco_contracts.settings import Settings

FORMAT: Final = "replay"
_SHOWN: Final = 5


@dataclass(slots=True)
class _Replay:
    """One repaired file on its way in.

    Attributes:
        path: the repaired file.
        rejected: all rejected rows of its originals.
        ledger: open for this delivery.
        settings: where to, and limits.
        now: UTC.
        entries: ledger entry of each replay that was made now.
        already_replayed: rows that an earlier replay holds.
        broken: rows that still break the contract, by reason.
        examples: the first of them, in words.
    """

    path: Path
    rejected: pl.DataFrame
    ledger: OpenLedger
    settings: Settings
    now: datetime
    entries: list[LedgerEntry] = field(default_factory=list)
    already_replayed: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def run(path: Path, settings: Settings, now: datetime) -> dict[str, Any]:
    """Land the rows of a file that `reco quarantine show --export` wrote and a person repaired.

    Args:
        path: the repaired file.
        settings: where to, and limits.
        now: UTC; becomes `landed_at`.

    Returns:
        The summary: rows = landed + already_replayed + still_broken.

    Raises:
        ContractError: it is no such file, or a row is not in quarantine; nothing is landed then.
    """
    chunk_rows = settings.landing.chunk_rows
    with open_ledger(settings.layout) as ledger:
        originals = find_originals(path, ledger.entries, chunk_rows)
        rows = read_repaired(path, originals, chunk_rows)
        rejected = rejected_rows(settings.layout, originals.values()).collect()
        require_known(path, rows, rejected)
        replay = _Replay(path, rejected, ledger, settings, now)
        for original in originals.values():
            _replay_file(replay, original, rows.filter(pl.col("file_sha") == original.file_sha))
    return {"rows": rows.height, **_summarise(replay)}


def _summarise(replay: _Replay) -> dict[str, Any]:
    dates = sorted({day for entry in replay.entries for day in entry.event_dates})
    return {
        "landed": sum(entry.landed for entry in replay.entries),
        "already_replayed": replay.already_replayed,
        "still_broken": replay.broken.total(),
        "still_broken_by_reason": dict(sorted(replay.broken.items())),
        "examples": replay.examples[:_SHOWN],
        "files": len(replay.entries),
        "event_dates": len(dates),
        "first_event_date": dates[0] if dates else None,
        "last_event_date": dates[-1] if dates else None,
    }


def _replay_file(replay: _Replay, original: LedgerEntry, rows: pl.DataFrame) -> None:
    """Land the repaired rows of one original file."""
    fresh = rows.join(replayed_rows(replay.settings.layout, replay.ledger.entries.values()), on=KEY, how="anti")
    replay.already_replayed += rows.height - fresh.height
    latest = latest_time(replay.now, replay.settings.landing.max_future_hours)
    snapshot_date = None if original.kind == "events" else original.event_dates[0]
    records = repaired_records(fresh, replay.rejected, original.kind)
    forgotten = read_forgotten(replay.settings)
    checked = check_kind(original.kind, records, latest, snapshot_date, forgotten)
    replay.broken.update(checked.rejected["reason"].to_list())
    replay.examples += [
        f"line {line} of {original.file_name}: {reason} ({detail})"
        for line, reason, detail in checked.rejected.select("line", "reason", "detail").head(_SHOWN).iter_rows()
    ]
    if checked.valid.height:
        lines = fresh.join(checked.valid.select("line"), on="line", how="semi").sort("line")
        replay.entries.append(_land(replay, original, checked.valid, lines))


def _land(replay: _Replay, original: LedgerEntry, valid: pl.DataFrame, lines: pl.DataFrame) -> LedgerEntry:
    """Write the valid rows, which lines they repair, and the ledger entry that makes both count."""
    layout = replay.settings.layout
    file_sha = _replay_sha(original, lines)
    of_landing = {"file_sha": pl.lit(file_sha), "landed_at": pl.lit(replay.now).dt.cast_time_unit("us")}
    rows = valid.with_columns(**of_landing).select(*polars_schema(LANDED_TABLES[original.kind]), "event_date")
    nothing = pl.DataFrame(schema={"reason": pl.String})
    with work_folder(layout) as folder:
        spill = Spill(folder)
        spill.add(CheckedRecords(rows, nothing), rows.height)
        folder_of_kind, chunk_rows = layout.landing(original.kind), replay.settings.landing.chunk_rows
        write_partitions(spill.valid, spill.rows_by_date, folder_of_kind, file_sha, chunk_rows)
        with replace_file(layout.replayed / f"{file_sha}.parquet") as temporary:
            repaired = lines.with_columns(replay_sha=pl.lit(file_sha)).select(REPLAYED_ROWS.column_names)
            repaired.write_parquet(temporary)
        return replay.ledger.record(_entry(replay, original, file_sha, lines, spill))


def _entry(replay: _Replay, original: LedgerEntry, file_sha: str, lines: pl.DataFrame, spill: Spill) -> LedgerEntry:
    stat = replay.path.stat()
    reasons = Counter(replay.rejected.join(lines, on=KEY, how="semi")["reason"].to_list())
    late_before = replay.ledger.late_before(replay.settings.landing.late_after_days)
    return LedgerEntry(
        kind=original.kind,
        file_name=f"{original.file_name} (repaired)",
        path=str(replay.path.resolve()),
        file_sha=file_sha,
        content_sha=content_sha(replay.path),
        format=FORMAT,
        state=LANDED,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        lines_in=spill.landed,
        landed=spill.landed,
        quarantined=0,
        quarantined_by_reason={},
        event_dates=sorted(spill.rows_by_date),
        landed_at=replay.now.isoformat(),
        rows_by_date=dict(sorted(spill.rows_by_date.items())),
        late_before=late_before if original.kind == "events" else None,
        replays=original.file_sha,
        replayed_by_reason=dict(sorted(reasons.items())),
        changed_at=replay.now.isoformat(),
    )


def _replay_sha(original: LedgerEntry, lines: pl.DataFrame) -> str:
    """The name of a replay: the same repair of the same lines has the same one."""
    repaired = lines.select(pl.struct("line", *repairable_fields(original.kind)).struct.json_encode()).to_series()
    parts = (FORMAT, original.file_sha, *repaired)
    return hashlib.sha256(SEPARATOR.join(part.encode() for part in parts)).hexdigest()
