"""Fit models on what a cut lets them know, and score their lists on what came after."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.evaluation.ranking_metrics import ACCURACY, accuracy, bootstrap_means, coverage, diversity, interval, verdict
from jobs.evaluation.ranking_task import RankingTask
from jobs.models.base import Model
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.models.table import model_class
from jobs.progress import progress_bar
from jobs.ranking.fill_lists import fill_short_lists
from reco_contracts.settings import Settings

_Floats = npt.NDArray[np.float64]


class Scored(NamedTuple):
    """One model's lists on one task.

    Attributes:
        items: int32, shape (n, k), filled as they would be published.
        per_user: float64, shape (n, 3), the columns of ranking_metrics.ACCURACY.
    """

    items: npt.NDArray[np.int32]
    per_user: _Floats


def fit_model(name: str, parameters: Mapping[str, Any], task: RankingTask, settings: Settings) -> Model:
    """A model fitted on the history of a task."""
    model = model_class(name).create(parameters, settings.train.seed, settings.train.threads)
    model.fit(task.known)
    return model


def search_grid(name: str, task: RankingTask, settings: Settings) -> list[dict[str, Any]]:
    """Score every entry of a model's grid.

    Args:
        name: of the model.
        task: the validation period.
        settings: [train] and [evaluate].

    Returns:
        One mapping an entry, in order: `parameters` and the mean of each metric.
    """
    space = model_class(name).search_space(settings.train)
    grid = [dict(zip(space, values, strict=True)) for values in product(*space.values())]
    results = []
    with progress_bar(f"Search {name} parameters", len(grid)) as advance:
        for parameters in grid:
            scored = score_model(fit_model(name, parameters, task, settings), task, settings)
            means = scored.per_user.mean(axis=0).tolist()
            results.append({"parameters": parameters} | dict(zip(ACCURACY, means, strict=True)))
            advance()
    return results


def best_parameters(grid: list[dict[str, Any]]) -> dict[str, Any]:
    """The parameters with the best NDCG; the first of equals."""
    best: dict[str, Any] = max(grid, key=lambda result: result["ndcg"])["parameters"]
    return best


def score_model(model: Model, task: RankingTask, settings: Settings) -> Scored:
    """Make the lists that would be published, and score them."""
    lists = model.recommend(task.known.of_users(task.rows), settings.evaluate.k, task.blocked, task.candidates)
    popularity = popularity_scores(task.known, settings.surfaces.popular.windows_days[0])
    filled = fill_short_lists(lists, popularity_order(popularity, task.candidates), popularity, task.blocked)
    return Scored(filled.items, accuracy(filled.items, task.truth))


def compare_models(
    models: Mapping[str, Model],
    task: RankingTask,
    categories: npt.NDArray[np.int32],
    settings: Settings,
) -> dict[str, Any]:
    """Score models on the same users, and say whether the first beats the last.

    Args:
        models: fitted; the candidate first, its opponent last.
        task: the test period; at least one user.
        categories: int32, shape (n_items,), the category that diversity counts; -1 = none.
        settings: [evaluate] and [train].

    Returns:
        Metrics with intervals for each model, their difference, and the verdict.
    """
    scored = [score_model(model, task, settings) for model in models.values()]
    width = len(ACCURACY)
    rules = settings.evaluate
    draws = bootstrap_means(
        np.column_stack([one.per_user for one in scored]), rules.bootstrap_samples, settings.train.seed
    ).reshape(rules.bootstrap_samples, len(scored), width)
    n_available = int(task.candidates.sum())
    difference = _with_intervals(
        (scored[0].per_user - scored[-1].per_user).mean(axis=0), draws[:, 0, :] - draws[:, -1, :]
    )
    return {
        "models": {
            name: _with_intervals(one.per_user.mean(axis=0), draws[:, place, :])
            | {"coverage": coverage(one.items, n_available), "diversity": diversity(one.items, categories)}
            for place, (name, one) in enumerate(zip(models, scored, strict=True))
        },
        "difference": difference,
        "verdict": verdict(difference["ndcg"]["low"], difference["ndcg"]["high"]),
    }


def _with_intervals(values: _Floats, draws: _Floats) -> dict[str, Any]:
    result = {}
    for place, metric in enumerate(ACCURACY):
        low, high = interval(draws[:, place])
        result[metric] = {"value": float(values[place]), "low": low, "high": high}
    return result
