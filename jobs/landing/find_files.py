"""Which landed file does a person mean: by hash, by path, or by name."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from jobs.landing.ledger import LedgerEntry, content_sha
from reco_contracts.errors import ContractError

SHOWN_SHA: Final = 12
_SHA: Final = re.compile(r"[0-9a-f]{6,64}")


def find_files(entries: Iterable[LedgerEntry], wanted: str) -> list[LedgerEntry]:
    """Every ledger entry that a word can mean.

    Args:
        entries: the ledger.
        wanted: at least six digits of a file_sha; the path of a file whose bytes or whose place were landed; or a
            name as `reco files` shows it, with or without its folders.

    Raises:
        ContractError: nothing landed fits.
    """
    known = list(entries)
    found = _by_sha(known, wanted) or _by_path(known, Path(wanted)) or _by_name(known, wanted)
    if not found:
        raise ContractError(
            f"{wanted}: no landed file has this hash, path, content or name; `reco files` lists those that were landed"
        )
    return sorted(found, key=lambda entry: entry.revision)


def find_one_file(entries: Iterable[LedgerEntry], wanted: str) -> list[LedgerEntry]:
    """The entries of exactly one file: one log may have given events, items and users.

    Raises:
        ContractError: nothing landed fits, or more than one file does.
    """
    found = find_files(entries, wanted)
    parts = Counter((entry.kind, entry.replays) for entry in found)
    if len({entry.content_sha for entry in found}) > 1 or max(parts.values()) > 1:
        lines = "\n".join(f"  {describe(entry)}" for entry in found)
        raise ContractError(f"{wanted} may be any of these; name one by its hash:\n{lines}")
    return found


def describe(entry: LedgerEntry) -> str:
    """One line for a person: hash, what it is, its name, its dates and how it stands."""
    dates = f"{entry.event_dates[0]} to {entry.event_dates[-1]}" if entry.event_dates else "no dates"
    return f"{entry.file_sha[:SHOWN_SHA]}  {entry.kind}  {entry.file_name}  {dates}  {entry.state}"


def _by_sha(entries: Sequence[LedgerEntry], wanted: str) -> list[LedgerEntry]:
    return [entry for entry in entries if entry.file_sha.startswith(wanted)] if _SHA.fullmatch(wanted) else []


def _by_path(entries: Sequence[LedgerEntry], path: Path) -> list[LedgerEntry]:
    if not path.is_file():
        return []
    sha, place = content_sha(path), str(path.resolve())
    return [entry for entry in entries if entry.content_sha == sha] or [
        entry for entry in entries if entry.path == place
    ]


def _by_name(entries: Sequence[LedgerEntry], name: str) -> list[LedgerEntry]:
    return [entry for entry in entries if entry.file_name == name] or [
        entry for entry in entries if Path(entry.file_name).name == name or entry.path == name
    ]
