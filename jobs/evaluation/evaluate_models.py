"""Choose parameters on a validation period, and score the choice beside popularity on the next period."""

from datetime import date
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.evaluation.ranking_metrics import definitions
from jobs.evaluation.ranking_task import make_task, only_new_items
from jobs.evaluation.score_models import best_parameters, compare_models, fit_model, search_grid
from jobs.evaluation.split_interactions import GLOBAL, Fold, Split, split_globally, split_per_user
from jobs.evaluation.training_due import describe_force, model_in_force
from jobs.models.table import BASELINE
from jobs.ranking.interaction_matrix import index_of
from jobs.warehouse.hold_exports import reading_exports
from jobs.warehouse.read_marts import read_interactions, read_items, read_users
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

EVALUATION_FILE = "evaluation.json"
SCORED = "scored"
TOO_FEW = "too few"


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Evaluate on the log up to the run date and write evaluation.json.

    Returns:
        The report, equal for equal input. On a day without training nothing is written, and
        what `training_due.describe_force` says comes instead.

    Raises:
        EmptyPartitionError: the marts are not exported, or hold nothing up to the run date.
        ConfigError: train.model names no model.
    """
    layout = settings.layout
    released = model_in_force(layout, run_date, settings.train)
    if released:
        return describe_force(released, settings.train)
    with reading_exports(layout):  # of one export, all of them
        history, items, people = read_interactions(layout, run_date), read_items(layout), read_users(layout)
    report = evaluate(history, items, people, run_date, settings)
    with replace_file(layout.report(run_date) / EVALUATION_FILE) as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    return report


def read_evaluation(layout: Layout, run_date: date) -> dict[str, Any]:
    """The report of a run date.

    Raises:
        EmptyPartitionError: there is none.
    """
    path = layout.report(run_date) / EVALUATION_FILE
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco evaluate --run-date {run_date}` first")
    report: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return report


def evaluate(
    interactions: pl.DataFrame, items: pl.DataFrame, people: pl.DataFrame, run_date: date, settings: Settings
) -> dict[str, Any]:
    """Run the whole protocol.

    The global split counts if both its periods have enough warm users; otherwise
    it is reported as "too few", and the per-user split stands beside it.

    Args:
        interactions: fct_interactions up to the run date.
        items: dim_items, sorted by id.
        people: dim_users.
        run_date: the last day of the test period.
        settings: all settings.

    Returns:
        The report: plain values, equal for equal input.
    """
    rules = settings.evaluate
    split = split_globally(interactions, run_date, rules.validation_days, rules.test_days)
    splits = [_evaluate_split(split, items, people, settings)]
    if splits[0]["status"] == TOO_FEW:
        splits.append(_evaluate_split(split_per_user(interactions, run_date), items, people, settings))
    primary = splits[-1]
    return {
        "run_date": run_date.isoformat(),
        "model": settings.train.model,
        "baseline": BASELINE,
        "k": rules.k,
        "seed": settings.train.seed,
        "exclude_seen": settings.surfaces.home.exclude_seen,
        "min_warm_users": rules.min_warm_users,
        "primary_split": primary["name"],
        "chosen": primary["chosen"],
        "verdict": primary["verdict"],
        "sentence": verdict_sentence(primary, settings),
        "splits": splits,
        "definitions": definitions(rules.k),
    }


def verdict_sentence(split: dict[str, Any], settings: Settings) -> str:
    """The outcome of a split in plain words."""
    model, k = settings.train.model, settings.evaluate.k
    if split["verdict"] == TOO_FEW:
        found = min(split["warm_users"].values())
        return f"Too few warm users to say anything: {found}, at least {settings.evaluate.min_warm_users} are needed"
    if model == BASELINE:
        return f"{BASELINE} is the opponent itself, so there is nothing that it could beat"
    gain = split["difference"]["ndcg"]
    numbers = f"NDCG@{k} {gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}], {split['name']} split"
    words = {
        "beats": f"{model} beats {BASELINE}: {numbers}",
        "tied": f"{model} does NOT beat {BASELINE}, they are tied: {numbers}",
        "loses": f"{model} does NOT beat {BASELINE}, it is worse: {numbers}",
    }
    return words[split["verdict"]]


def _evaluate_split(split: Split, items: pl.DataFrame, people: pl.DataFrame, settings: Settings) -> dict[str, Any]:
    exclude_seen = settings.surfaces.home.exclude_seen
    validation, test = (make_task(fold, items, people, exclude_seen) for fold in (split.validation, split.test))
    least = min(len(validation.rows), len(test.rows))
    is_enough = least >= settings.evaluate.min_warm_users
    report: dict[str, Any] = {
        "name": split.name,
        "status": SCORED if is_enough else TOO_FEW,
        "warm_users": {"validation": len(validation.rows), "test": len(test.rows)},
        "periods": _periods(split),
        "chosen": None,
        "verdict": TOO_FEW,
    }
    # A handful of users proves nothing, but where there is no better split it still chooses better than nobody.
    if least == 0 or (split.name == GLOBAL and not is_enough):
        return report
    names = dict.fromkeys((settings.train.model, BASELINE))
    grids = {name: search_grid(name, validation, settings) for name in names}
    chosen = {name: best_parameters(grid) for name, grid in grids.items()}
    models = {name: fit_model(name, parameters, test, settings) for name, parameters in chosen.items()}
    categories = _category_codes(items)
    report |= {"chosen": chosen, "validation_grid": grids} | compare_models(models, test, categories, settings)
    new_items = only_new_items(test)
    if exclude_seen != "forever" and len(new_items.rows):
        report["new_items_only"] = {"test_users": len(new_items.rows)} | compare_models(
            models, new_items, categories, settings
        )
    return report if is_enough else report | {"verdict": TOO_FEW}


def _periods(split: Split) -> dict[str, Any]:
    return {
        "train": _span(split.validation.history, None),
        "validation": _span(split.validation.target, split.validation),
        "test": _span(split.test.target, split.test),
    }


def _span(rows: pl.DataFrame, fold: Fold | None) -> dict[str, Any]:
    """Planned days where everybody has the same, else the days that occur."""
    first, last = (fold.first_day, fold.last_day) if fold else (None, None)
    days = rows["event_date"]
    first, last = first or days.min(), last or days.max()  # type: ignore[assignment]
    return {
        "first_day": first.isoformat() if first else None,
        "last_day": last.isoformat() if last else None,
        "interactions": len(rows),
    }


def _category_codes(items: pl.DataFrame) -> npt.NDArray[np.int32]:
    names = items["diversity_category"]
    return index_of(names, names.drop_nulls().unique().sort())
