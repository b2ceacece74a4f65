"""`reco unland`: take a landed file out of every mart, without deleting anything."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from jobs.landing.find_files import SHOWN_SHA, find_one_file
from jobs.landing.ledger import LANDED, UNLANDED, LedgerEntry, OpenLedger, open_ledger
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings


def run(wanted: str, settings: Settings, now: datetime, *, is_undo: bool = False) -> dict[str, Any]:
    """Mark a file in the ledger as taken out, or as counting again.

    Its rows stay in data/landing and leave the marts with the next build;
    duplicates of them that came in other files then take their place.

    Args:
        wanted: hash, path or name of the file.
        settings: where the data folder is.
        now: UTC.
        is_undo: take back in what was taken out.

    Returns:
        The summary.

    Raises:
        ContractError: no file or more than one fits; or it cannot come back without its own file.
    """
    with open_ledger(settings.layout) as ledger:
        found = find_one_file(ledger.entries.values(), wanted)
        if is_undo:
            for entry in found:
                _require_rows(settings.layout, entry)
            return _mark(ledger, found, LANDED, now)
        return _mark(ledger, [*found, *_replays_of(ledger, found)], UNLANDED, now)


def _mark(
    ledger: OpenLedger, entries: list[LedgerEntry], state: Literal["landed", "unlanded"], now: datetime
) -> dict[str, Any]:
    changed = [entry for entry in entries if entry.state != state]
    for entry in changed:
        ledger.record(msgspec.structs.replace(entry, state=state, changed_at=now.isoformat()))
    dates = sorted({day for entry in changed for day in entry.event_dates})
    return {
        "state": state,
        "files": [f"{entry.file_sha[:SHOWN_SHA]} {entry.file_name}" for entry in changed],
        "kinds": sorted({entry.kind for entry in changed}),
        "already_so": len(entries) - len(changed),
        "rows": sum(entry.landed for entry in changed),
        "event_dates": len(dates),
        "first_event_date": dates[0] if dates else None,
        "last_event_date": dates[-1] if dates else None,
        "next": "the marts follow with the next build: reco dbt build --select tag:inputs" if changed else "nothing",
    }


def _replays_of(ledger: OpenLedger, found: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Repaired rows of a file go with it: they were its lines."""
    shas = {entry.file_sha for entry in found}
    return [entry for entry in ledger.entries.values() if entry.replays in shas and entry.state == LANDED]


def _require_rows(layout: Layout, entry: LedgerEntry) -> None:
    if entry.state == LANDED:
        return
    if entry.replays is not None:
        raise ContractError(
            f"{entry.file_name} holds repaired rows; replay them again (reco quarantine replay {entry.path}), so that "
            "none that was repaired otherwise in the meantime counts twice"
        )
    files = [
        layout.landing(entry.kind) / f"event_date={day}" / f"{entry.file_sha}.parquet" for day in entry.event_dates
    ]
    if entry.quarantined:
        files.append(layout.quarantine / f"{entry.file_sha}.parquet")
    absent = [str(file) for file in files if not file.is_file()]
    if absent:
        raise ContractError(
            f"{entry.file_name} cannot come back: {len(absent)} of its {len(files)} landed files are gone, the first "
            f"is {absent[0]}; land the file itself again: reco import {entry.path}"
        )
