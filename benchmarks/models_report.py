"""Every model on three public logs: the tables and plots of docs/models.md.

Each log is landed and built in a workspace of its own below --workspace, where a second
run finds it; then `reco evaluate --models` runs there. What stands between the markers of
the page is replaced, and so are the pictures in docs/images/models.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobs.evaluation.evaluate_family import read_family
from jobs.evaluation.write_models_page import chosen_table, label_of, markdown_table, split_line, tables
from jobs.operations.demo_workspace import Workspace, workspace_environment, write_config
from reco_contracts.artifacts import Layout, replace_file

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- models-report: begin -->", "<!-- models-report: end -->"
SHOWN_PLOTS = ("accuracy-and-coverage", "accuracy-by-activity", "popularity-bias", "learning-curves")


class Log(NamedTuple):
    """A public log.

    Attributes:
        title: for people.
        path: below the folder of public logs.
        preset: what the demo would choose for it.
    """

    title: str
    path: str
    preset: str


LOGS = {
    "ml-latest-small": Log("MovieLens ml-latest-small, ratings of at least 4", "ml-latest-small", "movielens"),
    "completejourney": Log("Complete Journey, sample, purchases", "completejourney", "complete-journey"),
    "online-retail": Log(
        "Online Retail II, 2009–2010, purchases", "online-retail/online_retail_2009_2010.csv.gz", "online-retail"
    ),
}


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public logs")
    parser.add_argument("--workspace", type=Path, default=ROOT / "data" / "models-report")
    parser.add_argument("--trials", type=int, default=12, help="combinations of parameters tried of each model")
    parser.add_argument("--models", default="all", help="names with commas between")
    parser.add_argument("--logs", default=",".join(LOGS), help="names with commas between: " + ", ".join(LOGS))
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose marked part is replaced")
    chosen = parser.parse_args()
    reports, seconds = {}, {}
    for name in chosen.logs.split(","):
        started = time.monotonic()
        folder = report_on(LOGS[name], chosen.data, Workspace(chosen.workspace.resolve() / name), chosen)
        seconds[name] = round(time.monotonic() - started)
        reports[name] = read_family(folder)
        copy_plots(name, folder / "plots", chosen.page.parent / "images" / "models")
        print(f"{name}: {seconds[name]} s, {folder / 'models.md'}", file=sys.stderr)
    write_page(chosen.page, page_text(reports))
    print(json.dumps({"page": str(chosen.page), "seconds": seconds}))


def report_on(log: Log, data: Path, workspace: Workspace, chosen: argparse.Namespace) -> Path:
    """Land, build and evaluate one log; gives the folder of the report."""
    environment = workspace_environment(workspace, os.environ) | {"RECO_TUNE__TRIALS": str(chosen.trials)}
    run_date = build_marts(data / log.path, log.preset, workspace, environment)
    run_reco(environment, "evaluate", "--run-date", run_date, "--models", chosen.models)
    return Layout(workspace.folder).root / "reports" / str(run_date)


def build_marts(source: Path, preset: str, workspace: Workspace, environment: Mapping[str, str]) -> str:
    """Land a log and export its marts; gives its last day.

    Args:
        source: file or folder of the log.
        preset: settings of its kind.
        workspace: of the log; a second run finds there what the first one landed.
        environment: of the commands.
    """
    workspace.folder.mkdir(parents=True, exist_ok=True)
    write_config(workspace, preset)
    run_date: str = run_reco(environment, "import", str(source.resolve()))["last_event_date"]
    # Daily counters are cheap and the marts are rebuilt where something changed: a second run takes seconds.
    build = ("dbt", "build", "--exclude-resource-type", "unit_test", "--select", "tag:inputs", "--run-date", run_date)
    run_reco(environment, *build, is_json=False)
    run_reco(environment, "export-marts", "--run-date", run_date)
    return run_date


def run_reco(environment: Mapping[str, str], *arguments: str, is_json: bool = True) -> dict[str, Any]:
    """Run a command to its end; its progress goes to our terminal, its summary comes back."""
    output = run_reco_text(environment, *arguments, *(["--json"] if is_json else []))
    summary: dict[str, Any] = json.loads(output.rstrip().rpartition("\n")[2]) if is_json else {}
    return summary


def run_reco_text(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a command to its end; what it prints comes back."""
    command = [str(Path(sys.executable).with_name("reco")), *arguments]
    done = subprocess.run(command, env=dict(environment), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"`reco {arguments[0]}` ended with exit code {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def page_text(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """What stands between the markers."""
    parts = ["## In one table", overview(reports)]
    for name, report in reports.items():
        parts += [f"## {LOGS[name].title}", split_line(report), "### All items", *tables(report, "all_items")]
        if report["new_items_only"]:
            parts += ["### Only items that are new to the user", *tables(report, "new_items_only")]
        parts += ["### Chosen on validation", chosen_table(report)]
        parts += [f"- left out, {label_of(model)}: {why}" for model, why in report["refused"].items()]
        parts += [f"![{plot} on {name}](images/models/{name}-{plot}.png)" for plot in SHOWN_PLOTS]
    return "\n\n".join(parts)


def overview(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """NDCG of every model in every table; the best in bold, what is tied with it in italics."""
    columns = [(name, kind) for name in reports for kind in ("all_items", "new_items_only") if reports[name][kind]]
    models = dict.fromkeys(model for name, kind in columns for model in reports[name][kind]["models"])
    rows = [[label_of(model), *(_cell(reports[name][kind], model) for name, kind in columns)] for model in models]
    head = ["NDCG@10", *(f"{name}{', new items' if kind == 'new_items_only' else ''}" for name, kind in columns)]
    return (
        markdown_table(head, rows)
        + "\n\nBold: the best. Italic: tied with it, the interval of the difference contains 0."
    )


def _cell(table: Mapping[str, Any], model: str) -> str:
    if model not in table["models"]:
        return "–"
    value = f"{table['models'][model]['ndcg']['value']:.4f}"
    if model == table["best"]:
        return f"**{value}**"
    return f"*{value}*" if table["pairs"][model][table["best"]]["verdict"] == "tied" else value


def copy_plots(name: str, folder: Path, images: Path) -> None:
    """Put the plots that the page shows beside it."""
    images.mkdir(parents=True, exist_ok=True)
    for plot in SHOWN_PLOTS:
        shutil.copyfile(folder / f"{plot}.png", images / f"{name}-{plot}.png")


def write_page(page: Path, text: str) -> None:
    """Replace what stands between the markers."""
    write_between(page, BEGIN, END, text)


def write_between(page: Path, first: str, last: str, text: str) -> None:
    """Replace what stands between two lines of a page."""
    before, begin, rest = page.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        sys.exit(f"{page} lacks the lines {first} and {last}")
    with replace_file(page) as path:
        path.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}")


if __name__ == "__main__":
    main()
