"""Every model on a published fixed split: full ranking, tuned inside the training part, in a bounded time.

1. Each model is fitted with its defaults on the whole training part.
2. What is left of the time, less what the last fits and the scoring will need, is for
   searches on a part held out of the training part.
3. The winners are fitted again on the whole training part.
4. Only then the test file is read, and everything is scored once.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.evaluation.fixed_splits import interactions_of, pair_interactions, read_pairs
from jobs.evaluation.ranking_metrics import coverage
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import Scored, fit_model, score_model
from jobs.evaluation.search_models import Bounds, fixed_parameters, search_model, search_space, with_components
from jobs.evaluation.search_parameters import best_trial
from jobs.models.base import Model
from jobs.models.table import MODELS, default_parameters
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, cell_matrix, index_of
from reco_contracts.errors import RecoError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

_HELD_OUT_SHARE = 0.2
# Enough to tell settings apart; a trial on all users of a large split would take the time of several.
_MOST_VALIDATION_USERS = 5_000
# Final fits with more factors than the defaults take longer than the first ones did.
_FINAL_FIT_FACTOR = 2.0
_OF_AGE = ("half_life_days", "window_days")


class _Clock:
    """The seconds that are left."""

    def __init__(self, seconds: float) -> None:
        self.started = time.monotonic()
        self._end = self.started + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started


class _Fitted:
    """What is known of one model on the way: its fit on the whole training part and what that took."""

    def __init__(self, model: Model, parameters: Mapping[str, Any], seconds: float) -> None:
        self.model, self.parameters, self.seconds = model, dict(parameters), seconds
        self.note = "defaults: no time for a search"


def run(train: Path, test: Path, k: int, minutes: float, names: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Evaluate models on a fixed split.

    Args:
        train: pairs that models may learn from.
        test: pairs to be found; read after everything is chosen.
        k: list length.
        minutes: for everything; a fit that runs is not broken off.
        names: of the models; none = all.
        settings: [train] and [tune].

    Returns:
        `models`: recall@k, ndcg@k, coverage@k, seconds and more of each; `refused`: why a model has no score.

    Raises:
        EmptyPartitionError: a file is missing or empty, or no test user has anything to be found.
        ContractError: a file has another form.
        ConfigError: a name is unknown.
    """
    clock = _Clock(minutes * 60)
    settings = settings.model_copy(update={"evaluate": settings.evaluate.model_copy(update={"k": k})})
    wanted = with_components(names or tuple(MODELS), settings)
    if not test.is_file():
        read_pairs(test)  # says what is expected; its content waits until everything is chosen
    pairs = read_pairs(train)
    users, items, known = pair_interactions(pairs)
    refused: dict[str, str] = {}
    fitted = _fit_defaults(wanted, known, settings, clock, refused)
    _tune(fitted, known, settings, clock)
    shown = [name for name in (names or tuple(MODELS)) if name in fitted]
    task, counts = test_task(read_pairs(test), users, items, known)
    models: dict[str, Any] = {}
    for name in shown:
        scores = _score(fitted[name], task, counts["items"], k, settings)
        if scores["own_share"]:
            models[name] = scores
        else:
            refused[name] = "it lists nothing: pairs do not have what it reads"
    return {"models": models, "refused": refused, "k": k, **counts, "seconds": round(clock.spent, 1)}


def hold_out(known: Interactions, seed: int) -> RankingTask:
    """Take a random fifth of each user's items out of a training part, at least one of two.

    Args:
        known: the training part.
        seed: of the draw.

    Returns:
        A task on which parameters are chosen; its users are a random sample of those with something held out.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(known.users, minlength=known.n_users)
    starts = np.concatenate(([0], np.cumsum(sizes)))[:-1]
    order = np.lexsort((rng.random(len(known.users)), known.users))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - starts[known.users[order]]
    taken = np.where(sizes > 1, np.maximum((sizes * _HELD_OUT_SHARE).astype(int), 1), 0)
    is_held_out = rank < taken[known.users]
    part = interactions_of(known.users[~is_held_out], known.items[~is_held_out], known.n_users, known.n_items)
    asked = np.flatnonzero(taken)
    if len(asked) > _MOST_VALIDATION_USERS:
        asked = np.sort(rng.choice(asked, _MOST_VALIDATION_USERS, replace=False))
    truth = cell_matrix(known.users[is_held_out], known.items[is_held_out], (known.n_users, known.n_items))
    return RankingTask(
        part, asked, truth[asked], blocked_matrix(part, "forever")[asked], np.ones(known.n_items, dtype=bool)
    )


def test_task(
    pairs: pl.DataFrame, users: pl.Series, items: pl.Series, known: Interactions
) -> tuple[RankingTask, dict[str, int]]:
    """What the test file asks for.

    A pair that is in the training part too cannot be found and does not count. Items that only
    the test file has count as relevant, and nobody can find them. Users that only the test
    file has are scored with lists of popular items.

    Args:
        pairs: of the test file.
        users: ids of the training part, sorted.
        items: ids of the training part, sorted.
        known: the training part.

    Returns:
        The task, its matrices as wide as all items of both files; and counts for the report.
    """
    new_items = pairs.filter(~pl.col("item_id").is_in(items.implode()))["item_id"].unique().sort()
    new_users = pairs.filter(~pl.col("user_id").is_in(users.implode()))["user_id"].unique().sort()
    every_user, every_item = pl.concat([users, new_users]), pl.concat([items, new_items])
    user, item = index_of(pairs["user_id"], every_user), index_of(pairs["item_id"], every_item)
    shape = (len(every_user), len(every_item))
    blocked = cell_matrix(known.users, known.items, shape)
    truth = cell_matrix(user, item, shape)
    findable = (truth - truth.multiply(blocked)).tocsr()
    findable.eliminate_zeros()
    rows = np.flatnonzero(np.diff(findable.indptr) > 0)
    everybody = replace(known, n_users=len(every_user))
    candidates = np.ones(len(items), dtype=bool)
    counts = {
        "users": len(users),
        "items": len(every_item),
        "test_users": len(rows),
        "test_users_without_training": int((rows >= len(users)).sum()),
        "test_items_without_training": len(new_items),
        "pairs_in_both_files": int(truth.nnz - findable.nnz),
    }
    return RankingTask(everybody, rows, findable[rows], blocked[rows][:, : len(items)], candidates), counts


def _fit_defaults(
    names: Sequence[str], known: Interactions, settings: Settings, clock: _Clock, refused: dict[str, str]
) -> dict[str, _Fitted]:
    fitted: dict[str, _Fitted] = {}
    for name in names:
        if clock.left <= 0:
            refused[name] = "no time was left for its first fit; give more --minutes"
            continue
        parameters = default_parameters(name, settings.train) | fixed_parameters(name, {}, settings)
        try:
            fitted[name] = _fit(name, parameters, known, settings)
        except RecoError as error:
            refused[name] = str(error)
    return fitted


def _fit(name: str, parameters: Mapping[str, Any], known: Interactions, settings: Settings) -> _Fitted:
    started = time.monotonic()
    model = fit_model(name, parameters, _all_of(known), settings)
    seconds = time.monotonic() - started
    get_logger(__name__).info("fitted", model=name, seconds=round(seconds, 2))
    return _Fitted(model, parameters, seconds)


def _tune(fitted: dict[str, _Fitted], known: Interactions, settings: Settings, clock: _Clock) -> None:
    """Search each model in turn with an even share of the time that is left."""
    inner = hold_out(known, settings.train.seed)
    if not len(inner.rows):
        return
    most = settings.tune.long_trials
    chosen: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(fitted):
        share = (clock.left - _reserve(fitted, clock.left)) / (len(fitted) - place)
        # The first trial is made whatever the time, so it has to fit.
        if share <= fitted[name].seconds:
            continue
        fixed = fixed_parameters(name, chosen, settings)
        space = _undated(search_space(name, settings))
        trials = search_model(name, fixed, inner, settings, Bounds(most, share), space=space)
        chosen[name] = best_trial(trials).parameters
        fitted[name].note = f"best of {len(trials)} inside the training part"
    for name, parameters in chosen.items():
        _fit_again(name, {**parameters, **fixed_parameters(name, chosen, settings)}, fitted, known, settings, clock)


def _reserve(fitted: Mapping[str, _Fitted], left: float) -> float:
    """The seconds to keep for the last fits: at most half of what is left, the quickest models first."""
    reserve = 0.0
    for seconds in sorted(one.seconds * _FINAL_FIT_FACTOR for one in fitted.values()):
        if reserve + seconds <= left / 2:
            reserve += seconds
    return reserve


def _undated(space: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Pairs have no date, so what depends on age is one value like another."""
    return {name: values[:1] if name in _OF_AGE else values for name, values in space.items()}


def _fit_again(
    name: str,
    parameters: Mapping[str, Any],
    fitted: dict[str, _Fitted],
    known: Interactions,
    settings: Settings,
    clock: _Clock,
) -> None:
    before = fitted[name]
    if parameters == before.parameters:
        before.note += ", the defaults won"
        return
    if clock.left <= before.seconds:
        before.note = "defaults: no time for the fit of what the search found"
        return
    after = _fit(name, parameters, known, settings)
    after.note = before.note
    fitted[name] = after


def _score(one: _Fitted, task: RankingTask, n_items: int, k: int, settings: Settings) -> dict[str, Any]:
    started = time.monotonic()
    scored: Scored = score_model(one.model, task, settings)
    ndcg, recall, hit_rate, mean_precision, reciprocal = scored.per_user.mean(axis=0).tolist()
    return {
        f"recall@{k}": recall,
        f"ndcg@{k}": ndcg,
        f"coverage@{k}": coverage(scored.items, n_items)["value"],
        f"hit_rate@{k}": hit_rate,
        f"map@{k}": mean_precision,
        f"mrr@{k}": reciprocal,
        "own_share": scored.own_share,
        "seconds": round(one.seconds + time.monotonic() - started, 2),
        "parameters": one.parameters,
        "tuning": one.note,
    }


def _all_of(known: Interactions) -> RankingTask:
    nothing = cell_matrix(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), (0, known.n_items))
    rows: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    return RankingTask(known, rows, nothing, nothing, np.ones(known.n_items, dtype=bool))
