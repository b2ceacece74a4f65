"""Files in our own contract: events, item snapshots, user snapshots."""

import re
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from jobs.landing.importers.protocol import Source
from jobs.landing.importers.record_files import SUFFIXES, file_columns, read_records, record_files
from jobs.landing.landed_schema import field_names
from jobs.landing.ledger import Kind
from jobs.landing.read_quarantine import EXPORTED
from reco_contracts.errors import ContractError

REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    "events": ("user_id", "item_id", "event_type", "occurred_at"),
    "items": ("item_id",),
    "users": ("user_id",),
}
_SNAPSHOTS: Final[tuple[Kind, ...]] = ("items", "users")
_DATE: Final = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


class EventFiles:
    """Our event contract: a file, a folder of files, or a folder with `events/` and perhaps `items/` and `users/`."""

    name = "events"
    description = "a file (or a folder of files) with the columns " + ", ".join(REQUIRED["events"])

    def recognises(self, path: Path) -> bool:
        """Whether the first file has the columns."""
        try:
            files = _files_by_kind(path)["events"]
            return bool(files) and set(REQUIRED["events"]) <= set(file_columns(files[0]))
        except ContractError:
            return False

    def sources(self, path: Path, columns: Mapping[str, str]) -> list[Source]:
        """Every file; snapshots beside an `events/` folder are dated by their names."""
        files = _files_by_kind(path)
        if not files["events"]:
            raise ContractError(f"{path} holds no file with events; the endings are {', '.join(SUFFIXES)}")
        events = [contract_source("events", file, columns, root=path) for file in files["events"]]
        snapshots = [contract_source(kind, file, {}, root=path) for kind in _SNAPSHOTS for file in files[kind]]
        return events + snapshots


def contract_source(
    kind: Kind, path: Path, columns: Mapping[str, str], root: Path | None = None, snapshot_date: date | None = None
) -> Source:
    """One file of our contract.

    Args:
        kind: what it holds.
        path: the file.
        columns: contract column -> the file's name for it; others have the contract's names. Columns that the
            contract does not know are ignored, and named in the summary.
        root: the folder that is imported; the file is shown relative to it.
        snapshot_date: for items and users; by default the date in the file's name.

    Raises:
        ContractError: it lacks a required column, a snapshot has no date, or it is an export of quarantined rows.
    """
    found = file_columns(path)
    if {*EXPORTED} <= {*found}:
        raise ContractError(
            f"{path} is an export of quarantined rows; as a file of its own its lines would be counted twice. "
            f"Land it with `reco quarantine replay {path}`"
        )
    wanted = _wanted(kind, path, columns, found)
    if kind != "events":
        snapshot_date = snapshot_date or date_in_name(path)
    name = str(path.relative_to(root)) if root is not None and path != root else path.name
    return Source(
        kind,
        path,
        name,
        EventFiles.name,
        partial(read_records, path, wanted),
        snapshot_date,
        columns=tuple(wanted),
        ignored_columns=tuple(column for column in found if column not in wanted.values()),
    )


def date_in_name(path: Path) -> date:
    """The date that a snapshot's name carries.

    Raises:
        ContractError: it carries none.
    """
    try:
        return date.fromisoformat(_DATE.findall(path.name)[-1])
    except (IndexError, ValueError) as error:
        raise ContractError(
            f"{path}: a snapshot needs a date; write it into the name ({path.name.split('.')[0]}-2026-01-31.csv) or "
            "import it with `reco import items|users PATH --date 2026-01-31`"
        ) from error


def _wanted(kind: Kind, path: Path, columns: Mapping[str, str], found: list[str]) -> dict[str, str]:
    fields = field_names(kind)
    unknown = [name for name in columns if name not in fields]
    if unknown:
        raise ContractError(f"--map: {', '.join(unknown)} is no column of {kind}; the columns are {', '.join(fields)}")
    absent = [source for source in columns.values() if source not in found]
    if absent:
        raise ContractError(f"--map: {path} has no column {', '.join(absent)}; it has {', '.join(found)}")
    wanted = {name: columns.get(name, name) for name in fields if name in columns or name in found}
    missing = [name for name in REQUIRED[kind] if name not in wanted]
    if missing:
        hint = ",".join(f"{name}=YOUR_COLUMN" for name in missing)
        raise ContractError(
            f"{path} is no file of {kind}: expected the columns {', '.join(REQUIRED[kind])}; "
            f"found {', '.join(found)[:500] or 'none'}. If a column only has another name, add --map {hint}"
        )
    return wanted


def _files_by_kind(path: Path) -> dict[Kind, list[Path]]:
    if path.is_file():
        return {"events": [path], "items": [], "users": []}
    if (path / "events").is_dir():
        return {kind: record_files(path / kind) if (path / kind).is_dir() else [] for kind in REQUIRED}
    return {"events": record_files(path), "items": [], "users": []}
