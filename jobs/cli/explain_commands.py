"""The command of `reco` that explains lists; the job is imported when it runs."""

from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add the command to `reco`."""
    app.command("explain")(explain)


def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose list.")],
    item: Annotated[
        str | None, typer.Argument(metavar="[ITEM]", help="Why this item is in the list, or is not.")
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option("--generation", "-g", help="A folder below data/lists; the live one if left out, or the newest."),
    ] = None,
    surface: Annotated[str, typer.Option("--surface", help="The list; home.")] = "home",
    everything: Annotated[bool, typer.Option("--all", help="Show every summand, not the largest twenty.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say why a user's list is as it is, and of one item, why it is in the list or why not.

    Without ITEM: the list, each item with its reason and what speaks for it most. With ITEM: all that
    the score is made of, each of the user's own items with what was done and when, and the sum. For an
    item that is not listed: seen, not on sale, kept away by a rule, unknown to the model, ranked too
    low (with its place), or taken out by diversity, a limit, a boost, or new, explored or pinned items.

    Examples: `reco explain user-0042` · `reco explain user-0042 item-0007 --all`
    """
    import msgspec

    from jobs.explaining.explain_user import run

    found = run(get_settings(), user, item, generation=generation, surface=surface)
    if not as_json:
        from jobs.cli.explain_tables import print_explanation

        print_explanation(found, is_whole=everything)
        return
    print_summary("Explained", msgspec.to_builtins(found), as_json)
