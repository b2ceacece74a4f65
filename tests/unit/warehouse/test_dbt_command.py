"""`reco dbt` tests all dates when it is asked to, or once a week."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "tests_all_dates"),
    [
        (["--run-date", "2024-03-02"], False),
        (["--run-date", "2024-03-02", "--all-dates"], True),
        (["--run-date", "2024-03-02", "--all-dates-on-sunday"], False),
        (["--run-date", "2024-03-03", "--all-dates-on-sunday"], True),
        (["--all-dates-on-sunday"], False),
    ],
)
def test_all_dates_are_tested_when_asked_for_or_on_a_sunday(
    arguments: list[str], tests_all_dates: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: dict[str, Any] = {}

    def run(dbt_arguments: list[str], *_: Any, all_dates: bool) -> dict[str, Any]:
        said.update(arguments=dbt_arguments, all_dates=all_dates)
        return {}

    monkeypatch.setenv("RECO_PATHS__DATA", str(tmp_path))
    monkeypatch.setattr("jobs.warehouse.run_dbt.run", run)
    result = CliRunner().invoke(app, ["dbt", "build", "--select", "tag:inputs", *arguments])
    assert result.exit_code == 0, result.output
    assert said == {"arguments": ["build", "--select", "tag:inputs"], "all_dates": tests_all_dates}
