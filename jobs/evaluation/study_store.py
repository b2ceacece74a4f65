"""Searches at rest: every trial in Optuna's journal, so that a search goes on where it was, and its winner.

A study has the name of a hash of all that its values depend on: the data of the
validation period, the split, the search space and what is fixed. Another day's
data is another study; the winner of an old one is only where the next begins.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from jobs.evaluation.live_configuration import Configuration
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.search_models import Start, StartOf, search_space
from jobs.evaluation.search_parameters import OBJECTIVE, Space, Trial
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings

BEST_FILE = "best.json"
_TRIAL = "trial"
StartsFor = Callable[[str, RankingTask], StartOf]


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """`best.json`: what the last search of a model found.

    Attributes:
        model: name in the table of models.
        study: the name of the study.
        run_date: ISO date of the last day of its data.
        split: its name.
        search_space: the values that were chosen from.
        parameters: the best ones, those of components too.
        metrics: on the validation period.
        trials: how many there were.
    """

    model: str
    study: str
    run_date: str
    split: str
    search_space: dict[str, list[Any]]
    parameters: dict[str, Any]
    metrics: dict[str, float]
    trials: int


def no_starts(_split: str, _task: RankingTask) -> StartOf:
    """Nothing is known of any search."""
    return lambda _name, _fixed: Start()


def starts_from(layout: Layout, run_date: date, settings: Settings, live: Configuration | None) -> StartsFor:
    """What earlier searches found: the trials of the same study, the last winner, and what is live.

    A winner counts where it was found on the same kind of split with the same search space.
    """

    def for_task(split: str, task: RankingTask) -> StartOf:
        def start_of(name: str, fixed: Mapping[str, Any]) -> Start:
            study = study_name(name, fixed, split, run_date, task, settings)
            winner = read_winner(layout, name)
            first = [live.parameters] if live and live.model == name else []
            # The winner of this very study is among its trials, or they are to be forgotten.
            is_alike = winner and (winner.split, winner.search_space) == (split, search_space(name, settings))
            if winner and is_alike and winner.study != study:
                first.insert(0, winner.parameters)
            return Start(tuple(first), tuple(read_trials(study_path(layout, name, study))))

        return start_of

    return for_task


def study_name(
    name: str, fixed: Mapping[str, Any], split: str, run_date: date, task: RankingTask, settings: Settings
) -> str:
    """A hash of all that the values of a study depend on, as `<run date>-<12 hex digits>`."""
    plain = [name, fixed, split, search_space(name, settings), settings.evaluate.k, settings.train.seed]
    digest = hashlib.sha256(msgspec.json.encode([*plain, settings.surfaces.popular.windows_days[0]], order="sorted"))
    known = task.known
    for array in (known.users, known.items, known.age_days, known.weights, task.rows, task.candidates):
        digest.update(array.tobytes())
    for matrix in (task.truth, task.blocked):
        digest.update(matrix.indices.tobytes() + matrix.indptr.tobytes())
    return f"{run_date:%Y%m%d}-{digest.hexdigest()[:12]}"


def study_path(layout: Layout, name: str, study: str) -> Path:
    """The journal of a study."""
    return layout.tuning / name / f"{study}.journal"


def read_trials(path: Path) -> list[Trial]:
    """The trials of a study in order; none where there is no journal.

    Raises:
        ContractError: the file is no journal of this form.
    """
    if not path.exists():
        return []
    try:
        return [
            msgspec.json.decode(trial.user_attrs[_TRIAL], type=Trial)
            for trial in _open(path).get_trials(deepcopy=False)
        ]
    except (ValueError, KeyError, msgspec.DecodeError) as error:
        raise ContractError(f"{path} cannot be read: {error}; begin anew with `reco tune --fresh`") from error


def add_trial(path: Path, space: Space, trial: Trial) -> None:
    """Append a finished trial; one that was killed is not there."""
    import optuna

    path.parent.mkdir(parents=True, exist_ok=True)
    choices = {name: [_choice(value) for value in values] for name, values in space.items()}
    _open(path).add_trial(
        optuna.trial.create_trial(
            params={name: _choice(trial.parameters[name]) for name in space},
            distributions={name: optuna.distributions.CategoricalDistribution(choices[name]) for name in space},
            value=trial.metrics[OBJECTIVE],
            user_attrs={_TRIAL: msgspec.json.encode(trial).decode()},
        )
    )


def read_winner(layout: Layout, name: str) -> Winner | None:
    """What the last search of a model found; None before the first."""
    path = layout.tuning / name / BEST_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Winner) if path.exists() else None
    except msgspec.DecodeError as error:
        raise ContractError(f"{path} cannot be read: {error}; remove it, or run `reco tune` again") from error


def write_winner(layout: Layout, winner: Winner) -> None:
    """Keep what a search found."""
    with replace_file(layout.tuning / winner.model / BEST_FILE) as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(winner), indent=2))


def _open(path: Path) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(path)))
    # Creating what is there would leave a line in the journal each time that it is read.
    if path.stem in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=path.stem, storage=storage)
    return optuna.create_study(storage=storage, study_name=path.stem, direction="maximize")


def _choice(value: Any) -> Any:
    """Optuna keeps plain values; anything else as its JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return msgspec.json.encode(value).decode()
