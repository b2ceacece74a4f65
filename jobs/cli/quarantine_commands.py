"""`reco quarantine`, `reco files`, `reco unland`: look at what came in, repair it, take it out."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.output import JsonFlag, print_summary
from jobs.cli.tables import print_rows
from reco_contracts.events import RejectReason
from reco_contracts.settings import get_settings


class _Kind(StrEnum):
    EVENTS = "events"
    ITEMS = "items"
    USERS = "users"


class _State(StrEnum):
    LANDED = "landed"
    UNLANDED = "unlanded"


FileOption = Annotated[
    str | None, typer.Option("--file", help="Only this file: its hash (or the start of it), its path or its name.")
]
ReasonOption = Annotated[RejectReason | None, typer.Option("--reason", help="Only rows rejected for this reason.")]
KindOption = Annotated[_Kind | None, typer.Option("--kind", help="Only files of this kind.")]

quarantine_app = typer.Typer(
    help="Rows that break the contract: look at them, repair them, land them again.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    quarantine_app.command("list")(list_quarantine)
    quarantine_app.command("show")(show_quarantine)
    quarantine_app.command("replay")(replay)
    app.add_typer(quarantine_app, name="quarantine")
    app.command("files")(files)
    app.command("unland")(unland)


def list_quarantine(
    file: FileOption = None, reason: ReasonOption = None, kind: KindOption = None, as_json: JsonFlag = False
) -> None:
    """Count the rows in quarantine by file and reason, with the first line and what was wrong there.

    Rows that were repaired and replayed have left quarantine; rows of files that were taken out do not count.
    """
    from jobs.landing.read_quarantine import Choice, run_list

    summary = run_list(get_settings(), Choice(file, reason, kind.value if kind else None))
    _print("In quarantine", summary, as_json)


def show_quarantine(
    file: FileOption = None,
    reason: ReasonOption = None,
    kind: KindOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Rows; by default 20 are shown, and all are exported.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the rows to a new .jsonl or .csv file, to be repaired and replayed, and show none."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show rows in quarantine: file, line, reason, what was wrong, and the raw text.

    With --export they are written to a file of one row each: where the row came from (file_sha, line: leave them),
    why it was rejected, its raw text, and its fields in our contract as they were read. Repair the fields, take out
    what shall stay in quarantine, and land it with `reco quarantine replay FILE`.
    """
    from jobs.landing.read_quarantine import Choice, run_show

    summary = run_show(get_settings(), Choice(file, reason, kind.value if kind else None), limit, export)
    _print("In quarantine", summary, as_json)


def replay(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A repaired export of `reco quarantine show`.")],
    as_json: JsonFlag = False,
) -> None:
    """Land repaired rows.

    Each row is checked again; what still breaks the contract stays in quarantine and is counted. What is landed
    leaves quarantine and becomes a file of its own in the ledger, which names the original. Safe to repeat: a row
    that was replayed is not landed twice. `reco unland` takes a replay out again.
    """
    from jobs.landing.replay_rows import run

    print_summary("Replayed rows", run(path, get_settings(), datetime.now(UTC)), as_json)


def files(
    kind: KindOption = None,
    state: Annotated[
        _State | None, typer.Option("--state", help="Only files that count, or that were taken out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the landed files, the last change last: kind, state, rows, dates.

    For each file lines in = landed + quarantined + replayed. Late rows are of days before the newest day that was
    landed when they came (landing.late_after_days). A file that `replays` another one holds repaired rows of it.
    """
    from jobs.landing.list_files import run

    summary = run(get_settings(), kind.value if kind else None, state.value if state else None)
    _print("Landed files", summary, as_json)


def unland(
    wanted: Annotated[
        str,
        typer.Argument(metavar="FILE_OR_SHA", help="The file: its hash (or the start of it), its path or its name."),
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Take back in what was taken out.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take a landed file out of every mart. Nothing is deleted.

    The ledger marks the file and what was repaired of it; with the next `reco dbt build` their rows leave the marts,
    and duplicates of them that came in other files take their place. Importing the same file again, or --undo, takes
    it back in. `reco land-inbox` leaves it out although it still lies in the inbox.
    """
    from jobs.landing.unland_files import run

    summary = run(wanted, get_settings(), datetime.now(UTC), is_undo=undo)
    print_summary("Took a file back in" if undo else "Took a file out", summary, as_json)


def _print(title: str, summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_summary(title, summary, as_json)
        return
    print_rows(summary.get("rows", []), title)
    print_summary("", {name: value for name, value in summary.items() if name != "rows"}, as_json)
