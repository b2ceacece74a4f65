"""`reco rules`: check business rules, bring them to the API, see what they did; jobs are imported when they run."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.settings import get_settings

Items = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Item ids.")]

rules_app = typer.Typer(
    help="Business rules: check the file, bring it to the API, take items down, see what rules did.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    rules_app.command("check")(check)
    rules_app.command("push")(push)
    rules_app.command("show")(show)
    rules_app.command("block")(block)
    rules_app.command("unblock")(unblock)
    rules_app.command("report")(report)
    app.add_typer(rules_app, name="rules")


def check(
    run_date: Annotated[
        datetime | None,
        typer.Option("--run-date", formats=["%Y-%m-%d"], help="For the lists of this day; that of the exported log."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read the rules file and hold it against the catalogue; nothing is written.

    Ends with exit code 2 and every mistake with its line. Names are compared with the
    exported marts; without any only the form is checked, and the summary says so.
    """
    from jobs.rules.describe_rules import check_file

    print_summary("Rules", check_file(get_settings(), run_date.date() if run_date else None), as_json)


def push(as_json: JsonFlag = False) -> None:
    """Check the file, then bring the rules that cannot wait to the API.

    Blocks and sold-out items of rules without `where`, and pins without markets or segments:
    every process holds them within serving.poll_seconds. What was taken down by hand stays
    down, unless the file blocks it now. Publishing lists does the same.
    """
    from jobs.rules.push_rules import run

    print_summary("Rules pushed", run(get_settings(), datetime.now(UTC)), as_json)


def show(as_json: JsonFlag = False) -> None:
    """Show what holds at read time now, and whether it is what the file says."""
    from jobs.rules.describe_rules import show_live

    print_summary("Live rules", show_live(get_settings()), as_json)


def block(
    items: Items,
    note: Annotated[str, typer.Option("--note", help="Why; shown by `reco rules show`.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Take items out of every answer at once, for the emergency.

    Nothing has to be ranked or published: all processes follow within serving.poll_seconds, and
    the next ranking leaves the items out. It lasts until the rules file blocks them and is
    pushed or published, or until `reco rules unblock`; no publish in between loses it.
    """
    from jobs.rules.take_down_items import take_down

    print_summary("Blocked", take_down(get_settings(), items, datetime.now(UTC), note), as_json)


def unblock(items: Items, as_json: JsonFlag = False) -> None:
    """Let items be shown again that `reco rules block` took down; what the file blocks stays blocked."""
    from jobs.rules.take_down_items import bring_back

    print_summary("Unblocked", bring_back(get_settings(), items), as_json)


def report(
    generation: Annotated[
        str | None, typer.Option("--generation", "-g", help="A folder below data/lists; the last one if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What each rule did to the lists of a generation.

    Kept out: items kept out of the candidates, summed over lists, whether or not they would have been
    chosen. Boosted places: places that hold a boosted item. Lists at the limit: lists whose first places
    hold as many of one kind as allowed. Pinned: lists with the item at its place.
    """
    from jobs.cli.tables import print_rows
    from jobs.rules.describe_rules import report_of

    found = report_of(get_settings(), generation)
    if not as_json:
        print_rows(found.pop("rules"), f"Rules of {found['generation']}")
    print_summary("Rules report", found, as_json)
