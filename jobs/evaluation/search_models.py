"""Choose the parameters of models on a validation period; what a model is made of is chosen before it."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import msgspec

from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import try_parameters
from jobs.evaluation.search_parameters import Trial, best_trial, search
from jobs.models.table import component_names, default_parameters, model_class
from jobs.progress import progress_bar
from reco_contracts.errors import RecoError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

COMPONENTS = "components"


class Start(NamedTuple):
    """What is known of a search before it begins.

    Attributes:
        first: parameters to try after the defaults.
        known: trials of the same search, made before.
    """

    first: tuple[Mapping[str, Any], ...] = ()
    known: tuple[Trial, ...] = ()


class Bounds(NamedTuple):
    """How long to search.

    Attributes:
        trials: of each model.
        seconds: of each model; None = as long as the trials take.
    """

    trials: int
    seconds: float | None = None


_NOTHING_KNOWN = Start()
StartOf = Callable[[str, Mapping[str, Any]], Start]


def choose_parameters(
    names: Sequence[str],
    task: RankingTask,
    settings: Settings,
    bounds: Bounds,
    start_of: StartOf = lambda _name, _fixed: _NOTHING_KNOWN,
    report: Callable[[str, Mapping[str, Any], Trial], None] = lambda _name, _fixed, _trial: None,
    refused: dict[str, str] | None = None,
    new_items: RankingTask | None = None,
) -> dict[str, list[Trial]]:
    """Search each model on its own, components first.

    Args:
        names: of the models.
        task: the validation period.
        settings: [train] and [evaluate].
        bounds: of each search.
        start_of: gives for a model, and what of it is fixed, what is known already.
        report: told each new trial.
        refused: takes the models that cannot be fitted, with their reasons; None = one that was asked for
            raises. What a component that cannot be fitted means is the business of what is made of it.
        new_items: each trial is scored on this too; it decides nothing here.

    Returns:
        The trials of each model that can be fitted, of components that were not asked for too.

    Raises:
        ConfigError: a name is unknown.
        RecoError: a model that was asked for cannot be fitted to this data, where `refused` is None.
    """
    studies: dict[str, list[Trial]] = {}
    for name in with_components(names, settings):
        fixed = fixed_parameters(name, {one: best_trial(studies[one]).parameters for one in studies}, settings)
        try:
            start = start_of(name, fixed)
            studies[name] = search_model(name, fixed, task, settings, bounds, start, report, new_items=new_items)
        except RecoError as error:
            if refused is None and name in names:
                raise
            get_logger(__name__).warning("not fitted", model=name, reason=str(error))
            if refused is not None:
                refused[name] = str(error)
    return studies


def search_model(
    name: str,
    fixed: Mapping[str, Any],
    task: RankingTask,
    settings: Settings,
    bounds: Bounds,
    start: Start = _NOTHING_KNOWN,
    report: Callable[[str, Mapping[str, Any], Trial], None] = lambda _name, _fixed, _trial: None,
    space: Mapping[str, Sequence[Any]] | None = None,
    new_items: RankingTask | None = None,
) -> list[Trial]:
    """Search the parameters of one model.

    No trial begins that would not end in time if it took as long as the longest before it.

    Args:
        name: of the model.
        fixed: parameters that are not searched.
        task: the validation period.
        settings: [train] and [evaluate].
        bounds: how long.
        start: what is known already.
        report: told each new trial.
        space: the values to choose from; None = those of [train].
        new_items: each trial is scored on this too.

    Returns:
        All trials; at least one, whatever the time.
    """
    began, longest = time.monotonic(), 0.0
    space = search_space(name, settings) if space is None else space

    def attempt(parameters: dict[str, Any]) -> Trial:
        nonlocal longest
        trial = try_parameters(name, {**parameters, **fixed}, task, settings, new_items)
        longest = max(longest, trial.seconds)
        return trial

    def is_over() -> bool:
        return bounds.seconds is not None and time.monotonic() - began + longest >= bounds.seconds

    size = min(bounds.trials, prod(map(len, space.values())))
    with progress_bar(f"Search {name} parameters", max(size - len(start.known), 0)) as advance:

        def told(trial: Trial) -> None:
            advance()
            report(name, fixed, trial)

        return search(
            space,
            attempt,
            bounds.trials,
            settings.train.seed,
            known=start.known,
            first=start.first,
            is_over=is_over,
            report=told,
        )


def with_components(names: Sequence[str], settings: Settings) -> list[str]:
    """Models in an order in which whatever a model is made of comes before it, each once."""
    ordered: dict[str, None] = {}
    for name in names:
        model_class(name)
        ordered |= dict.fromkeys([*with_components(component_names(name, settings.train), settings), name])
    return list(ordered)


def fixed_parameters(name: str, chosen: Mapping[str, Mapping[str, Any]], settings: Settings) -> dict[str, Any]:
    """What of a model's parameters is not searched: those of its components.

    Args:
        name: of the model.
        chosen: parameters by name of model; the defaults where one is missing.
        settings: [train].
    """
    parts = component_names(name, settings.train)
    if not parts:
        return {}
    return {COMPONENTS: {one: dict(chosen.get(one) or default_parameters(one, settings.train)) for one in parts}}


def plain_trials(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Trials as a report holds them: what was tried and what came out, not how long it took."""
    return [{"parameters": trial.parameters} | trial.metrics for trial in trials]


def search_space(name: str, settings: Settings) -> dict[str, list[Any]]:
    """A model's search space as plain values, without what its components are made of."""
    space = model_class(name).search_space(settings.train)
    plain: dict[str, list[Any]] = msgspec.to_builtins({key: list(values) for key, values in space.items()})
    plain.pop(COMPONENTS, None)
    return plain
