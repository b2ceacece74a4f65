"""Event types and reasons are written once in Python; what repeats them in dbt and in the docs agrees."""

import re
from pathlib import Path

import pytest
import yaml

from reco_contracts.events import MAX_ID_LENGTH, MAX_RATING_STARS, EventType, RejectReason

ROOT = Path(__file__).parents[2]
CONTRACT = (ROOT / "docs" / "data-contract.md").read_text()


def accepted_values(model: str, column: str) -> list[str]:
    """The values that a column of a dbt model may have, as its YAML says."""
    (path,) = (ROOT / "dbt_project" / "models").rglob(f"{model}.yml")
    (described,) = yaml.safe_load(path.read_text())["models"]
    (rules,) = (test["keeps_its_rules"]["arguments"] for test in described["data_tests"])
    return list(rules["accepted_values"][column])


@pytest.mark.parametrize(
    ("model", "column", "codes"),
    [("int_events_deduplicated", "event_type", EventType), ("rpt_quarantine_reasons", "reason", RejectReason)],
)
def test_dbt_accepts_what_landing_lets_in(model: str, column: str, codes: type[EventType | RejectReason]) -> None:
    assert sorted(accepted_values(model, column)) == sorted(codes)


def test_the_docs_explain_every_reason_and_no_other() -> None:
    table = CONTRACT.partition("## Reasons in quarantine")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(code for row in rows for code in re.findall(r"`(\w+)`", row)) == sorted(RejectReason)


def test_the_docs_name_the_event_types_and_limits() -> None:
    (row,) = (line for line in CONTRACT.splitlines() if line.startswith("| `event_type`"))
    assert [*re.findall(r"`(\w+)`", row)][1:] == [*EventType]
    assert f"1 to {MAX_ID_LENGTH} characters" in CONTRACT
    assert f"stars of a rating (0 to {MAX_RATING_STARS:g})" in CONTRACT
