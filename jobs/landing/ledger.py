"""The ledger of landed files: one JSON file each, written last, read by dbt.

A partition file without an entry here is the rest of a landing that was killed;
nobody reads it, and the next attempt overwrites it.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, Literal

import msgspec

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
        event_dates: ISO dates of the partitions that the file touched, in order.
        landed_at: ISO time, UTC.
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


def write_entry(layout: Layout, entry: LedgerEntry) -> None:
    """Record a file; from here on its partitions count."""
    with replace_file(layout.ledger / f"{entry.file_sha}.json") as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n")


@contextmanager
def landing_lock(layout: Layout) -> Iterator[None]:
    """Let one process land at a time; another one waits."""
    folder = layout.ledger.parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> LedgerEntry:
    try:
        return _decoder.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{path} is not a ledger entry ({error}); remove it and land {path.stem} again, or restore it"
        ) from error
