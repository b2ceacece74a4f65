"""`reco models`: look at trained versions, compare them, choose one; jobs are imported when they run."""

from datetime import datetime
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.settings import get_settings

Version = Annotated[str, typer.Argument(metavar="VERSION", help="As `reco models list` names it.")]
OnDate = Annotated[
    datetime | None,
    typer.Option(
        "--run-date", formats=["%Y-%m-%d"], help="Last day of the test period; that of the exported log if left out."
    ),
]

models_app = typer.Typer(help="Trained versions: look at them, compare them, choose one.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    models_app.command("list")(list_models)
    models_app.command("show")(show)
    models_app.command("compare")(compare)
    models_app.command("promote")(promote)
    app.add_typer(models_app, name="models")


def list_models(as_json: JsonFlag = False) -> None:
    """Every version, newest first: how good its configuration was, and which one is live."""
    from jobs.cli.tables import print_rows
    from jobs.evaluation.model_versions import list_versions

    layout = get_settings().layout
    versions = list_versions(layout)
    if not as_json:
        print_rows(versions, "Model versions")
    print_summary("Models", {"versions": versions if as_json else len(versions), "folder": layout.models}, as_json)


def show(version: Version, as_json: JsonFlag = False) -> None:
    """A version's manifest, its metrics, and the search that chose its parameters."""
    from jobs.cli.tables import print_rows
    from jobs.evaluation.model_versions import show_version

    found = show_version(get_settings().layout, version)
    if as_json:
        print_summary(version, found, as_json)
        return
    study, metrics = found.pop("study"), found.pop("metrics")
    for name, trials in (study or {}).get("trials", {}).items():
        best_first = sorted(trials, key=lambda trial: -trial["ndcg"])
        rows = [{"ndcg": trial["ndcg"], "recall": trial["recall"]} | trial["parameters"] for trial in best_first]
        print_rows(rows, f"{name}: {len(rows)} trials on validation")
    print_summary(version, found | {"evaluation": metrics["sentence"]}, as_json)


def compare(first: Version, second: Version, run_date: OnDate = None, as_json: JsonFlag = False) -> None:
    """Refit two versions' configurations before the same cut, and score them after it, user by user.

    The difference is first minus second, with its paired interval; "tied" means that it contains 0.
    """
    from jobs.cli.evaluation_tables import print_comparison
    from jobs.evaluation.model_versions import compare_versions

    found = compare_versions(first, second, get_settings(), run_date.date() if run_date else None)
    if as_json:
        print_summary("Compared", found, as_json)
        return
    print_comparison(found)
    gain = found["differences"][second]["ndcg"]
    summary = {
        "parameters": {name: f"{ours} | {theirs}" for name, (ours, theirs) in found["parameters"].items()},
        "ndcg_difference": f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]",
        "split": found["split"]["name"],
        "test_users": found["test_users"],
    }
    print_summary("Compared", summary, as_json)


def promote(
    version: Version,
    run_date: OnDate = None,
    force: Annotated[
        bool, typer.Option("--force", help="Do not ask the gate. What it guards against may happen.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a version rank until the next release, if it passes the gate.

    Its configuration is refitted before the cut and compared with popularity and with what is
    live, as `reco gate` does with gate.mode = "refuse"; otherwise exit code 6. The next run then
    trains nothing and ranks with it; its release ends the promotion, and training goes on as
    train.every_days says. To go back to lists that were live before, use `reco rollback`.
    """
    from jobs.evaluation.model_versions import promote_version

    day = run_date.date() if run_date else None
    print_summary("Promoted", promote_version(version, get_settings(), day, is_forced=force), as_json)
