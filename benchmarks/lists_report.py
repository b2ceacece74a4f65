"""Diversity and coverage against accuracy on three logs: the tables and plots of docs/lists.md.

Each log is landed and built in a workspace of its own below --workspace, where a second run
finds it; the third is a simulated shop. The model is fitted once a log, on what the test period
may know, and makes the lists of all users in many ways. What stands between the markers of the
page is replaced, and so are the pictures in docs/images/lists.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from benchmarks.lists_arms import DIVERSE, STRENGTHS, arms, home_work, points
from benchmarks.lists_plots import tradeoff_chart
from benchmarks.models_report import ROOT, build_marts, run_reco, write_between
from benchmarks.report import RESULTS
from jobs.evaluation.draw_charts import save_chart
from jobs.evaluation.evaluation_tasks import make_tasks, read_marts
from jobs.evaluation.write_models_page import markdown_table
from jobs.operations.demo_workspace import SIMULATED, Workspace, workspace_environment
from reco_contracts.settings import Settings, get_settings, load_settings

PAGE: Final = ROOT / "docs" / "lists.md"
BEGIN, END = "<!-- lists-report: begin -->", "<!-- lists-report: end -->"
DIVERSITY_LINES: Final = ("limit", *STRENGTHS)
COVERAGE_LINES: Final = ("coverage alone", "coverage and diversity", "drawn users")
# Users x 10 is at least 20 x items.
_SHOP: Final = ("--users", "6000", "--items", "2500", "--days", "60")


class Log(NamedTuple):
    """A log, and the parameters of ALS that docs/models.md found for it, or that suit a shop of that kind.

    Attributes:
        title: for people.
        path: below the folder of public logs; "" = simulated.
        preset: settings of its kind.
        parameters: that differ from the defaults.
    """

    title: str
    path: str
    preset: str
    parameters: dict[str, Any]


LOGS: Final = {
    "ml-latest-small": Log(
        "MovieLens ml-latest-small",
        "ml-latest-small",
        "movielens",
        {"factors": 128, "regularization": 30.0, "alpha": 10.0},
    ),
    "completejourney": Log(
        "Complete Journey",
        "completejourney",
        "complete-journey",
        {"factors": 64, "regularization": 30.0, "alpha": 10.0, "half_life_days": 90.0},
    ),
    "simulated": Log("A simulated shop", "", SIMULATED, {"factors": 64, "regularization": 10.0, "alpha": 3.0}),
}


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public logs")
    parser.add_argument("--workspace", type=Path, default=ROOT / "data" / "models-report")
    parser.add_argument("--logs", default=",".join(LOGS), help="names with commas between: " + ", ".join(LOGS))
    parser.add_argument("--period", choices=("validation", "test"), default="test", help="what lists are scored on")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose marked part is replaced")
    chosen = parser.parse_args()
    defaults, reports = get_settings(), {}
    for name in chosen.logs.split(","):
        started = time.monotonic()
        workspace = Workspace(chosen.workspace.resolve() / name)
        run_date = prepare(LOGS[name], chosen.data, workspace)
        reports[name] = report_on(LOGS[name], workspace, run_date, chosen.period, defaults)
        print(f"{name}: {round(time.monotonic() - started)} s", file=sys.stderr)
        draw(name, reports[name], chosen.page.parent / "images" / "lists")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"lists_{chosen.period}.json").write_bytes(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    write_between(chosen.page, BEGIN, END, page_text(reports))
    print(json.dumps({"page": str(chosen.page), "logs": list(reports)}))


def prepare(log: Log, data: Path, workspace: Workspace) -> str:
    """Land and build a log, or simulate it first; gives its last day."""
    workspace.folder.mkdir(parents=True, exist_ok=True)
    environment, source = workspace_environment(workspace, os.environ), data / log.path
    if not log.path:
        source = workspace.folder / "shop"
        if not source.exists():
            run_reco(environment, "simulate", "--out", str(source), *_SHOP)
    return build_marts(source, log.preset, workspace, environment)


def report_on(log: Log, workspace: Workspace, run_date: str, period: str, defaults: Settings) -> dict[str, Any]:
    """Fit the model, make the lists in every way, and score them.

    Args:
        log: what it is of.
        workspace: with its marts.
        run_date: its last day, ISO.
        period: "validation" or "test".
        defaults: [diversity] and [coverage] of this repository.
    """
    os.environ["RECO_CONFIG"] = str(workspace.config)
    settings = load_settings()
    get_settings.cache_clear()
    day = date.fromisoformat(run_date)
    marts = read_marts(settings.layout, day)
    tasks = make_tasks(marts, day, settings)[-1]
    task = tasks.test if period == "test" else tasks.validation
    own = {key: values[0] for key, values in settings.train.als.model_dump().items()}
    work = home_work(task, marts.items, own | log.parameters, settings)
    found = []
    for point in points(work, task, arms(defaults), settings):
        print(f"  {point['line']} {point['value']:g}: {point['loss']:+.1%} NDCG", file=sys.stderr)
        found.append(point)
    return {"title": log.title, "split": tasks.name, "period": period, "test_users": len(task.rows), "points": found}


def draw(name: str, report: Mapping[str, Any], images: Path) -> None:
    """Write both plots of a log: pages into benchmarks/results/lists, pictures beside the page."""
    images.mkdir(parents=True, exist_ok=True)
    who = f"{report['title']}; {report['test_users']:,} {report['period']} users, {report['split']} split"
    for across, lines in (("diversity", DIVERSITY_LINES), ("coverage", COVERAGE_LINES)):
        chart = tradeoff_chart(report["points"], across, lines, f"What {across} costs", who)
        picture = save_chart(chart, RESULTS / "lists", f"{name}-{across}")
        shutil.copyfile(picture, images / picture.name)


def page_text(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """What stands between the markers."""
    parts = ["## The defaults on three logs", defaults_table(reports)]
    for name, report in reports.items():
        parts += [
            f"## {report['title']}",
            _whose(report),
            points_table(report["points"]),
        ]
        parts += [f"![{across} on {name}](images/lists/{name}-{across}.png)" for across in ("diversity", "coverage")]
    return "\n\n".join(parts)


def _whose(report: Mapping[str, Any]) -> str:
    first = report["points"][0]
    on_sale, shown = f"{first['available']:,}", f"{first['countable']:,}"
    users, enough, quarter = (f"{count:,}" for count in (first["users"], first["eligible"], first["users"] * 10 // 4))
    return (
        f"{report['split']} split, {report['test_users']:,} {report['period']} users. Lists of {users} users; "
        f"{enough} have candidates of enough categories. Coverage is of {shown} items: {on_sale} are on sale, and a "
        f"quarter of the places is {quarter}."
    )


def defaults_table(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Before and after, a row a log."""
    head = ["", f"lists with diversity ≥ {DIVERSE}", "diversity", "coverage", "Gini", "NDCG@10", "NDCG lost"]
    rows = []
    for report in reports.values():
        first, last = report["points"][0], report["points"][-1]
        both = [f"{_share(first, key)} → {_share(last, key)}" for key in ("diverse_share", "diversity", "coverage")]
        both += [f"{first[key]:.{digits}f} → {last[key]:.{digits}f}" for key, digits in (("gini", 2), ("ndcg", 4))]
        rows.append([report["title"], *both, _lost(last)])
    return markdown_table(head, rows)


def points_table(found: Sequence[Mapping[str, Any]]) -> str:
    """All points of a log."""
    head = ["", "value", "diversity", f"lists ≥ {DIVERSE}", "coverage", "Gini", "NDCG@10", "NDCG lost"]
    rows = [
        [
            point["line"],
            f"{point['value']:g}" if point["value"] else "",
            f"{point['diversity']:.3f}",
            _share(point, "diverse_share"),
            _share(point, "coverage"),
            f"{point['gini']:.2f}",
            f"{point['ndcg']:.4f}",
            _lost(point),
        ]
        for point in found
    ]
    return markdown_table(head, rows)


def _share(point: Mapping[str, Any], key: str) -> str:
    return "–" if point[key] is None else f"{point[key]:.1%}"


def _lost(point: Mapping[str, Any]) -> str:
    return f"{point['loss']:+.1%} [{point['low']:+.1%}, {point['high']:+.1%}]"


if __name__ == "__main__":
    main()
