"""Commands of `reco` that choose and judge models; jobs are imported when they run."""

import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.output import JsonFlag, RunDate, print_summary
from reco_contracts.settings import Settings, get_settings

_ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("tune")(tune)
    app.command("evaluate")(evaluate)
    app.command("export-split")(export_split)


def evaluate(
    run_date: Annotated[
        datetime | None,
        typer.Option("--run-date", formats=["%Y-%m-%d"], help="The day that the run is for, YYYY-MM-DD."),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option("--models", metavar="NAMES", help="Names with commas between, or `all`; train.model if left out."),
    ] = None,
    train: Annotated[Path | None, typer.Option("--train", help="A fixed split: pairs that models learn from.")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="A fixed split: pairs to be found.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, help="A fixed split: list length.")] = 20,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="A fixed split: time for everything, tuning included.")
    ] = 30.0,
    as_json: JsonFlag = False,
) -> None:
    """Choose a model's parameters on a validation period and score it beside popularity on the next.

    Both periods end at the run date and are as long as [evaluate] in reco.toml says; [tune]
    says how many combinations of parameters are tried. What is live is refitted and scored
    beside it. The report, with every trial, is data/reports/RUN_DATE/evaluation.json;
    `reco gate` and `reco train` read it.

    With train.every_days > 1 nothing is evaluated while the released model is young
    enough to rank; RECO_TRAIN__EVERY_DAYS=1 before the command does it all the same.

    `--models all` compares the whole family: data/reports/RUN_DATE/models.md, models.json and plots.

    `--train FILE --test FILE` scores the family on a published split: Parquet with user_id and
    item_id, or lines `user item item ...`. Tuned inside the training file only.
    """
    started = time.monotonic()
    settings = get_settings()
    if train or test:
        if not (train and test) or run_date:
            raise typer.BadParameter("a fixed split is --train FILE and --test FILE, without --run-date")
        _evaluate_files(train, test, k, minutes, _names(models), settings, as_json)
        return
    if run_date is None:
        raise typer.BadParameter("--run-date YYYY-MM-DD is missing (or --train FILE --test FILE for a fixed split)")
    if models:
        _evaluate_family(run_date.date(), _names(models), settings, as_json, started)
    else:
        _evaluate_model(run_date.date(), settings, as_json, started)


def tune(
    run_date: RunDate,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="May be given several times; train.model if left out.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Of each model, earlier ones included; [tune] if left out.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.0, help="Of each model; [tune] if left out.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the earlier trials on the same data, after a change of the code.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Search a model's parameters on the validation period; a search that was broken off goes on where it was.

    Trials are kept in data/tuning/MODEL, a study for each data, split and search space, and
    plotted there. `reco evaluate` begins with what won.
    """
    from jobs.cli.evaluation_tables import print_tuning
    from jobs.evaluation.tune_models import run

    started = time.monotonic()
    settings = get_settings()
    found = run(run_date.date(), settings, model or (), trials, minutes, is_fresh=fresh)
    if not as_json:
        print_tuning(found, settings.evaluate.k)
    summary: dict[str, Any] = {
        name: {
            "ndcg": one["metrics"]["ndcg"],
            "ndcg_of_defaults": one["defaults_ndcg"],
            "trials": len(one["trials"]),
            "best": one["best"],
            "study": one["study"],
            "plots": one["plots"],
        }
        for name, one in found.items()
    }
    print_summary("Tuned", summary | {"seconds": round(time.monotonic() - started, 1)}, as_json)


def export_split(
    run_date: RunDate,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files.")],
    as_json: JsonFlag = False,
) -> None:
    """Write a fixed split of your own log: each user's last 20 % of positive items are the test part.

    train.txt and test.txt have lines `user item item ...` with numbers, user_list.txt and item_list.txt
    say what they stand for; train.parquet and test.parquet have the same pairs with their own ids.
    Users with fewer than five positive items are left out.
    """
    from jobs.evaluation.fixed_splits import split_pairs, write_split
    from jobs.warehouse.read_marts import read_interactions

    split = split_pairs(read_interactions(get_settings().layout, run_date.date()))
    files = write_split(split, out)
    summary = {
        "users": split.train["user_id"].n_unique(),
        "train_pairs": len(split.train),
        "test_pairs": len(split.test),
        "files": files,
    }
    print_summary("Exported", summary, as_json)


def _evaluate_model(run_date: date, settings: Settings, as_json: bool, started: float) -> None:
    from jobs.cli.evaluation_tables import print_evaluation
    from jobs.evaluation.evaluate_models import run

    report = run(run_date, settings)
    if "splits" not in report:
        print_summary("Nothing to evaluate", report, as_json)
        return
    if not as_json:
        print_evaluation(report)
    summary = {
        "result": report["sentence"],
        "verdict": report["verdict"],
        "primary_split": report["primary_split"],
        "chosen": report["chosen"] or {},
        "report": settings.layout.report(run_date) / "evaluation.json",
        "seconds": round(time.monotonic() - started, 1),
    }
    print_summary("Evaluated", summary, as_json)


def _evaluate_family(run_date: date, names: tuple[str, ...], settings: Settings, as_json: bool, started: float) -> None:
    from jobs.cli.evaluation_tables import print_family
    from jobs.evaluation.evaluate_family import run

    report = run(run_date, settings, names)
    if not as_json:
        print_family(report)
    folder = settings.layout.report(run_date)
    kinds = [kind for kind in ("all_items", "new_items_only") if report[kind]]
    summary = {
        "split": report["name"],
        "test_users": report["all_items"]["test_users"],
        "best": {kind: report[kind]["best"] for kind in kinds},
        "ndcg": {name: one["ndcg"]["value"] for name, one in report["all_items"]["models"].items()},
        "refused": report["refused"],
        "report": folder / "models.md",
        "plots": folder / "plots",
        "seconds": round(time.monotonic() - started, 1),
    }
    print_summary("Evaluated", summary, as_json)


def _evaluate_files(
    train: Path, test: Path, k: int, minutes: float, names: tuple[str, ...], settings: Settings, as_json: bool
) -> None:
    from jobs.cli.tables import print_rows
    from jobs.evaluation.evaluate_fixed_split import run

    report = run(train, test, k, minutes, names, settings)
    if not as_json:
        shown = (f"recall@{k}", f"ndcg@{k}", f"coverage@{k}", "seconds", "tuning")
        rows = [{"model": name} | {key: one[key] for key in shown} for name, one in report["models"].items()]
        print_rows(rows, f"{test.name}: {report['test_users']:,} test users, {report['items']:,} items")
    summary = report if as_json else {key: value for key, value in report.items() if key != "models"}
    print_summary("Evaluated", summary, as_json)


def _names(models: str | None) -> tuple[str, ...]:
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    return () if _ALL in names else tuple(names)
