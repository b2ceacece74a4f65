"""`reco import`: land a log, or a dated snapshot of items or users."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jobs.forgetting.tombstone_file import Forgotten, read_forgotten
from jobs.landing.importers.event_files import contract_source
from jobs.landing.importers.formats import choose_importer
from jobs.landing.importers.protocol import Source
from jobs.landing.land_files import land_source
from jobs.landing.ledger import Kind, LedgerEntry, open_ledger
from jobs.progress import progress_bar
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError
from reco_contracts.logs import get_logger
from reco_contracts.settings import LandingSection, Settings


@dataclass(slots=True)
class LandedFiles:
    """What became of several sources.

    Attributes:
        entries: ledger entry of each, and whether it was made now.
        refused: the message of each that was refused.
        changed_columns: how the columns of a file differ from the contract or the file before it, in words.
    """

    entries: list[tuple[LedgerEntry, bool]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changed_columns: list[str] = field(default_factory=list)


def run_import(
    path: Path, format_name: str, columns: Mapping[str, str], settings: Settings, now: datetime
) -> dict[str, Any]:
    """Land a log with the snapshots that come with it.

    Args:
        path: file or folder.
        format_name: an importer's name or `auto`.
        columns: contract column -> the file's name for it.
        settings: where to, chunk size and limits.
        now: UTC.

    Returns:
        The summary; its totals count events, `items` and `users` count snapshots.

    Raises:
        ContractError: it is no such log, or the content is refused.
    """
    importer = choose_importer(path, format_name, bool(columns))
    get_logger(__name__).info("importing", path=str(path), format=importer.name, description=importer.description)
    sources = importer.sources(path, columns)
    landed = land_sources(sources, settings.layout, settings.landing, now, forgotten=partial(read_forgotten, settings))
    raise_refused(landed)
    return {"format": importer.name, **summarise(landed)}


def run_import_snapshot(
    kind: Kind, path: Path, columns: Mapping[str, str], snapshot_date: date | None, settings: Settings, now: datetime
) -> dict[str, Any]:
    """Land one dated snapshot.

    Args:
        kind: items or users.
        path: CSV, JSON Lines or Parquet in our contract.
        columns: contract column -> the file's name for it.
        snapshot_date: by default the date in the file's name.
        settings: where to, chunk size and limits.
        now: UTC.

    Returns:
        The summary.

    Raises:
        ContractError: it is no such file, has no date, or the content is refused.
    """
    source = contract_source(kind, path, columns, snapshot_date=snapshot_date)
    landed = land_sources([source], settings.layout, settings.landing, now, forgotten=partial(read_forgotten, settings))
    raise_refused(landed)
    return {"kind": kind, **_totals(landed.entries), "changed_columns": landed.changed_columns}


def land_sources(
    sources: Sequence[Source],
    layout: Layout,
    options: LandingSection,
    now: datetime,
    *,
    forgotten: Callable[[], Forgotten],
    lands_unlanded: bool = True,
) -> LandedFiles:
    """Land sources one after another; a refused one does not stop the others.

    Args:
        sources: a snapshot without a date takes the last event date of the events before it.
        layout: where to.
        options: chunk size and limits.
        now: UTC.
        forgotten: gives the erased users; asked when the ledger is open, so that an erasure is before or after it.
        lands_unlanded: land again what the ledger says was taken out; else it stays out.
    """
    result = LandedFiles()
    last_event_date: date | None = None
    with open_ledger(layout) as ledger, progress_bar("Land rows", None) as advance:
        erased = forgotten()
        for source in sources:
            snapshot_date = source.snapshot_date or last_event_date if source.kind != "events" else None
            if source.kind != "events" and snapshot_date is None:
                continue  # its events were refused, and that is the message
            try:
                before = ledger.last_like(source.kind, source.format, source.name)
                entry, is_new = land_source(
                    source,
                    layout,
                    ledger,
                    options,
                    now,
                    snapshot_date,
                    forgotten=erased,
                    lands_unlanded=lands_unlanded,
                    advance=advance,
                )
            except (ContractError, OSError) as error:
                result.refused.append(str(error))
                continue
            result.entries.append((entry, is_new))
            if is_new:
                result.changed_columns += changed_columns(entry, before)
            if entry.kind == "events" and entry.event_dates:
                last_event_date = entry.event_dates[-1]
    return result


def raise_refused(landed: LandedFiles) -> None:
    """Raise when something was refused, with every message.

    Raises:
        ContractError: see above.
    """
    if not landed.refused:
        return
    messages = "\n".join(landed.refused)
    if not landed.entries:
        raise ContractError(messages)
    others = f"the other {len(landed.entries)} are landed"
    raise ContractError(f"{len(landed.refused)} files were refused, {others}:\n{messages}")


def changed_columns(entry: LedgerEntry, before: LedgerEntry | None) -> list[str]:
    """Columns that a file has and the contract ignores, and columns that it lost since the file before.

    Args:
        entry: of the file.
        before: of the file before it from the same source.
    """
    lost = [column for column in (before.columns if before else ()) if column not in entry.columns]
    changes = (("ignored", entry.ignored_columns), ("no longer there", lost))
    return [f"{entry.file_name}: {', '.join(columns)} {what}" for what, columns in changes if columns]


def summarise(landed: LandedFiles) -> dict[str, Any]:
    """Totals of the events, of the snapshots where there are any, and changed columns."""
    by_kind = {kind: [pair for pair in landed.entries if pair[0].kind == kind] for kind in ("events", "items", "users")}
    snapshots = {kind: _totals(by_kind[kind]) for kind in ("items", "users") if by_kind[kind]}
    return {**_totals(by_kind["events"]), "changed_columns": landed.changed_columns, **snapshots}


def _totals(entries: Sequence[tuple[LedgerEntry, bool]]) -> dict[str, Any]:
    """Counts of what was landed now; dates of that and of what was known already."""
    new = [entry for entry, is_new in entries if is_new]
    reasons: dict[str, int] = {}
    for entry in new:
        for reason, rows in entry.quarantined_by_reason.items():
            reasons[reason] = reasons.get(reason, 0) + rows
    dates = sorted({day for entry, _ in entries for day in entry.event_dates})
    return {
        "files": len(entries),
        "already_landed": len(entries) - len(new),
        "lines_in": sum(entry.lines_in for entry in new),
        "landed": sum(entry.landed for entry in new),
        "quarantined": sum(entry.quarantined for entry in new),
        "quarantined_by_reason": dict(sorted(reasons.items())),
        "late": sum(entry.late_rows for entry in new),
        "event_dates": len(dates),
        "first_event_date": dates[0] if dates else None,
        "last_event_date": dates[-1] if dates else None,
    }
