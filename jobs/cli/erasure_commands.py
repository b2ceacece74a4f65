"""`reco forget`: erase users; jobs are imported when they run."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.errors import ContractError
from reco_contracts.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add the command to `reco`."""
    app.command("forget")(forget)


def forget(
    users: Annotated[list[str] | None, typer.Argument(metavar="USER...", help="Ids of the users to erase.")] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Erase whom the API, or a run that did not finish, has left to do.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Erase users everywhere, and show place by place what was there and that nothing is left.

    The store first, then landing, quarantine, warehouse, exports, features, models, lists, reports. What remains is
    a keyed hash of the id: later events of that id are rejected as `forgotten_user`. This cannot be undone. Killed
    half-way, it is run again, by hand or by the next daily run.
    """
    if pending == bool(users):
        raise ContractError("whom? Name users (reco forget USER...), or give --pending for those who wait")
    now = datetime.now(UTC)
    if pending:
        from jobs.forgetting.forget_pending import run as run_pending

        summary = run_pending(get_settings(), now)
    else:
        from jobs.forgetting.forget_users import run

        summary = run(users or [], get_settings(), now)
    if not as_json:
        from jobs.cli.tables import print_rows

        print_rows(summary.pop("places"), "What was where")
    print_summary("Erased", summary, as_json)
