"""`reco keys`: who may call the lookup API; jobs are imported when they run."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.api_keys import KeyAccess
from reco_contracts.settings import get_settings

Name = Annotated[str, typer.Argument(help="Whose key it is: a-z, 0-9 and -. It is part of the key, and in logs.")]

keys_app = typer.Typer(help="API keys of the lookup API: add, list, revoke.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    keys_app.command("add")(add)
    keys_app.command("list")(list_)
    keys_app.command("revoke")(revoke)
    app.add_typer(keys_app, name="keys")


def add(
    name: Name,
    access: Annotated[
        list[KeyAccess] | None,
        typer.Option("--access", "-a", help="What it opens; may be given several times. admin opens everything."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.0, help="Requests a second in each process; 0 = no limit. Default: [doors]."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key and print it, once: the store holds only its hash.

    Every process accepts it within serving.poll_seconds. Callers send it as `Authorization: Bearer KEY` or
    `X-Api-Key: KEY`. The line for `doors.keys` lets a key live in the settings, where a store that loses its data
    cannot lose it.
    """
    from jobs.operations.manage_api_keys import add_key

    wanted = tuple(access or [KeyAccess.READ])
    print_summary("API key", add_key(get_settings(), name, wanted, rate, datetime.now(UTC)), as_json)


def list_(as_json: JsonFlag = False) -> None:
    """Show whose keys there are, and what they open; never the keys."""
    from jobs.cli.tables import print_rows
    from jobs.operations.manage_api_keys import list_keys

    rows = list_keys(get_settings())
    if not as_json and rows:
        print_rows(rows, "API keys")
    print_summary("API keys", {"keys": rows if as_json else len(rows)}, as_json)


def revoke(name: Name, as_json: JsonFlag = False) -> None:
    """Take a key back: every process refuses it within serving.poll_seconds."""
    from jobs.operations.manage_api_keys import revoke_key

    print_summary("Revoked", revoke_key(get_settings(), name), as_json)
