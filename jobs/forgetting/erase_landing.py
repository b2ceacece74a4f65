"""Take users out of landing and quarantine, and keep the ledger true.

Their lines go to quarantine as `forgotten_user`, as if the file had come after the
erasure. All counts are taken from the files that are left, never by subtraction, so
that an erasure that was killed on its way can be done again.
"""

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl
import pyarrow.parquet as pq

from jobs.forgetting.erase_tables import count_rows, erase_rows
from jobs.forgetting.forgotten_rows import USER, blank_rejected, rejected_rows
from jobs.landing.landed_schema import polars_schema
from jobs.landing.ledger import LedgerEntry, OpenLedger
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import QUARANTINE

_NEW = ("file_sha", "kind", "file_name", "landed_at")


class Erased(NamedTuple):
    """What was taken out.

    Attributes:
        landed: rows out of landing.
        quarantined: rejected rows whose text is gone.
        sources: places of the files that they came from.
    """

    landed: int
    quarantined: int
    sources: list[Path]


def erase_landing(layout: Layout, ledger: OpenLedger, users: frozenset[str], now: datetime) -> Erased:
    """Take users out of every landed file, those too that were taken out of the marts.

    Args:
        layout: of the data folder.
        ledger: open.
        users: ids.
        now: UTC; when the ledger's entries change.
    """
    landed = quarantined = 0
    sources: set[Path] = set()
    # Replays last: they are rows of the other files.
    entries = sorted(ledger.entries.values(), key=lambda entry: (entry.replays is not None, entry.file_sha))
    for entry in entries:
        if entry.kind == "items":
            continue
        moved = _their_rows(layout, entry, users)
        blanked = _renew_quarantine(layout, entry, moved, users)
        for path in _partitions(layout, entry).values():
            erase_rows(path, USER, users)
        _keep_true(layout, ledger, entry, now)
        landed += moved.height
        quarantined += blanked
        if moved.height or blanked:
            sources.add(Path(entry.path))
    return Erased(landed, quarantined, sorted(sources))


def _partitions(layout: Layout, entry: LedgerEntry) -> dict[date, Path]:
    """The landed files that are there of an entry, by date."""
    folder = layout.landing(entry.kind)
    days = {day: folder / f"event_date={day.isoformat()}" / f"{entry.file_sha}.parquet" for day in entry.event_dates}
    return {day: path for day, path in days.items() if path.exists()}


def _their_rows(layout: Layout, entry: LedgerEntry, users: frozenset[str]) -> pl.DataFrame:
    """`line` and `event_date` of the landed rows of users."""
    found = [pl.DataFrame(schema={"line": pl.Int64, "event_date": pl.Date})]
    for day, path in _partitions(layout, entry).items():
        if count_rows(path, USER, users):
            rows = pl.scan_parquet(path, hive_partitioning=False).filter(pl.col(USER).is_in(users))
            found.append(rows.select("line", event_date=pl.lit(day, dtype=pl.Date)).collect())
    return pl.concat(found)


def _renew_quarantine(layout: Layout, entry: LedgerEntry, moved: pl.DataFrame, users: frozenset[str]) -> int:
    """Blank the rejected rows of users and add those that landing loses; gives how many were blanked.

    The lines of a replay are in quarantine already, with the file in which they came.
    """
    path = layout.quarantine / f"{entry.file_sha}.parquet"
    schema = polars_schema(QUARANTINE)
    before = pl.read_parquet(path, hive_partitioning=False) if path.exists() else pl.DataFrame(schema=schema)
    after = blank_rejected(before, users.__contains__)
    blanked = (before["raw"].ne_missing(after["raw"]) | before["fields"].ne_missing(after["fields"])).sum()
    if entry.replays is None and moved.height:
        landed_at = datetime.fromisoformat(entry.landed_at)
        of_file = [entry.file_sha, entry.kind, entry.file_name, landed_at]
        known = {name: pl.lit(value) for name, value in zip(_NEW, of_file, strict=True)}
        new = (
            rejected_rows(moved).with_columns(**known).select(pl.col(name).cast(kind) for name, kind in schema.items())
        )
        after = pl.concat([after.select(list(schema)), new]).unique("line", keep="first").sort("line")
    if not after.equals(before):
        with replace_file(path) as temporary:
            after.write_parquet(temporary)
    return int(blanked)


def _keep_true(layout: Layout, ledger: OpenLedger, entry: LedgerEntry, now: datetime) -> None:
    """Let the ledger say what the files hold."""
    rows = {day: pq.read_metadata(path).num_rows for day, path in _partitions(layout, entry).items()}
    for day in [day for day, count in rows.items() if not count]:
        _partitions(layout, entry)[day].unlink()
        del rows[day]
    landed = sum(rows.values())
    changed: dict[str, object] = {"landed": landed, "rows_by_date": rows, "event_dates": sorted(rows)}
    if entry.replays is None:
        reasons = _reasons(layout.quarantine / f"{entry.file_sha}.parquet")
        changed |= {"quarantined": sum(reasons.values()), "quarantined_by_reason": reasons}
    else:
        changed |= {"lines_in": landed, "replayed_by_reason": _renew_replayed(layout, entry)}
    if entry.replays is not None and not landed:
        (layout.replayed / f"{entry.file_sha}.parquet").unlink(missing_ok=True)
        ledger.remove(entry)
    elif any(getattr(entry, name) != value for name, value in changed.items()):
        ledger.record(msgspec.structs.replace(entry, changed_at=now.isoformat(), **changed))


def _reasons(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    reasons = pl.read_parquet(path, columns=["reason"], hive_partitioning=False)["reason"]
    return dict(sorted(Counter(reasons.to_list()).items()))


def _renew_replayed(layout: Layout, entry: LedgerEntry) -> dict[str, int]:
    """Keep of a replay's note the lines that it still holds; gives their reasons."""
    path = layout.replayed / f"{entry.file_sha}.parquet"
    parts = [
        pl.read_parquet(part, columns=["line"], hive_partitioning=False) for part in _partitions(layout, entry).values()
    ]
    lines = pl.concat([pl.DataFrame(schema={"line": pl.Int64}), *parts])
    noted = pl.read_parquet(path, hive_partitioning=False)
    kept = noted.join(lines, on="line", how="semi", maintain_order="left")
    if kept.height != noted.height:
        with replace_file(path) as temporary:
            kept.write_parquet(temporary)
    original = layout.quarantine / f"{entry.replays}.parquet"
    rejected = pl.read_parquet(original, columns=["line", "reason"], hive_partitioning=False)
    reasons = rejected.join(kept, on="line", how="semi")["reason"].to_list()
    return dict(sorted(Counter(reasons).items()))
