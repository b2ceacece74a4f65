"""Commands of `reco` that publish, roll back, serve and show; jobs are imported when they run."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.settings import get_settings

store_app = typer.Typer(help="The embedded store: a Redis-protocol server for one machine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("publish-lists")(publish_lists)
    app.command("renew-lists")(renew_lists)
    app.command("rollback")(rollback)
    app.command("serve")(serve)
    app.command("show")(show)
    store_app.command("start")(store_start)
    app.add_typer(store_app, name="store")


def publish_lists(
    generation: Annotated[str, typer.Option("--generation", "-g", help="Name of a folder below data/lists.")],
    force: Annotated[
        bool, typer.Option("--force", help="Publish although the live generation is of a later run date.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put a generation's lists into the store beside the live one, check them, then make it live.

    Readers see the old lists or the new ones, never a mixture. The generation that
    was live stays in the store for `reco rollback`; everything older goes. Publishing
    the live generation again changes nothing but its expiry.
    """
    from jobs.publishing.publish_lists import run

    print_summary(f"Published {generation}", run(generation, get_settings(), is_forced=force), as_json)


def renew_lists(as_json: JsonFlag = False) -> None:
    """Give the live and the previous generation their full lifetime again.

    Lists expire after publish.safety_ttl_days unless a publish, a rollback or this
    command renews them. Run it on days when nothing is published.
    """
    from jobs.publishing.publish_lists import renew

    print_summary("Renewed", renew(get_settings()), as_json)


def rollback(as_json: JsonFlag = False) -> None:
    """Make the previous generation live again, in one step.

    The abandoned generation is the first to go at the next publish. A second
    rollback is refused: there is nothing further back. Features are not part of a
    generation and stay as they are.
    """
    from jobs.publishing.rollback_generation import run

    print_summary("Rolled back", run(get_settings()), as_json)


def serve(
    port: Annotated[int | None, typer.Option("--port", help="Default: serving.port; 0 = any free port.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes. Default: serving.workers.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run the lookup API in the foreground; Ctrl-C stops it.

    Takes another free port when the usual one is taken, and prints the address. The
    summary comes when the API answers, not at the end.
    """
    from jobs.operations.start_api import ApiOptions, lookup_api

    settings = get_settings()
    with _until_stopped() as stopped, lookup_api(settings, ApiOptions(port=port, workers=workers)) as api:
        if api.is_substitute_port:
            _say(f"port {settings.serving.port if port is None else port} is taken, using {api.port}")
        print_summary(
            "Lookup API", {"url": api.url, "docs": f"{api.url}/docs", "pid": str(api.pid), "stop": "Ctrl-C"}, as_json
        )
        while not stopped.wait(0.5):
            api.raise_if_dead()


def show(
    users: Annotated[list[str] | None, typer.Argument(help="User ids; without any, a few are picked.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Items a user.")] = 10,
    url: Annotated[str | None, typer.Option("--url", help="The lookup API. Default: from [serving].")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show users' lists with titles, scores and reasons, as the lookup API serves them."""
    from jobs.publishing.show_lists import run

    print_summary("Shown", run(get_settings(), users or [], limit=limit, url=url, is_quiet=as_json), as_json)


def store_start(
    port: Annotated[int, typer.Option("--port", help="Wanted port; 0 = any free one.")] = 6379,
    durable: Annotated[bool, typer.Option("--durable/--volatile", help="Keep the data over a restart.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Run the embedded store in the foreground, on this machine only; Ctrl-C stops it.

    Its files are in data/store. Takes another free port when the wanted one is
    taken, and prints the address.
    """
    from jobs.publishing.embedded_store import StoreOptions, embedded_store

    settings = get_settings()
    password = settings.redis.password.get_secret_value() if settings.redis.password else None
    options = StoreOptions(port=port, is_durable=durable, password=password)
    with _until_stopped() as stopped, embedded_store(settings.layout.store, options) as store:
        if store.is_substitute_port:
            _say(f"port {port} is taken, using {store.port}; set RECO_REDIS__URL={store.url}")
        print_summary("Embedded store", {"url": store.url, "pid": str(store.pid), "stop": "Ctrl-C"}, as_json)
        stopped.wait()


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, so that `finally` blocks run on both."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
