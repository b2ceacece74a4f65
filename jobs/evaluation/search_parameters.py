"""Search a space of parameters for the best validation score, a bounded number of trials, none of them twice.

What is tried first is given: the defaults, then what won before. A space that is
no larger than the number of trials is tried whole. Of a larger one, Optuna's
tree-structured Parzen estimator proposes the rest; its seed depends on the
number of trials behind it, so that a search that goes on later proposes what it
would have proposed at once.

Source: Bergstra, Bardenet, Bengio, Kégl (2011), Algorithms for Hyper-Parameter Optimization.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final

import msgspec
import numpy as np

OBJECTIVE: Final = "ndcg"
Space = Mapping[str, Sequence[Any]]
# Random trials before the estimator has something to learn from.
_STARTUP_TRIALS = 5
# Proposals in a row that were all tried before: then any other will do.
_PROPOSALS = 30


class Trial(msgspec.Struct, frozen=True):
    """One fitted and scored entry.

    Attributes:
        parameters: what it was fitted with.
        metrics: the mean of each metric on the validation period.
        seconds: what it took.
    """

    parameters: dict[str, Any]
    metrics: dict[str, float]
    seconds: float = 0.0


def search(
    space: Space,
    attempt: Callable[[dict[str, Any]], Trial],
    trials: int,
    seed: int,
    *,
    known: Sequence[Trial] = (),
    first: Sequence[Mapping[str, Any]] = (),
    is_over: Callable[[], bool] = lambda: False,
    report: Callable[[Trial], None] = lambda _: None,
) -> list[Trial]:
    """Try entries of a space.

    Args:
        space: the values to choose from for each parameter; the first ones are the defaults.
        attempt: fits and scores one entry.
        trials: the most that are tried, known ones included.
        seed: of the proposals.
        known: trials of the same search that were made before.
        first: tried after the defaults; what does not lie in the space is passed over.
        is_over: asked before each trial but the first of all; true = time is up.
        report: told each new trial.

    Returns:
        All trials in order, the known ones first; at least one.
    """
    done = list(known)
    size = prod(len(values) for values in space.values())
    while len(done) < min(max(trials, 1), size) and not (done and is_over()):
        trial = attempt(next_parameters(space, done, first, seed, is_whole=size <= trials))
        done.append(trial)
        report(trial)
    return done


def best_trial(trials: Sequence[Trial], metric: str = OBJECTIVE) -> Trial:
    """The trial with the best value of a metric, the first of equals; one that lacks it comes last."""
    return max(trials, key=lambda trial: trial.metrics.get(metric, -1.0))


def next_parameters(
    space: Space, done: Sequence[Trial], first: Sequence[Mapping[str, Any]], seed: int, *, is_whole: bool
) -> dict[str, Any]:
    """What to try next: never what was tried.

    Args:
        space: as in `search`.
        done: the trials until now.
        first: as in `search`.
        seed: of the proposals.
        is_whole: every entry is going to be tried, so their order does not matter.
    """
    tried = {_key(space, trial.parameters) for trial in done}
    defaults = {name: values[0] for name, values in space.items()}
    for parameters in (defaults, *first):
        if is_in_space(space, parameters) and _key(space, parameters) not in tried:
            return {name: parameters[name] for name in space}
    if not is_whole:
        return _propose(space, done, tried, seed + len(done))
    entries = (dict(zip(space, values, strict=True)) for values in product(*space.values()))
    return next(entry for entry in entries if _key(space, entry) not in tried)


def is_in_space(space: Space, parameters: Mapping[str, Any]) -> bool:
    """Whether each entry has one of its values."""
    return all(name in parameters and parameters[name] in values for name, values in space.items())


def _propose(space: Space, done: Sequence[Trial], tried: set[tuple[int, ...]], seed: int) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Places instead of values: a value may be a list, and equal numbers of two types are two values.
    choices: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(range(len(values))) for name, values in space.items()
    }
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in done:
        if is_in_space(space, trial.parameters):
            params = dict(zip(space, _key(space, trial.parameters), strict=True))
            value = trial.metrics[OBJECTIVE]
            study.add_trial(optuna.trial.create_trial(params=params, distributions=choices, value=value))
    for _ in range(_PROPOSALS):
        asked = study.ask(choices).params
        places = tuple(int(asked[name]) for name in space)
        if places not in tried:
            return _entry(space, places)
    return _entry(space, _untried(space, tried, seed))


def _untried(space: Space, tried: set[tuple[int, ...]], seed: int) -> tuple[int, ...]:
    rng = np.random.default_rng(seed)
    while (places := tuple(int(rng.integers(len(values))) for values in space.values())) in tried:
        pass
    return places


def _entry(space: Space, places: Sequence[int]) -> dict[str, Any]:
    return {name: values[place] for (name, values), place in zip(space.items(), places, strict=True)}


def _key(space: Space, parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """The place of each value; -1 where it is none of them."""
    return tuple(
        list(values).index(parameters[name]) if parameters.get(name) in values else -1 for name, values in space.items()
    )
