"""Every model on one cut: chosen on validation, scored on test, each compared with every other."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from jobs.evaluation.compare_models import by_activity, compare_all, compare_scored, exposure_curves
from jobs.evaluation.evaluation_tasks import Tasks, make_tasks, new_items_task, read_marts
from jobs.evaluation.ranking_metrics import definitions
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import NEW_ITEMS_NDCG, Scored, fit_model, score_model
from jobs.evaluation.search_models import Bounds, choose_parameters, fixed_parameters, plain_trials
from jobs.evaluation.search_parameters import Trial, best_trial
from jobs.evaluation.study_store import no_starts, starts_from
from jobs.evaluation.write_models_page import models_page
from jobs.models.base import Model
from jobs.models.table import BASELINE, MODELS
from jobs.progress import track
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

MODELS_FILE: Final = "models.json"
PAGE_FILE: Final = "models.md"
# Shares of the training interactions that the learning curve is drawn through.
_SHARES = (0.25, 0.5, 0.75)


def run(run_date: date, settings: Settings, names: Sequence[str] = ()) -> dict[str, Any]:
    """Evaluate models on the log up to the run date; write models.json, models.md and the plots.

    Args:
        run_date: the last day of the test period.
        settings: all settings.
        names: of the models; none = all. Popularity is always among them.

    Raises:
        EmptyPartitionError: the marts are not exported, or no user can be scored.
        ConfigError: a name is unknown.
    """
    from jobs.evaluation.plot_models import plot_report

    layout = settings.layout
    tasks = make_tasks(read_marts(layout, run_date), run_date, settings)
    report = evaluate_family(tasks, run_date, settings, names or tuple(MODELS), layout)
    folder = layout.report(run_date)
    with replace_file(folder / MODELS_FILE) as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    plots = plot_report(report, folder / "plots")
    with replace_file(folder / PAGE_FILE) as path:
        path.write_text(models_page(report, [plot.relative_to(folder) for plot in plots]))
    return report


def read_family(folder: Path) -> dict[str, Any]:
    """The report in a folder.

    Raises:
        EmptyPartitionError: there is none.
    """
    path = folder / MODELS_FILE
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco evaluate --models all` for that run date first")
    report: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return report


def evaluate_family(
    tasks: Sequence[Tasks], run_date: date, settings: Settings, names: Sequence[str], layout: Layout | None = None
) -> dict[str, Any]:
    """Run the protocol for several models on the split that counts.

    Args:
        tasks: as `make_tasks` gives them; the last one counts.
        run_date: the last day of the test period.
        settings: all settings.
        names: of the models.
        layout: where earlier searches are; None = they do not count.

    Returns:
        The report: plain values. Models that cannot be fitted stand in `refused` with the reason.

    Raises:
        EmptyPartitionError: no user can be scored.
    """
    split = tasks[-1]
    if not split.is_scored:
        raise EmptyPartitionError(f"nobody to score up to {run_date}: warm users {split.header['warm_users']}")
    starts = starts_from(layout, run_date, settings, None) if layout else no_starts
    refused: dict[str, str] = {}
    searched = dict.fromkeys((*names, BASELINE))
    bounds = Bounds(settings.tune.trials)
    start_of = starts(split.name, split.validation)
    studies = choose_parameters(
        list(searched),
        split.validation,
        settings,
        bounds,
        start_of,
        refused=refused,
        new_items=new_items_task(split.validation, settings),
    )
    chosen = {name: best_trial(studies[name]).parameters for name in searched if name in studies}
    models, seconds = _fit_all(chosen, split.test, settings)
    table = _table(models, split.test, split, settings)
    report = split.header | {
        "run_date": run_date.isoformat(),
        "other_splits": [other.header for other in tasks[:-1]],
        "k": settings.evaluate.k,
        "seed": settings.train.seed,
        "exclude_seen": settings.surfaces.home.exclude_seen,
        "baseline": BASELINE,
        "chosen": chosen,
        "refused": refused,
        "seconds": seconds,
        "trials": {name: _timed(trials) for name, trials in studies.items()},
        "all_items": table,
        "new_items_only": None,
        "chosen_new_items": None,
        "learning": _learning_curves(chosen, split.test, table["models"], settings),
        "definitions": definitions(settings.evaluate.k),
    }
    new_items = new_items_task(split.test, settings)
    if new_items:
        report["chosen_new_items"] = again = _chosen_on_new_items(studies, list(chosen), settings)
        changed = {name: parameters for name, parameters in again.items() if parameters != chosen[name]}
        models |= _fit_all(changed, split.test, settings)[0]
        report["new_items_only"] = _table(models, new_items, split, settings)
    return report


def _chosen_on_new_items(
    studies: Mapping[str, Sequence[Trial]], names: Sequence[str], settings: Settings
) -> dict[str, dict[str, Any]]:
    """The best of the same trials by their score on new items; components too, each by its own."""
    best = {name: best_trial(trials, NEW_ITEMS_NDCG).parameters for name, trials in studies.items()}
    return {name: {**best[name], **fixed_parameters(name, best, settings)} for name in names}


def _fit_all(
    chosen: Mapping[str, Mapping[str, Any]], task: RankingTask, settings: Settings
) -> tuple[dict[str, Model], dict[str, float]]:
    models, seconds = {}, {}
    for name, parameters in track(chosen.items(), "Fit models before the cut", len(chosen)):
        started = time.monotonic()
        models[name] = fit_model(name, parameters, task, settings)
        seconds[name] = round(time.monotonic() - started, 2)
    return models, seconds


def _table(models: Mapping[str, Model], task: RankingTask, split: Tasks, settings: Settings) -> dict[str, Any]:
    scored: dict[str, Scored] = {
        name: score_model(model, task, settings)
        for name, model in track(models.items(), "Score models after the cut", len(models))
    }
    metrics = compare_scored(scored, task, split.categories, settings)["models"]
    best = max(metrics, key=lambda name: metrics[name]["ndcg"]["value"])
    return {
        "test_users": len(task.rows),
        "best": best,
        "models": dict(sorted(metrics.items(), key=lambda item: -item[1]["ndcg"]["value"])),
        "pairs": compare_all(scored, settings),
        "segments": by_activity(scored, task, settings),
        "exposure": exposure_curves(scored, task),
    }


def _learning_curves(
    chosen: Mapping[str, Mapping[str, Any]],
    task: RankingTask,
    metrics: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> dict[str, list[dict[str, float]]]:
    """NDCG on the same test users, of models that saw a random share of the interactions; the last point is known."""
    order = np.random.default_rng(settings.train.seed).random(len(task.known.users))
    curves: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    steps = [(share, name) for share in _SHARES for name in chosen]
    for share, name in track(steps, "Draw learning curves", len(steps)):
        part = _thinned(task, order < share)
        ndcg = score_model(fit_model(name, chosen[name], part, settings), part, settings).per_user[:, 0].mean()
        curves[name].append({"share": share, "interactions": len(part.known.users), "ndcg": float(ndcg)})
    for name, curve in curves.items():
        whole = metrics[name]["ndcg"]["value"]
        curve.append({"share": 1.0, "interactions": len(task.known.users), "ndcg": whole})
    return curves


def _thinned(task: RankingTask, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> RankingTask:
    known = task.known
    arrays = {name: getattr(known, name)[rows] for name in ("users", "items", "age_days", "weights", "is_consumed")}
    return replace(task, known=replace(known, **arrays))


def _timed(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    return [{**plain, "seconds": trial.seconds} for plain, trial in zip(plain_trials(trials), trials, strict=True)]
