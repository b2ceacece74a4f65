"""Fit models on what a cut lets them know, and score their lists on what came after."""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.evaluation.ranking_metrics import ACCURACY, accuracy
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.search_parameters import Trial
from jobs.models.base import Model
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.models.table import model_class
from jobs.ranking.fill_lists import fill_short_lists
from reco_contracts.settings import Settings

NEW_ITEMS_NDCG: Final = "ndcg_new_items"
_Floats = npt.NDArray[np.float64]


class Scored(NamedTuple):
    """One model's lists on one task.

    Attributes:
        items: int32, shape (n, k), filled as they would be published.
        per_user: float64, shape (n, 5), the columns of ranking_metrics.ACCURACY.
        own_share: of all places, those that the model filled itself; popularity has filled the rest.
    """

    items: npt.NDArray[np.int32]
    per_user: _Floats
    own_share: float


def fit_model(name: str, parameters: Mapping[str, Any], task: RankingTask, settings: Settings) -> Model:
    """A model fitted on the history of a task."""
    model = model_class(name).create(parameters, settings.train.seed, settings.train.threads)
    model.fit(task.known)
    return model


def score_model(model: Model, task: RankingTask, settings: Settings) -> Scored:
    """Make the lists that would be published, and score them."""
    lists = model.recommend(task.known.of_users(task.rows), settings.evaluate.k, task.blocked, task.candidates)
    popularity = popularity_scores(task.known, settings.surfaces.popular.windows_days[0])
    filled = fill_short_lists(lists, popularity_order(popularity, task.candidates), popularity, task.blocked)
    own_share = float((lists.items >= 0).mean()) if lists.items.size else 0.0
    return Scored(filled.items, accuracy(filled.items, task.truth), own_share)


def try_parameters(
    name: str,
    parameters: Mapping[str, Any],
    task: RankingTask,
    settings: Settings,
    new_items: RankingTask | None = None,
) -> Trial:
    """Fit and score one entry of a search space.

    Args:
        name: of the model.
        parameters: a value of each entry, and those of the components if it has some.
        task: the validation period.
        settings: [train] and [evaluate].
        new_items: the same with items only that are new to the user; its NDCG is kept too.
    """
    started = time.monotonic()
    model = fit_model(name, parameters, task, settings)
    scored = score_model(model, task, settings)
    means = scored.per_user.mean(axis=0).tolist()
    metrics = dict(zip(ACCURACY, means, strict=True))
    if new_items is not None:
        metrics[NEW_ITEMS_NDCG] = float(score_model(model, new_items, settings).per_user[:, 0].mean())
    return Trial(parameters=dict(parameters), metrics=metrics, seconds=round(time.monotonic() - started, 3))
