"""Commands of `reco` that release, train and apply models; jobs are imported when they run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, RunDate, print_summary
from reco_contracts.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("gate")(gate)
    app.command("train")(train)
    app.command("rank")(rank)
    app.command("fold-in")(fold_in)
    app.command("fold-in-drained")(fold_in_drained)


def gate(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Let the chosen configuration pass, or not, by its evaluation.

    It has to beat popularity, and a loss of more than gate.max_loss_ndcg against what is live,
    refitted before the same cut, has to be ruled out by the interval. With gate.mode = "refuse"
    anything else (tied, worse, or too few users to tell) ends the run with exit code 6 and
    what is live stays live; with "warn" it is said and the run goes on. While
    train.every_days or a promotion lets a model rank, there is nothing to judge.
    """
    from jobs.evaluation.gate_release import run

    print_summary("Release gate", run(run_date.date(), get_settings()), as_json)


def train(run_date: RunDate, as_json: JsonFlag = False) -> None:
    """Fit the configuration that `reco evaluate` chose on everything up to the run date.

    Writes data/models/MODEL-YYYYMMDD-NNN. Unchanged data, parameters and code give the
    version that is there already. With train.every_days > 1 the released model is
    returned while it is young enough.
    """
    from jobs.ranking.train_model import run

    print_summary("Trained", run(run_date.date(), get_settings()), as_json)


def rank(
    run_date: RunDate,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="VERSION",
            help="Model version; the one that `reco train` names for this run date if left out.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make every list of a new generation: home, similar and popular, each item with its reason.

    Writes data/lists/GENERATION; nothing is published yet. Items that are not available
    at the end of the run date are in no list.
    """
    from jobs.ranking.rank_lists import run

    print_summary("Ranked", run(run_date.date(), get_settings(), model), as_json)


def fold_in(
    users: Annotated[
        list[str] | None, typer.Option("--user", metavar="ID", help="Whose list; may be given several times.")
    ] = None,
    items: Annotated[
        str | None,
        typer.Option("--items", metavar="ID,ID,...", help="What the one --user has just clicked, beside all before."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option("--events", help="A file in the event contract; its users get lists, and its events count."),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option("--generation", "-g", help="A folder below data/lists; the live one if left out."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Of the file of lists.")] = "folded_in",
    as_json: JsonFlag = False,
) -> None:
    """Make the home lists of some users from their newest events, without training.

    The model, the items and the rules are those of the live generation; what the users did
    is read from the exported marts, and from --events or --items. Writes
    data/overlays/GENERATION/NAME.parquet, in the form of the generation's own home lists;
    nothing is published. Events of days that the marts hold are not counted again.

    Examples: `reco fold-in --user newcomer --items item-0001,item-0042,item-0007` ·
    `reco fold-in --events events-2026-03-02.jsonl --name morning`
    """
    from jobs.ranking.fold_in_users import run

    clicked = [item.strip() for item in items.split(",") if item.strip()] if items else None
    summary = run(
        get_settings(),
        datetime.now(UTC),
        generation=generation,
        users=users,
        items=clicked,
        events=events,
        name=name,
    )
    print_summary("Folded in", summary, as_json)


def fold_in_drained(as_json: JsonFlag = False) -> None:
    """Give new home lists to users who posted events since the live generation was ranked, and publish them.

    Who was folded in already is left alone until they post again. The lists go beside what the users did lately,
    NS:recent:<user>, from where the lookup API takes them; the generation stays as it is, and the next one takes
    their place. The DAG events_drain runs this after every drain.
    """
    from jobs.draining.fold_in_drained import run

    print_summary("Folded in what was drained", run(get_settings(), datetime.now(UTC)), as_json)
