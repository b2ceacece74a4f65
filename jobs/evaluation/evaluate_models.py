"""Choose parameters on a validation period, and score the choice beside popularity and what is live on the next."""

from datetime import date
from typing import Any

import msgspec
import polars as pl

from jobs.evaluation.compare_models import compare_models
from jobs.evaluation.evaluation_tasks import TOO_FEW, Marts, Tasks, make_tasks, new_items_task, read_marts
from jobs.evaluation.live_configuration import Configuration, live_configuration, refit_live
from jobs.evaluation.ranking_metrics import definitions
from jobs.evaluation.score_models import fit_model
from jobs.evaluation.search_models import Bounds, StartOf, choose_parameters, plain_trials
from jobs.evaluation.search_parameters import best_trial
from jobs.evaluation.study_store import StartsFor, no_starts, starts_from
from jobs.evaluation.training_due import describe_force, model_in_force
from jobs.models.table import BASELINE
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

EVALUATION_FILE = "evaluation.json"


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
        return describe_force(released, settings.train, layout)
    marts = read_marts(layout, run_date)
    live = live_configuration(layout)
    report = evaluate(*marts, run_date, settings, live, starts_from(layout, run_date, settings, live))
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
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    people: pl.DataFrame,
    run_date: date,
    settings: Settings,
    live: Configuration | None = None,
    starts: StartsFor = no_starts,
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
        live: the configuration whose place the candidate wants.
        starts: what earlier searches found.

    Returns:
        The report: plain values, equal for equal input.
    """
    rules = settings.evaluate
    splits = [
        _evaluate_split(tasks, settings, live, starts(tasks.name, tasks.validation))
        for tasks in make_tasks(Marts(interactions, items, people), run_date, settings)
    ]
    primary = splits[-1]
    return {
        "run_date": run_date.isoformat(),
        "model": settings.train.model,
        "baseline": BASELINE,
        "live": primary.get("live"),
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


def _evaluate_split(tasks: Tasks, settings: Settings, live: Configuration | None, start_of: StartOf) -> dict[str, Any]:
    report: dict[str, Any] = tasks.header | {"chosen": None, "verdict": TOO_FEW}
    if not tasks.is_scored:
        return report
    names = list(dict.fromkeys((settings.train.model, BASELINE)))
    studies = choose_parameters(names, tasks.validation, settings, Bounds(settings.tune.trials), start_of)
    chosen = {name: best_trial(studies[name]).parameters for name in names}
    live_model, said_of_live = refit_live(live, chosen, tasks.test, settings)
    models = {name: fit_model(name, chosen[name], tasks.test, settings) for name in names} | live_model
    report |= {
        "chosen": chosen,
        "live": said_of_live,
        "trials": {name: plain_trials(trials) for name, trials in studies.items()},
    } | compare_models(models, tasks.test, tasks.categories, settings)
    new_items = new_items_task(tasks.test, settings)
    if new_items:
        report["new_items_only"] = {"test_users": len(new_items.rows)} | compare_models(
            models, new_items, tasks.categories, settings
        )
    return report if tasks.is_enough else report | {"verdict": TOO_FEW}
