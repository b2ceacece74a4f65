"""`reco land-inbox`: land the files of the drop folder that the ledger does not know."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from jobs.forgetting.tombstone_file import read_forgotten
from jobs.landing.import_log import land_sources, raise_refused, summarise
from jobs.landing.importers.event_files import contract_source
from jobs.landing.importers.protocol import Source
from jobs.landing.ledger import Kind, read_entries
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings

_KINDS: Final[tuple[Kind, ...]] = ("events", "items", "users")


def run(settings: Settings, now: datetime) -> dict[str, Any]:
    """Land what is new in the inbox; the files stay where they are.

    Args:
        settings: where from and to, chunk size and limits.
        now: UTC.

    Returns:
        The summary; its totals count events, `items` and `users` count snapshots.

    Raises:
        ContractError: files were refused; the others are landed.
    """
    layout = settings.layout
    known, new = _inbox_files(layout)
    sources, refused = _plan(layout, new)
    landed = land_sources(
        sources, layout, settings.landing, now, forgotten=partial(read_forgotten, settings), lands_unlanded=False
    )
    landed.refused[:0] = refused
    raise_refused(landed)
    summary = summarise(landed)
    return {**summary, "inbox_files": known + len(new), "known_by_name": known}


def _inbox_files(layout: Layout) -> tuple[int, list[tuple[Kind, Path]]]:
    """How many files the ledger knows by path, size and time, and the others in order of name."""
    known = {(entry.path, entry.size_bytes, entry.mtime_ns) for entry in read_entries(layout)}
    found = [(kind, path) for kind in _KINDS for path in _visible_files(layout.inbox / kind)]
    new = [(kind, path) for kind, path in found if _fingerprint(path) not in known]
    return len(found) - len(new), new


def _visible_files(folder: Path) -> list[Path]:
    """All files below a folder, whatever their ending: what is no log is refused by name, not passed over."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )


def _fingerprint(path: Path) -> tuple[str, int, int]:
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns


def _plan(layout: Layout, files: list[tuple[Kind, Path]]) -> tuple[list[Source], list[str]]:
    sources: list[Source] = []
    refused: list[str] = []
    for kind, path in files:
        try:
            sources.append(contract_source(kind, path, {}, root=layout.inbox))
        except ContractError as error:
            refused.append(str(error))
    return sources, refused
