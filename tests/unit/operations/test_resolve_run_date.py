"""The day of a run: param, else start of the interval, else the day before it was due."""

import pytest

from jobs.operations.resolve_run_date import run
from reco_contracts.errors import ContractError


@pytest.mark.parametrize(
    ("param", "interval_start", "run_after", "expected", "decided_by"),
    [
        ("2026-01-31", "2026-02-03T04:00:00+00:00", "2026-02-04T04:00:00+00:00", "2026-01-31", "param"),
        (None, "2026-02-03T04:00:00+00:00", "2026-02-04T04:00:00+00:00", "2026-02-03", "interval_start"),
        ("", "2026-02-03T04:00:00Z", "", "2026-02-03", "interval_start"),
        (None, None, "2026-03-01T00:00:00+00:00", "2026-02-28", "run_after"),
        (None, None, "2024-03-01T12:00:00+00:00", "2024-02-29", "run_after"),
        (None, "2026-02-03T23:30:00-02:00", None, "2026-02-04", "interval_start"),  # the day is UTC's
        (None, "2026-02-03T23:30:00", None, "2026-02-03", "interval_start"),  # without an offset it is UTC
        (None, None, "2026-01-01T00:30:00+01:00", "2025-12-30", "run_after"),
    ],
)
def test_the_first_that_is_given_decides(
    param: str | None, interval_start: str | None, run_after: str | None, expected: str, decided_by: str
) -> None:
    assert run(param, interval_start, run_after) == {"run_date": expected, "decided_by": decided_by}


def test_nothing_to_decide_by_is_an_error() -> None:
    with pytest.raises(ContractError, match="expected --param, --interval-start or --run-after"):
        run(None, "", None)


@pytest.mark.parametrize("param", ["31.01.2026", "2026-02-30", "yesterday"])
def test_a_param_that_is_no_day_is_refused(param: str) -> None:
    with pytest.raises(ContractError, match=r"--param: expected a day, YYYY-MM-DD, got"):
        run(param, "2026-02-03T04:00:00Z", None)
