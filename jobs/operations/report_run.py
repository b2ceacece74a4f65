"""One page about a run: what came in, how the model did, what was checked, what is live."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from jobs.landing.ledger import LANDED, LedgerEntry, read_entries, replayed_reasons
from jobs.publishing.connect_store import open_store
from jobs.publishing.generation_store import read_pointer
from jobs.rules.count_rules import describe_rule, read_report
from reco_contracts.artifacts import Layout, complete_versions, read_model_manifest
from reco_contracts.errors import RecoError, StoreUnavailableError
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, decode_lists_manifest
from reco_contracts.settings import Settings

_NOT_MADE = "not made"


def run(run_date: date | None, settings: Settings) -> dict[str, Any]:
    """Gather what is known of the run of one day.

    Args:
        run_date: the day; None when the run ended before it had one.
        settings: where the data folder and the store are.

    Returns:
        The page, section by section; a part that was not made says so.
    """
    layout = settings.layout
    if run_date is None:
        return {"run_date": None, "landing": describe_landing(layout), "live": _live(settings)}
    return describe_run(run_date, layout) | {"live": _live(settings)}


def describe_run(run_date: date, layout: Layout) -> dict[str, Any]:
    """What the files say of a run.

    Args:
        run_date: the day.
        layout: the data folder.
    """
    report = layout.report(run_date)
    return {
        "run_date": run_date.isoformat(),
        "landing": describe_landing(layout),
        "evaluation": _evaluation(layout, run_date),
        "checks": {what: _checks(report / f"checks_{what}.json") for what in ("features", "lists")},
        "lists": _measured(report / "checks_lists.json"),
        "generation": _generation(layout, run_date),
        "rules": _rules(layout, run_date),
        "data_docs": [str(path) for path in sorted(report.glob("data_docs/*/index.html"))],
        "reports": str(report),
    }


def describe_landing(layout: Layout) -> dict[str, Any]:
    """Lines of the log: landed, quarantined, and what dbt then took out as duplicates."""
    return summarise_landing(read_entries(layout)) | {"duplicates_removed": _duplicates(layout)}


def raise_if_red(run_date: date | None, failed_tasks: Sequence[str], live: str) -> None:
    """End the run red when a task before the report failed.

    Raises:
        RecoError: names the tasks, and what is live.
    """
    if failed_tasks:
        raise RecoError(
            f"the run for {run_date or 'an unknown day'} is red: {', '.join(failed_tasks)} failed. Live: {live}. "
            "The task's log begins with the line to repeat it by hand; docs/runbooks/ says how to go on"
        )


def summarise_landing(entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    """Rows that count now, over all landed files of events: lines_in = landed + quarantined.

    A repaired row is a line of the file that it came in, landed by its replay.

    Args:
        entries: the ledger.
    """
    files = [entry for entry in entries if entry.kind == "events" and entry.state == LANDED]
    sources = [entry for entry in files if entry.replays is None]
    reasons: Counter[str] = Counter()
    for entry in sources:
        reasons.update(entry.quarantined_by_reason)
    replayed = list(replayed_reasons(files).values())
    for reasons_of_file in replayed:
        reasons.subtract(reasons_of_file)
    return {
        "files": len(sources),
        "lines_in": sum(entry.lines_in for entry in sources),
        "landed": sum(entry.landed for entry in files),
        "quarantined": reasons.total(),
        "quarantined_by_reason": {reason: rows for reason, rows in sorted(reasons.items()) if rows},
        "replayed": sum(counts.total() for counts in replayed),
        "last_event_date": max((day for entry in files for day in entry.event_dates), default=None),
    }


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return value if isinstance(value, dict) else None


def _evaluation(layout: Layout, run_date: date) -> str:
    """How good the model is, in a sentence; on a day without training that of the day when it was trained."""
    path = layout.report(run_date) / "evaluation.json"
    report = _read_json(path)
    if report is not None:
        return str(report.get("sentence") or report.get("verdict") or path)
    lists = _lists_of(layout, run_date)
    if lists is None or lists.model_version not in complete_versions(layout.models):
        return _NOT_MADE
    model = read_model_manifest(layout, lists.model_version)
    return f"not due; of {model.run_date}, when {model.model_version} was trained: {model.metrics['sentence']}"


def _duplicates(layout: Layout) -> int | None:
    """Rows of events that dbt removed, as the analysts' copy has it; None before its report is there."""
    if not layout.analytics.exists():
        return None
    import duckdb

    query = "select sum(duplicate_rows) from marts.rpt_data_quality where kind = 'events' and state = ?"
    try:
        with duckdb.connect(str(layout.analytics), read_only=True) as copy:
            found = copy.execute(query, [LANDED]).fetchone()
    except duckdb.Error:
        return None
    return None if found is None or found[0] is None else int(found[0])


def _checks(path: Path) -> str:
    report = _read_json(path)
    if report is None:
        return _NOT_MADE
    failed = report.get("failed") or []
    return f"{len(failed)} of {report.get('checks')} failed: {'; '.join(failed)}" if failed else "passed"


def _measured(path: Path) -> dict[str, str]:
    """What the lists of each surface and variant are like, in a sentence; empty before they were checked."""
    measured = (_read_json(path) or {}).get("measured") or {}
    return {name: str(figures["sentence"]) for name, figures in measured.items()}


def _generation(layout: Layout, run_date: date) -> str:
    lists = _lists_of(layout, run_date)
    return f"{lists.generation}, ranked by {lists.model_version}" if lists else _NOT_MADE


def _rules(layout: Layout, run_date: date) -> dict[str, str] | str:
    """What each rule did, by surface and name; see `count_rules` for what a count means."""
    lists = _lists_of(layout, run_date)
    if lists is None or not layout.rules_report(lists.generation).exists():
        return _NOT_MADE
    rows = read_report(layout, lists.generation)["rules"]
    return {f"{row['surface']}.{row['rule']}": describe_rule(row) for row in rows} or "none touched a list"


def _lists_of(layout: Layout, run_date: date) -> ListsManifest | None:
    """The last complete list folder of the day."""
    for name in reversed(complete_versions(layout.lists)):
        manifest = decode_lists_manifest((layout.lists / name / MANIFEST_FILE).read_bytes())
        if manifest.run_date == run_date.isoformat():
            return manifest
    return None


def _live(settings: Settings) -> str:
    try:
        with open_store(settings.redis) as store:
            live = read_pointer(store, settings.keys).live
    except StoreUnavailableError:
        return "unknown, the store cannot be reached"
    except RecoError as error:  # the page comes whatever is in the store; it names the tasks that failed
        return f"unknown: {error}"
    return f"{live.generation}, of the run for {live.run_date}" if live else "nothing yet"
