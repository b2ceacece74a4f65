"""How exact the reasons of each model are, and examples on real users: what docs/explanations.md shows.

`python -m benchmarks.explanations --data ml-latest-small` (`make explanations DATA=...`) lands and builds
the log in a workspace of its own, trains a few models there, asks `reco explain`, and replaces what stands
between the marks of the page.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.cold_start import replace_tables
from benchmarks.models_report import run_reco, run_reco_text
from jobs.evaluation.write_models_page import markdown_table
from jobs.models.base import Asked
from jobs.models.table import MODELS, default_parameters
from jobs.operations.demo_workspace import Workspace, workspace_environment, write_config
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from jobs.ranking.training_data import training_data
from jobs.warehouse.read_marts import read_exposure, read_interactions, read_items, read_users
from reco_contracts.artifacts import Layout
from reco_contracts.train_settings import TrainSection

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "explanations.md"
_K: Final = 20
_SEED: Final = 20
_BLOCK_USERS: Final = 32
_COLUMNS: Final = "116"


@dataclass(frozen=True, slots=True)
class Example:
    """A question to `reco explain`.

    Attributes:
        title: what it shows.
        model: that ranked.
        user: id.
        item: id; or the reason whose first item in the list is taken; None = the whole list.
        lines: of the answer that the page shows, at most.
    """

    title: str
    model: str
    user: str
    item: str | None = None
    lines: int = 60


EXAMPLES: Final = (
    Example("A list", "als", "10", lines=34),
    Example("An item of it, with all that its score is made of", "als", "10", "260"),
    Example("Ranked too low", "als", "10", "1", lines=16),
    Example("Seen", "als", "10", "318", lines=14),
    Example("A new item in a reserved place", "als", "10", "new", lines=14),
    Example("No such item", "als", "10", "tt0114709"),
    Example("Another user's list", "als", "53", lines=34),
    Example("The same user by the users who are alike", "user_neighbours", "53", "first", lines=24),
    Example("A hybrid: kinds of sources", "hybrid", "10", "first"),
    Example("A hybrid's list", "hybrid", "53", lines=34),
)


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of ml-latest-small")
    parser.add_argument("--workspace", type=Path, default=ROOT / "data" / "explanations")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose marked parts are replaced")
    parser.add_argument("--models", default=",".join(MODELS), help="of the table of exactness, with commas between")
    chosen = parser.parse_args()
    workspace = Workspace(chosen.workspace.resolve())
    environment, run_date = build(workspace, chosen.data)
    rows = list(exactness(Layout(workspace.folder), run_date, chosen.models.split(",")))
    parts = {"exactness": markdown_table(list(rows[0]), [list(map(str, row.values())) for row in rows]) + "\n"}
    parts["examples"] = "\n\n".join(examples(environment, run_date)) + "\n"
    replace_tables(chosen.page, parts)
    print(json.dumps({"page": str(chosen.page), "exactness": rows}))


def build(workspace: Workspace, data: Path) -> tuple[dict[str, str], date]:
    """Land the log and export the marts; gives the environment of the commands, and the run date."""
    workspace.folder.mkdir(parents=True, exist_ok=True)
    write_config(workspace, "movielens")
    environment = workspace_environment(workspace, os.environ) | {
        "RECO_SURFACES__HOME__K": str(_K),
        "RECO_GATE__MODE": "warn",
        "RECO_TUNE__TRIALS": "1",
        "RECO_REDIS__URL": "redis://127.0.0.1:1/0",
        "COLUMNS": _COLUMNS,
    }
    run_date = date.fromisoformat(run_reco(environment, "import", str(data.resolve()))["last_event_date"])
    day = ("--run-date", str(run_date))
    command = ("dbt", "build", "--exclude-resource-type", "unit_test", "--select", "tag:inputs", *day)
    run_reco(environment, *command, is_json=False)
    run_reco(environment, "export-marts", *day)
    return environment, run_date


def exactness(layout: Layout, run_date: date, names: list[str]) -> Iterator[dict[str, Any]]:
    """How far the contributors of each listed item are from its score, for models with their default parameters."""
    history, items, people = read_interactions(layout, run_date), read_items(layout), read_users(layout)
    _, data = training_data(history, items, people, run_date, read_exposure(layout, run_date))
    for name in names:
        model = MODELS[name].create(default_parameters(name, TrainSection()), _SEED, 0)
        model.fit(data)
        asked = Asked(_K, blocked_matrix(data, "forever"))
        away, scale = _deviations(model, data, asked)
        yield {
            "model": name,
            "claims exactness": "yes" if model.is_exact else "no",
            "items": f"{len(away):,}",
            "largest difference": f"{away.max():.1e}",
            "of the score, or of 1": f"{(away / scale).max():.1e}",
        }


def _deviations(model: Any, data: Interactions, asked: Asked) -> tuple[Any, Any]:
    """How far all contributors of each listed item together are from its score, and the larger of the score and 1."""
    longest = int(np.bincount(data.users).max()) + 10
    differences, scores = [], []
    for start in range(0, data.n_users, _BLOCK_USERS):
        rows = np.arange(start, min(start + _BLOCK_USERS, data.n_users))
        people, part = data.of_users(rows), Asked(asked.k, None if asked.blocked is None else asked.blocked[rows])
        lists = model.recommend(people, *part)
        found = model.explain(people, lists.items, longest, part)
        used = lists.items >= 0
        differences.append((found.contributions.sum(axis=2, dtype=np.float64) - lists.scores)[used])
        scores.append(lists.scores[used])
    scale = np.abs(np.concatenate(scores).astype(np.float64))
    return np.abs(np.concatenate(differences)), np.maximum(scale, 1.0)


def examples(environment: Mapping[str, str], run_date: date) -> Iterator[str]:
    """Each example as Markdown: the question and the answer."""
    generations: dict[str, str] = {}
    for number, one in enumerate(EXAMPLES, start=1):
        if one.model not in generations:
            generations[one.model] = ranked(environment | {"RECO_TRAIN__MODEL": one.model}, run_date)
        place = ("-g", generations[one.model])
        item = _item_of(environment, one, place)
        question = ["explain", one.user, *([item] if item else [])]
        lines = run_reco_text(environment, *question, *place).rstrip().splitlines()
        if len(lines) > one.lines:
            lines = [*lines[: one.lines], "..."]
        answer = "\n".join(line.rstrip() for line in lines)
        yield f"### {number}. {one.title} ({one.model})\n\n```console\n$ reco {' '.join(question)}\n{answer}\n```"


def ranked(environment: Mapping[str, str], run_date: date) -> str:
    """Evaluate, train and rank; gives the generation."""
    day = ("--run-date", str(run_date))
    run_reco(environment, "evaluate", *day)
    version = run_reco(environment, "train", *day)["model_version"]
    return str(run_reco(environment, "rank", *day, "--model", version)["generation"])


def _item_of(environment: Mapping[str, str], one: Example, place: tuple[str, ...]) -> str | None:
    if one.item not in ("first", "new"):
        return one.item
    listed = run_reco(environment, "explain", one.user, *place)["items"]
    chosen = [entry for entry in listed if one.item == "first" or entry["code"].startswith("new")]
    if not chosen:
        sys.exit(f"the list of user {one.user} by {one.model} has no item {one.item!r} to show")
    return str(chosen[0]["item_id"])


if __name__ == "__main__":
    main()
