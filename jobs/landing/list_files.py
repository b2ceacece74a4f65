"""`reco files`: what the ledger knows of every landed file."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jobs.landing.find_files import SHOWN_SHA
from jobs.landing.ledger import LANDED, Kind, LedgerEntry, read_entries, replayed_reasons
from reco_contracts.settings import Settings


def run(settings: Settings, kind: Kind | None = None, state: str | None = None) -> dict[str, Any]:
    """List the landed files, the last change last.

    Args:
        settings: where the data folder is.
        kind: only events, items or users.
        state: only `landed` or `unlanded` ones.

    Returns:
        The rows and their totals; only files in force count in the totals.
    """
    entries = read_entries(settings.layout)
    chosen = [entry for entry in entries if kind in (None, entry.kind) and state in (None, entry.state)]
    rows = describe_files(sorted(chosen, key=lambda entry: entry.revision), replayed_reasons(entries))
    in_force = [row for row in rows if row["state"] == LANDED]
    return {
        "rows": rows,
        "files": len(rows),
        "in_force": len(in_force),
        "lines_in": sum(row["lines_in"] for row in in_force if row["replays"] is None),
        **{name: sum(row[name] for row in in_force) for name in ("landed", "quarantined", "late")},
    }


def describe_files(entries: Sequence[LedgerEntry], replayed: dict[str, Counter[str]]) -> list[dict[str, Any]]:
    """One row a file; lines_in = landed + quarantined + replayed.

    Args:
        entries: in the order of the rows.
        replayed: rows of each file that were repaired and landed, see `ledger.replayed_reasons`.
    """
    return [
        {
            "file": entry.file_sha[:SHOWN_SHA],
            "kind": entry.kind,
            "file_name": entry.file_name,
            "state": entry.state,
            "lines_in": entry.lines_in,
            "landed": entry.landed,
            "quarantined": entry.quarantined - (gone := replayed.get(entry.file_sha, Counter()).total()),
            "replayed": gone,
            "late": entry.late_rows,
            "first_date": entry.event_dates[0] if entry.event_dates else None,
            "last_date": entry.event_dates[-1] if entry.event_dates else None,
            "ignored_columns": ", ".join(entry.ignored_columns),
            "replays": entry.replays[:SHOWN_SHA] if entry.replays else None,
            "landed_at": f"{entry.landed_at[:16]}Z",
        }
        for entry in entries
    ]
