"""The ledger of landed files: one JSON file each, written last, read by dbt.

A partition file without an entry here is the rest of a landing that was killed;
nobody reads it, and the next attempt overwrites it. Every change of an entry
gets the next revision, so that a build knows what changed since the one before.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from jobs.one_at_a_time import one_at_a_time
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ContractError
from reco_contracts.hashing import SEPARATOR

Kind = Literal["events", "items", "users"]
LANDED: Final = "landed"
UNLANDED: Final = "unlanded"


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one landed file; `data/landing/_ledger/<file_sha>.json`.

    Attributes:
        kind: events, items or users.
        file_name: the file's name, with its folder where a folder was landed.
        path: where it was, absolute.
        file_sha: the name of its landed files, see `landed_name`.
        content_sha: SHA-256 of the file's bytes.
        format: the importer that read it.
        state: `landed`, or `unlanded` when its rows no longer count.
        size_bytes: size of the file.
        mtime_ns: modification time of the file, nanoseconds since 1970.
        lines_in: records read, header and blank lines excluded; landed + quarantined.
        landed: valid rows.
        quarantined: rejected rows.
        quarantined_by_reason: events.RejectReason -> rows.
        event_dates: ISO dates of the partitions that hold its rows, in order.
        landed_at: ISO time, UTC.
        rows_by_date: valid rows of each of these dates.
        touched_dates: dates that ever held rows of it, in order: what a build of its last change replaces. More
            than `event_dates` where the same bytes were landed again with other columns.
        late_before: rows of earlier dates came late, see `OpenLedger`; None: no row did.
        replays: the file whose quarantined rows these are, repaired; None for every other file.
        replayed_by_reason: rows of a replay by the reason for which they had been rejected.
        columns: columns of the contract that the source had.
        ignored_columns: columns of the source that the contract does not know.
        revision: place of the last change among all changes of the ledger, from 1.
        changed_at: ISO time of the last change, UTC.
    """

    kind: Kind
    file_name: str
    path: str
    file_sha: str
    content_sha: str
    format: str
    state: Literal["landed", "unlanded"]
    size_bytes: int
    mtime_ns: int
    lines_in: int
    landed: int
    quarantined: int
    quarantined_by_reason: dict[str, int]
    event_dates: list[date]
    landed_at: str
    rows_by_date: dict[date, int] = {}
    touched_dates: list[date] = []
    late_before: date | None = None
    replays: str | None = None
    replayed_by_reason: dict[str, int] = {}
    columns: list[str] = []
    ignored_columns: list[str] = []
    revision: int = 0
    changed_at: str | None = None

    @property
    def late_rows(self) -> int:
        """Valid rows that came late."""
        before = self.late_before
        return 0 if before is None else sum(rows for day, rows in self.rows_by_date.items() if day < before)


_decoder = msgspec.json.Decoder(LedgerEntry)


def content_sha(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def landed_name(sha: str, kind: Kind, snapshot_date: date | None) -> str:
    """The `file_sha` of what is landed from a file.

    For events it is the hash of the bytes. A snapshot's hash covers its kind and
    date too: the same catalogue may be true again later, and one log may give
    events, items and users.

    Args:
        sha: SHA-256 of the file's bytes.
        kind: what is landed from it.
        snapshot_date: the snapshot's date; None for events.
    """
    if snapshot_date is None:
        return sha
    return hashlib.sha256(SEPARATOR.join(part.encode() for part in (sha, kind, snapshot_date.isoformat()))).hexdigest()


def read_entry(layout: Layout, file_sha: str) -> LedgerEntry | None:
    """The entry of one landed file, or None."""
    path = layout.ledger / f"{file_sha}.json"
    return _read(path) if path.exists() else None


def read_entries(layout: Layout) -> list[LedgerEntry]:
    """All entries, in order of their hash."""
    return [_read(path) for path in sorted(layout.ledger.glob("*.json"))]


def replayed_reasons(entries: Iterable[LedgerEntry]) -> dict[str, Counter[str]]:
    """Rows of each file that left quarantine because a replay in force holds them, by reason."""
    replayed: dict[str, Counter[str]] = {}
    for entry in entries:
        if entry.replays is not None and entry.state == LANDED:
            replayed.setdefault(entry.replays, Counter()).update(entry.replayed_by_reason)
    return replayed


def write_entry(layout: Layout, entry: LedgerEntry) -> LedgerEntry:
    """Record a change of one file; the caller holds `landing_lock`.

    Returns:
        The entry as it was written, with its revision.
    """
    return OpenLedger(layout).record(entry)


class OpenLedger:
    """The ledger in the hands of the process that changes it.

    Attributes:
        entries: file_sha -> entry.
        newest_event_date: newest date of events in force when the ledger was opened; None before the first.
            Files of one delivery do not make each other late.
    """

    def __init__(self, layout: Layout) -> None:
        """Read all entries; the caller holds `landing_lock`."""
        self.entries = {entry.file_sha: entry for entry in read_entries(layout)}
        self.newest_event_date = _newest_event_date(self.entries.values())
        self._layout = layout
        self._revision = max((entry.revision for entry in self.entries.values()), default=0)

    def late_before(self, late_after_days: int) -> date | None:
        """The day before which rows that come now are late.

        Args:
            late_after_days: how many days a row may lie before the newest landed date.
        """
        if self.newest_event_date is None:
            return None
        return self.newest_event_date - timedelta(days=late_after_days)

    def last_like(self, kind: Kind, format_name: str, file_name: str) -> LedgerEntry | None:
        """The last landed file of a kind and format whose name differs in digits alone; None before the first."""
        wanted = (kind, format_name, _without_digits(file_name))
        entries = self.entries.values()
        alike = (entry for entry in entries if (entry.kind, entry.format, _without_digits(entry.file_name)) == wanted)
        return max(alike, key=lambda entry: entry.revision, default=None)

    def known(self, file_sha: str, sha: str, kind: Kind, snapshot_date: date | None) -> LedgerEntry | None:
        """The entry of a file, by its name or by its bytes, which an erasure may have changed since it was landed.

        Args:
            file_sha: see `landed_name`.
            sha: SHA-256 of the file's bytes.
            kind: what is landed from it.
            snapshot_date: the snapshot's date; None for events.
        """
        if found := self.entries.get(file_sha):
            return found
        alike = (entry for entry in self.entries.values() if (entry.content_sha, entry.kind) == (sha, kind))
        same = (entry for entry in alike if entry.replays is None)
        return next((entry for entry in same if snapshot_date is None or snapshot_date in entry.touched_dates), None)

    def record(self, entry: LedgerEntry) -> LedgerEntry:
        """Write an entry with the next revision; from here on it counts as it says."""
        before = self.entries.get(entry.file_sha)
        touched = {
            *entry.event_dates,
            *(before.touched_dates if before else ()),
            *(before.event_dates if before else ()),
        }
        self._revision += 1
        stamped = msgspec.structs.replace(entry, touched_dates=sorted(touched), revision=self._revision)
        with replace_file(self._layout.ledger / f"{entry.file_sha}.json") as path:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(stamped), indent=2) + b"\n")
        self.entries[entry.file_sha] = stamped
        return stamped

    def remove(self, entry: LedgerEntry) -> None:
        """Forget a file of which nothing is left."""
        del self.entries[entry.file_sha]
        (self._layout.ledger / f"{entry.file_sha}.json").unlink(missing_ok=True)


@contextmanager
def landing_lock(layout: Layout) -> Iterator[None]:
    """Let one process land at a time; another one waits."""
    with one_at_a_time(layout.ledger.parent / ".lock", "landing"):
        yield


@contextmanager
def open_ledger(layout: Layout) -> Iterator[OpenLedger]:
    """Give the ledger to one process at a time, after what a killed one left behind is gone."""
    with landing_lock(layout):
        remove_leftovers(layout)
        yield OpenLedger(layout)


def remove_leftovers(layout: Layout) -> None:
    """Remove the hidden halves of files that a killed landing left; the caller holds `landing_lock`.

    The work folder outlives a landing only if it was killed: where there is
    none, the partitions need not be searched.
    """
    hidden = [*layout.ledger.glob(".*.json.*")]
    if layout.landing_work.exists():
        shutil.rmtree(layout.landing_work)
        hidden += layout.ledger.parent.glob("*/event_date=*/.*.parquet.*")
        hidden += (file for folder in (layout.quarantine, layout.replayed) for file in folder.glob(".*.parquet.*"))
    for file in hidden:
        file.unlink(missing_ok=True)


def _without_digits(file_name: str) -> str:
    """What the daily files of one source have in common: `events-2026-01-31.csv` -> `events---.csv`."""
    return "".join(letter for letter in Path(file_name).name if not letter.isdigit())


def _newest_event_date(entries: Iterable[LedgerEntry]) -> date | None:
    in_force = (entry for entry in entries if entry.kind == "events" and entry.state == LANDED)
    return max((day for entry in in_force for day in entry.event_dates), default=None)


def _read(path: Path) -> LedgerEntry:
    try:
        return _decoder.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{path} is not a ledger entry ({error}); remove it and land {path.stem} again, or restore it"
        ) from error
