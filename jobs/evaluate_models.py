"""Choose parameters on a validation period, and score the choice beside popularity on the next period."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.fill_lists import fill_short_lists
from jobs.models.base import Model
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.models.table import BASELINE, model_class
from jobs.progress import progress_bar
from jobs.ranking_metrics import ACCURACY, accuracy, bootstrap_means, coverage, definitions, diversity, interval, verdict
from jobs.ranking_task import RankingTask, make_task, only_new_items
from jobs.read_marts import read_interactions, read_items
from jobs.split_interactions import Split, split_globally, split_per_user
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import DIM_ITEMS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

EVALUATION_FILE = "evaluation.json"
TOO_FEW = "too few"


class Scored(NamedTuple):
    """One model's lists on one task.

    Attributes:
        items: int32, shape (n, k), filled as they would be published.
        per_user: float64, shape (n, 3), the columns of ranking_metrics.ACCURACY.
    """

    items: npt.NDArray[np.int32]
    per_user: npt.NDArray[np.float64]


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Evaluate on the log up to the run date and write evaluation.json.

    Raises:
        EmptyPartitionError: the marts are not exported, or hold nothing up to the run date.
        ConfigError: train.model names no model.
    """
    layout = settings.layout
    report = evaluate(read_interactions(layout, run_date), read_items(layout), run_date, settings)
    path = layout.report(run_date) / EVALUATION_FILE
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    return {**report, "report": str(path)}


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


def evaluate(interactions: pl.DataFrame, items: pl.DataFrame, run_date: date, settings: Settings) -> dict[str, Any]:
    """Run the whole protocol.

    The global split counts if both its periods have enough warm users; otherwise
    it is reported as "too few" and the per-user split stands beside it.

    Args:
        interactions: fct_interactions up to the run date.
        items: dim_items, sorted by id.
        run_date: the last day of the test period.
        settings: all settings.

    Returns:
        The report, plain values only, equal for equal input.
    """
    rules = settings.evaluate
    splits = [split_globally(interactions, run_date, rules.validation_days, rules.test_days)]
    reports = [_evaluate_split(splits[0], interactions, items, settings)]
    if reports[0]["status"] == TOO_FEW:
        splits.append(split_per_user(interactions, run_date))
        reports.append(_evaluate_split(splits[1], interactions, items, settings))
    primary = reports[-1]
    return {
        "run_date": run_date.isoformat(),
        "model": settings.train.model,
        "baseline": BASELINE,
        "k": rules.k,
        "seed": settings.train.seed,
        "exclude_seen": settings.surfaces.home.exclude_seen,
        "primary_split": primary["name"],
        "chosen": primary["chosen"],
        "verdict": primary["verdict"],
        "sentence": _sentence(primary, settings),
        "splits": reports,
        "definitions": definitions(rules.k),
    }


def _evaluate_split(split: Split, interactions: pl.DataFrame, items: pl.DataFrame, settings: Settings) -> dict[str, Any]:
    validation = make_task(split.validation, items, settings.surfaces.home.exclude_seen)
    test = make_task(split.test, items, settings.surfaces.home.exclude_seen)
    n_least = min(len(validation.rows), len(test.rows))
    is_enough = n_least >= settings.evaluate.min_warm_users
    report: dict[str, Any] = {
        "name": split.name,
        "status": "scored" if is_enough else TOO_FEW,
        "warm_users": {"validation": len(validation.rows), "test": len(test.rows)},
        "min_warm_users": settings.evaluate.min_warm_users,
        "periods": _periods(split, interactions),
        "chosen": None,
        "verdict": TOO_FEW,
    }
    # Few users give no verdict; on the last resort they still choose better than nothing.
    if not is_enough and (split.name == "global" or n_least == 0):
        return report
    names = list(dict.fromkeys((settings.train.model, BASELINE)))
    grids = {name: _search(name, validation, settings) for name in names}
    chosen = {name: _best(grid) for name, grid in grids.items()}
    report |= {"chosen": chosen, "validation_grid": grids}
    report |= _compare(test, chosen, items, settings)
    if settings.surfaces.home.exclude_seen != "forever":
        report["new_items_only"] = _compare(only_new_items(test), chosen, items, settings)
    if not is_enough:
        report["verdict"] = TOO_FEW
    return report


def _search(name: str, task: RankingTask, settings: Settings) -> list[dict[str, Any]]:
    grid = model_class(name).grid(settings.train)
    results = []
    with progress_bar(f"Search {name} parameters", len(grid)) as advance:
        for parameters in grid:
            means = _score(name, parameters, task, settings).per_user.mean(axis=0)
            results.append({"parameters": parameters} | dict(zip(ACCURACY, means.tolist(), strict=True)))
            advance()
    return results


def _best(grid: list[dict[str, Any]]) -> dict[str, Any]:
    """The parameters with the best NDCG; the first of equals."""
    best: dict[str, Any] = max(grid, key=lambda result: result["ndcg"])["parameters"]
    return best


def _score(name: str, parameters: Mapping[str, Any], task: RankingTask, settings: Settings) -> Scored:
    model = model_class(name).create(parameters, settings.train.seed, settings.train.threads)
    model.fit(task.known)
    lists = model.recommend(
        model.histories(task.known)[task.rows], settings.evaluate.k, task.blocked, task.candidates
    )
    popularity = popularity_scores(task.known, settings.surfaces.popular.windows_days[0])
    filled, _ = fill_short_lists(lists, popularity_order(popularity, task.candidates), popularity, task.blocked)
    return Scored(filled.items, accuracy(filled.items, task.truth))


def _compare(
    task: RankingTask, chosen: Mapping[str, Mapping[str, Any]], items: pl.DataFrame, settings: Settings
) -> dict[str, Any]:
    if len(task.rows) == 0:
        return {"test_users": 0, "verdict": TOO_FEW}
    scored = {name: _score(name, parameters, task, settings) for name, parameters in chosen.items()}
    width = len(ACCURACY)
    means = bootstrap_means(
        np.column_stack([one.per_user for one in scored.values()]),
        settings.evaluate.bootstrap_samples,
        settings.train.seed,
    )
    categories = items["diversity_category"].cast(pl.Categorical).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    models = {}
    draws = {name: means[:, place * width : (place + 1) * width] for place, name in enumerate(scored)}
    for name, one in scored.items():
        covered = coverage(one.items, int(task.candidates.sum()))
        models[name] = _with_intervals(one.per_user.mean(axis=0), draws[name]) | {
            "coverage": {
                "value": covered.value,
                "distinct_items": covered.distinct_items,
                "denominator": covered.denominator,
                "is_bounded_by_users": covered.is_bounded_by_users,
            },
            "diversity": {"value": diversity(one.items, categories)},
        }
    model, opponent = settings.train.model, BASELINE
    difference = _with_intervals(
        (scored[model].per_user - scored[opponent].per_user).mean(axis=0), draws[model] - draws[opponent]
    )
    return {
        "test_users": len(task.rows),
        "models": models,
        "difference": difference,
        "verdict": verdict(difference["ndcg"]["low"], difference["ndcg"]["high"]),
    }


def _with_intervals(values: npt.NDArray[np.float64], draws: npt.NDArray[np.float64]) -> dict[str, dict[str, float]]:
    result = {}
    for place, metric in enumerate(ACCURACY):
        low, high = interval(draws[:, place])
        result[metric] = {"value": float(values[place]), "low": low, "high": high}
    return result
