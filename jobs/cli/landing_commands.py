"""`reco import`, `reco land-inbox`, `reco simulate`: how logs get in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.errors import ContractError
from reco_contracts.settings import get_settings

_KINDS = ("items", "users")


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("import")(import_log)
    app.command("land-inbox")(land_inbox)
    app.command("drain-events")(drain_events)
    app.command("simulate")(simulate)


def import_log(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[items|users] PATH",
            help="The log, a file or a folder. With `items` or `users` before it: a dated snapshot of those.",
        ),
    ],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto looks at the content; or movielens, online-retail, complete-journey, events (our own contract).",
        ),
    ] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="NAME=COLUMN,...",
            help="Other column names, e.g. user_id=customer,item_id=sku,occurred_at=ts.",
        ),
    ] = None,
    snapshot_date: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="A snapshot's date; by default the one in the file's name."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Land a real log, or a dated snapshot of items or users.

    Valid rows go to data/landing, by date; rows that break the contract go to data/quarantine with a reason,
    the line and the raw text, and are counted at the end. The same content twice is landed once. A file that is
    no log is refused, and nothing of it is landed.

    Our contract (`--format events`) is CSV, JSON Lines or Parquet, gzipped or not, with at least the columns
    user_id, item_id, event_type and occurred_at; purchases, returns and ratings need a value too.

    Examples: `reco import shop.csv.gz` · `reco import ml-latest-small/` ·
    `reco import log.jsonl --map user_id=customer,item_id=sku` · `reco import items catalogue-2026-01-31.csv`
    """
    from jobs.landing.import_log import run_import, run_import_snapshot

    now = datetime.now(UTC)
    mapping = _parse_map(columns)
    if len(what) == 2 and what[0] in _KINDS:
        if format_name not in ("auto", "events"):
            raise ContractError(f"--format {format_name}: a snapshot of {what[0]} comes in our own contract")
        day = snapshot_date.date() if snapshot_date else None
        kind: Any = what[0]
        summary = run_import_snapshot(kind, Path(what[1]), mapping, day, get_settings(), now)
        print_summary(f"Landed a snapshot of {what[0]}", summary, as_json)
        return
    if len(what) != 1:
        raise ContractError(f"reco import {' '.join(what)}: expected PATH, items PATH or users PATH")
    if snapshot_date is not None:
        raise ContractError(
            "--date goes with a snapshot: reco import items|users PATH --date D; events carry their own"
        )
    print_summary("Landed a log", run_import(Path(what[0]), format_name, mapping, get_settings(), now), as_json)


def land_inbox(as_json: JsonFlag = False) -> None:
    """Land every new file of data/inbox/events, items and users.

    Files are landed in order of their names and left where they are; the ledger knows them afterwards. Snapshots
    of items and users need a date in their name (items-2026-01-31.csv). A file that is refused does not stop the
    others, but the command ends with an error that names it.
    """
    from jobs.landing.land_inbox import run

    print_summary("Landed the inbox", run(get_settings(), datetime.now(UTC)), as_json)


def drain_events(as_json: JsonFlag = False) -> None:
    """Take posted events and served records out of the store's streams, and land them.

    An entry leaves its stream when its file is in place: killed at any moment, the next drain goes on. A served
    record becomes one impression an item. Posted events keep their ids, and what lands twice counts once in the
    warehouse. The DAG events_drain runs this every few minutes.
    """
    from jobs.draining.drain_events import run

    print_summary("Drained the streams", run(get_settings(), datetime.now(UTC)), as_json)


def simulate(
    out: Annotated[Path, typer.Option("--out", help="Folder for the shop's files; must be new or empty.")],
    users: Annotated[int, typer.Option(min=1, help="Users.")] = 5_000,
    items: Annotated[int, typer.Option(min=10, help="Items.")] = 2_000,
    days: Annotated[int, typer.Option(min=1, help="Days of log.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, YYYY-MM-DD.")] = "2026-01-01",  # type: ignore[assignment]  # typer parses a default that is text
    as_json: JsonFlag = False,
) -> None:
    """Make the log of a shop whose users have known tastes.

    Writes events, items and users in our own contract, a file a day, and the truth beside them in ground_truth/.
    Land it with `reco import DIR`.
    """
    from jobs.simulation.simulate_shop import ShopSize, run

    size = ShopSize(users=users, items=items, days=days, seed=seed, start=start.date())
    print_summary("Simulated a shop", run(size, out), as_json)


def _parse_map(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    wrong = [name or column for name, equals, column in pairs if not (name.strip() and equals and column.strip())]
    if wrong:
        raise ContractError(f"--map {text}: expected NAME=COLUMN,NAME=COLUMN,...; cannot read {', '.join(wrong)!r}")
    return {name.strip(): column.strip() for name, _, column in pairs}
