"""Score fitted models on the same users, with intervals and paired differences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.evaluation.list_metrics import (
    activity_segments,
    cold_share,
    exposure_by_popularity,
    exposure_of,
    gini,
    novelty,
    user_counts,
)
from jobs.evaluation.ranking_metrics import ACCURACY, bootstrap_means, coverage, diversity, interval, verdict
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import Scored, score_model
from jobs.models.base import Model
from jobs.models.table import BASELINE
from reco_contracts.settings import Settings

_Floats = npt.NDArray[np.float64]
PAIRED = ("ndcg", "recall")


def compare_models(
    models: Mapping[str, Model],
    task: RankingTask,
    categories: npt.NDArray[np.int32],
    settings: Settings,
) -> dict[str, Any]:
    """Score models on the same users, and say whether the first beats popularity.

    Args:
        models: fitted; the candidate first, popularity among them.
        task: the test period; at least one user.
        categories: int32, shape (n_items,), the category that diversity counts; -1 = none.
        settings: [evaluate] and [train].

    Returns:
        Metrics with intervals for each model, the `differences` of the first from each other one,
        the `difference` from popularity, and the verdict on that.
    """
    scored = {label: score_model(model, task, settings) for label, model in models.items()}
    return compare_scored(scored, task, categories, settings)


def compare_scored(
    scored: Mapping[str, Scored],
    task: RankingTask,
    categories: npt.NDArray[np.int32],
    settings: Settings,
    opponent: str = BASELINE,
) -> dict[str, Any]:
    """As `compare_models`, of lists that are made already, with any opponent."""
    draws = _draws(scored, settings)
    first, *others = scored
    differences = {other: _difference(scored, draws, first, other) for other in others}
    difference = _difference(scored, draws, first, opponent)
    return {
        "models": {
            label: _with_intervals(one.per_user.mean(axis=0), draws[label])
            | describe_lists(one.items, task, categories)
            for label, one in scored.items()
        },
        "difference": difference,
        "differences": differences,
        "verdict": _verdict(difference),
    }


def describe_lists(
    items: npt.NDArray[np.int32], task: RankingTask, categories: npt.NDArray[np.int32]
) -> dict[str, Any]:
    """What lists are like apart from being right."""
    counts = user_counts(task.known)
    return {
        "coverage": coverage(items, int(task.candidates.sum())),
        "diversity": diversity(items, categories),
        "novelty": novelty(items, counts, task.known.n_users),
        "gini": gini(items, task.candidates),
        "cold_share": cold_share(items, counts),
    }


def compare_all(scored: Mapping[str, Scored], settings: Settings) -> dict[str, dict[str, dict[str, Any]]]:
    """Every model against every other: paired differences with intervals, and the verdict on NDCG.

    Returns:
        first -> second -> `ndcg`, `recall` and `verdict` of first minus second.
    """
    draws = _draws(scored, settings)
    pairs: dict[str, dict[str, dict[str, Any]]] = {}
    for first in scored:
        pairs[first] = {}
        for second in scored:
            if first != second:
                difference = _difference(scored, draws, first, second)
                pairs[first][second] = {key: difference[key] for key in PAIRED} | {"verdict": _verdict(difference)}
    return pairs


def by_activity(scored: Mapping[str, Scored], task: RankingTask, settings: Settings) -> list[dict[str, Any]]:
    """NDCG of each model for users of about the same activity."""
    result = []
    for segment in activity_segments(task):
        values = np.column_stack([one.per_user[segment.rows, 0] for one in scored.values()])
        draws = bootstrap_means(values, settings.evaluate.bootstrap_samples, settings.train.seed)
        ndcg = {label: _value(values[:, at], draws[:, at]) for at, label in enumerate(scored)}
        result.append({"segment": segment.label, "users": int(segment.rows.sum()), "ndcg": ndcg})
    return result


def exposure_curves(scored: Mapping[str, Scored], task: RankingTask) -> dict[str, list[dict[str, float]]]:
    """The share of exposure that the most popular items take, for each model and for what users did next."""
    counts = user_counts(task.known)
    exposures = {label: exposure_of(one.items, len(counts)) for label, one in scored.items()}
    exposures["what users chose"] = np.bincount(task.truth.indices, minlength=len(counts))
    return {label: exposure_by_popularity(exposure, counts) for label, exposure in exposures.items()}


def _draws(scored: Mapping[str, Scored], settings: Settings) -> dict[str, _Floats]:
    rules, width = settings.evaluate, len(ACCURACY)
    values = np.column_stack([one.per_user for one in scored.values()])
    means = bootstrap_means(values, rules.bootstrap_samples, settings.train.seed)
    return {label: means[:, at * width : (at + 1) * width] for at, label in enumerate(scored)}


def _difference(scored: Mapping[str, Scored], draws: Mapping[str, _Floats], first: str, second: str) -> dict[str, Any]:
    values = (scored[first].per_user - scored[second].per_user).mean(axis=0)
    return _with_intervals(values, draws[first] - draws[second])


def _with_intervals(values: _Floats, draws: _Floats) -> dict[str, Any]:
    return {metric: _interval(float(values[at]), draws[:, at]) for at, metric in enumerate(ACCURACY)}


def _value(values: _Floats, draws: _Floats) -> dict[str, float]:
    return _interval(float(values.mean()), draws)


def _interval(value: float, draws: _Floats) -> dict[str, float]:
    low, high = interval(draws)
    return {"value": value, "low": low, "high": high}


def _verdict(difference: Mapping[str, Any]) -> str:
    return verdict(difference["ndcg"]["low"], difference["ndcg"]["high"])
