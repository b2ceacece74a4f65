"""Decide which day a run is for. The first task does it once and hands the answer on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from reco_contracts.errors import ContractError


def resolve_run_date(
    param: date | None, interval_start: datetime | None, run_after: datetime | None
) -> tuple[date, str]:
    """The day of a run, and what decided it.

    Args:
        param: what the person who triggered the run asked for.
        interval_start: start of the schedule's data interval; absent in a run that was triggered.
        run_after: when the run was due.

    Returns:
        The day (UTC), and `param`, `interval_start` or `run_after`.

    Raises:
        ContractError: nothing was given to decide by.
    """
    if param is not None:
        return param, "param"
    if interval_start is not None:
        return _utc(interval_start).date(), "interval_start"
    if run_after is not None:
        return _utc(run_after).date() - timedelta(days=1), "run_after"
    raise ContractError("no run date: expected --param, --interval-start or --run-after, got none of them")


def run(param: str | None, interval_start: str | None, run_after: str | None) -> dict[str, Any]:
    """Read the texts that Airflow gives and resolve the run date.

    Args:
        param: YYYY-MM-DD.
        interval_start: ISO time; a time without offset is UTC.
        run_after: ISO time; a time without offset is UTC.

    Returns:
        `run_date` and `decided_by`.

    Raises:
        ContractError: a text is no date or time, or all are absent.
    """
    resolved, decided_by = resolve_run_date(
        _parsed("--param", param, date.fromisoformat, "a day, YYYY-MM-DD"),
        _parsed("--interval-start", interval_start, datetime.fromisoformat, "an ISO time"),
        _parsed("--run-after", run_after, datetime.fromisoformat, "an ISO time"),
    )
    return {"run_date": resolved.isoformat(), "decided_by": decided_by}


def _parsed(option: str, text: str | None, parse: Any, expected: str) -> Any:
    if not text or not text.strip():
        return None
    try:
        return parse(text.strip())
    except ValueError as error:
        raise ContractError(f"{option}: expected {expected}, got {text!r}") from error


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
