"""Search parameters on the validation period for longer than the daily run does, and go on where a search was."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jobs.evaluation.evaluation_tasks import Tasks, make_tasks, new_items_task, read_marts
from jobs.evaluation.live_configuration import live_configuration
from jobs.evaluation.search_models import (
    Bounds,
    choose_parameters,
    plain_trials,
    search_space,
    with_components,
)
from jobs.evaluation.search_parameters import Trial, best_trial
from jobs.evaluation.study_store import (
    Winner,
    add_trial,
    starts_from,
    study_name,
    study_path,
    write_winner,
)
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings


def run(
    run_date: date,
    settings: Settings,
    names: Sequence[str] = (),
    trials: int | None = None,
    minutes: float | None = None,
    *,
    is_fresh: bool = False,
) -> dict[str, Any]:
    """Tune models on the log up to the run date; each trial is kept as soon as it is made.

    Args:
        run_date: the last day of the test period, which is not looked at.
        settings: all settings.
        names: of the models; none = train.model. What they are made of is tuned before them.
        trials: of each model, earlier ones of the same study included; None = tune.long_trials.
        minutes: of each model; None = tune.minutes.
        is_fresh: forget the earlier trials of the same study.

    Returns:
        For each model: its trials, the best one, and the files.

    Raises:
        EmptyPartitionError: the marts are not exported, or there is nobody to choose on.
        ConfigError: a name is unknown.
    """
    layout = settings.layout
    split = make_tasks(read_marts(layout, run_date), run_date, settings)[-1]
    if not len(split.validation.rows):
        raise EmptyPartitionError(f"nobody to choose parameters on up to {run_date}: no warm user in validation")
    bounds = Bounds(trials or settings.tune.long_trials, 60 * (minutes or settings.tune.minutes))
    ordered = with_components(names or (settings.train.model,), settings)
    paths: dict[str, Path] = {}

    def path_of(name: str, fixed: Mapping[str, Any]) -> Path:
        study = study_name(name, fixed, split.name, run_date, split.validation, settings)
        return study_path(layout, name, study)

    def keep(name: str, fixed: Mapping[str, Any], trial: Trial) -> None:
        add_trial(path_of(name, fixed), search_space(name, settings), trial)

    start_of = starts_from(layout, run_date, settings, live_configuration(layout))(split.name, split.validation)

    def begin(name: str, fixed: Mapping[str, Any]) -> Any:
        paths[name] = path_of(name, fixed)
        if is_fresh:
            paths[name].unlink(missing_ok=True)
        return start_of(name, fixed)

    new_items = new_items_task(split.validation, settings)
    studies = choose_parameters(ordered, split.validation, settings, bounds, begin, keep, new_items=new_items)
    return {name: _conclude(name, trials, paths[name], split, run_date, settings) for name, trials in studies.items()}


def _conclude(
    name: str, trials: Sequence[Trial], path: Path, split: Tasks, run_date: date, settings: Settings
) -> dict[str, Any]:
    best = best_trial(trials)
    winner = Winner(
        model=name,
        study=path.stem,
        run_date=run_date.isoformat(),
        split=split.name,
        search_space=search_space(name, settings),
        parameters=best.parameters,
        metrics=best.metrics,
        trials=len(trials),
    )
    write_winner(settings.layout, winner)
    plain = plain_trials(trials)
    return {
        "best": best.parameters,
        "metrics": best.metrics,
        "defaults_ndcg": trials[0].metrics["ndcg"],
        "trials": [{**one, "seconds": trial.seconds} for one, trial in zip(plain, trials, strict=True)],
        "study": path,
        "plots": _plot(name, plain, path.parent, settings.evaluate.k),
    }


def _plot(name: str, trials: list[dict[str, Any]], folder: Path, k: int) -> list[Path]:
    from jobs.evaluation.draw_charts import save_chart
    from jobs.evaluation.plot_models import history_chart, slices_chart

    return [
        save_chart(history_chart({name: trials}, k), folder, "history"),
        save_chart(slices_chart(trials, name, k), folder, "parameters"),
    ]
