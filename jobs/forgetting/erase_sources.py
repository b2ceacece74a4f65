"""Take users out of log files that lie below the data folder: the inbox, a demo's log.

The lines of a text file keep their numbers: those of users become empty, which no
reader counts. The ledger follows, so that the file is not taken for a new one.
"""

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from jobs.forgetting.erase_tables import erase_rows, unless_gone
from jobs.forgetting.forgotten_rows import USER, blank_rejected
from jobs.landing.importers.record_files import SUFFIXES, file_columns, read_records
from jobs.landing.ledger import OpenLedger, content_sha
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ContractError

_CHUNK_ROWS: Final = 100_000
_GZIP_MAGIC: Final = b"\x1f\x8b"
_TEXTS: Final = tuple(suffix for suffix in SUFFIXES if suffix != ".parquet")


def erase_sources(layout: Layout, ledger: OpenLedger, users: frozenset[str], now: datetime) -> dict[Path, int]:
    """Take users out of every file of records with a column `user_id`.

    Args:
        layout: of the data folder.
        ledger: open.
        users: ids.
        now: UTC; when the ledger's entries change.

    Returns:
        File -> records taken out, for those that held any.
    """
    erased: dict[Path, int] = {}
    for path in record_texts(layout):
        with unless_gone(path):
            if lines := _their_lines(path, users):
                _blank_lines(path, {number for span in lines for number in span})
                erased[path] = len(lines)
    inbox = layout.inbox.rglob("*.parquet") if layout.inbox.exists() else ()
    for path in sorted(inbox):
        if has_users(path) and (rows := erase_rows(path, USER, users)):
            erased[path] = rows
    _follow(ledger, {str(path.resolve()): path for path in erased}, now)
    return erased


def record_texts(layout: Layout) -> list[Path]:
    """CSV and JSON Lines files below the data folder that name users."""
    return [path for path in sorted(layout.root.rglob("*")) if path.name.lower().endswith(_TEXTS) and has_users(path)]


def has_users(path: Path) -> bool:
    """Whether a file of records has a column of users."""
    try:
        return path.is_file() and USER in file_columns(path)
    except (ContractError, FileNotFoundError):
        return False


def _their_lines(path: Path, users: frozenset[str]) -> list[range]:
    """The physical lines, from 1, of each record of users; of one that cannot be read too, if it may be theirs."""
    spans: list[range] = []
    for frame in read_records(path, {USER: USER}, _CHUNK_ROWS):
        judged = frame.with_columns(
            user_id=pl.col(USER).str.strip_chars(), fields=pl.struct(USER).struct.json_encode(), event_date=None
        )
        unread = blank_rejected(judged.filter(pl.col("reason").is_not_null()), users.__contains__)
        lines = {*unread.filter(pl.col("raw") == "")["line"]} | {*judged.filter(pl.col(USER).is_in(users))["line"]}
        theirs = frame.filter(pl.col("line").is_in(lines))
        for line, raw in theirs.select("line", "raw").iter_rows():
            spans.append(range(line, line + 1 + raw.count("\n")))
    return spans


def _blank_lines(path: Path, numbers: set[int]) -> None:
    with path.open("rb") as file:
        is_zipped = file.read(2) == _GZIP_MAGIC
    opened: Any = gzip.open if is_zipped else open
    with (
        replace_file(path, mode=path.stat().st_mode & 0o777) as temporary,
        opened(path, "rb") as old,
        opened(temporary, "wb") as new,
    ):
        for number, line in enumerate(old, start=1):
            new.write(_end(line) if number in numbers else line)


def _end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def _follow(ledger: OpenLedger, changed: dict[str, Path], now: datetime) -> None:
    """Let the ledger know the files as they are now."""
    for entry in [entry for entry in ledger.entries.values() if entry.path in changed]:
        path = changed[entry.path]
        stat = path.stat()
        ledger.record(
            msgspec.structs.replace(
                entry,
                size_bytes=stat.st_size,
                mtime_ns=stat.st_mtime_ns,
                content_sha=content_sha(path),
                changed_at=now.isoformat(),
            )
        )
