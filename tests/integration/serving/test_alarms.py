"""Alarms, dashboard and runbooks: every metric that they name is one that the API shows, every alarm has its page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from serving_scenes import ask

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.settings import Settings

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "reco-api.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
NAME = "20240501-001"
METRIC = re.compile(r"\breco_\w+")
IN_TEXT = re.compile(r"`(reco_\w+)`")


@pytest.fixture
def shown(store_settings: Settings) -> set[str]:
    """The metrics of a process that has served something; names as a query has them."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=20))
    run(NAME, store_settings)
    *_, metrics = ask(store_settings, "/v1/users/user-7/recommendations", "/nope", "/metrics")
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)", metrics.text, flags=re.MULTILINE))
    histograms = {
        f"{name}_{end}" for name, kind in kinds.items() if kind == "histogram" for end in ("bucket", "sum", "count")
    }
    return set(kinds) | histograms


def expressions() -> Iterator[str]:
    """Everything that is asked of Prometheus."""
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (variable["query"] for variable in DASHBOARD["templating"]["list"])


def test_every_metric_of_alarms_dashboard_and_runbooks_is_shown(shown: set[str]) -> None:
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    named |= {name for path in (ROOT / "docs" / "runbooks").glob("*.md") for name in IN_TEXT.findall(path.read_text())}
    assert len(named) > 20
    assert named - shown == set()


def test_every_alarm_has_its_page_and_the_page_names_the_alarm() -> None:
    assert len(RULES) > 10
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        page = ROOT / rule["annotations"]["runbook"]
        assert page.is_file(), rule["alert"]
        assert f"`{rule['alert']}`" in page.read_text(), f"{page.name} does not name {rule['alert']}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_expressions_are_balanced_and_panels_do_not_overlap() -> None:
    for expression in expressions():
        bare = re.sub(r'"[^"]*"', "", expression)
        assert all(bare.count(left) == bare.count(right) for left, right in ("()", "[]", "{}")), expression
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
