"""The whole platform once, on one machine: land, run the DAG, publish, serve, show."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from jobs.operations.demo_steps import (
    DAG_ID,
    SHOP,
    Demo,
    finish_migration,
    land,
    run_dag,
    show_users,
    start_api,
    start_migration,
    start_store,
)
from jobs.operations.demo_workspace import Workspace, find_workspace, workspace_for, workspaces, write_config
from jobs.operations.process_identity import is_running
from jobs.operations.report_run import describe_run
from jobs.operations.supervise_processes import (
    Supervisor,
    read_pid_file,
    stop_signals_raise,
    stop_supervisor,
    supervise,
)
from jobs.operations.tell_progress import Teller
from reco_contracts.errors import ConfigError, RecoError
from reco_contracts.settings import Settings


@contextmanager
def running_demo(settings: Settings, source: Path | None) -> Iterator[tuple[dict[str, Any], Supervisor]]:
    """Run every step of the demo; store and API stay up while the block runs.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, and whatever has been started
    is stopped on the way out.

    Args:
        settings: where the data folder is, and the wanted port of the API.
        source: the log to import; None simulates a shop.

    Yields:
        The summary, and the supervisor of what runs.

    Raises:
        ConfigError: a demo of this workspace runs already.
        ContractError: the source is no log.
        RecoError: a step failed; says which, and the line to repeat it by hand.
    """
    workspace = workspace_for(settings.layout.root, source)
    _refuse_second(workspace)
    preset = _format_of(source)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    write_config(workspace, preset)
    with stop_signals_raise(), supervise(workspace.pid_file) as supervisor:
        demo = Demo(workspace, source, settings.serving.port, supervisor, Teller(steps=6))
        yield _take_steps(demo), supervisor


def wait_until_stopped(supervisor: Supervisor) -> None:
    """Stay until KeyboardInterrupt.

    Raises:
        RecoError: a process of the demo has ended by itself.
    """
    while True:
        time.sleep(0.5)
        if ended := supervisor.stopped_child():
            raise RecoError(f"the process `{ended}` has ended by itself; its log in {supervisor.logs} says why")


def stop(settings: Settings, name: str | None = None) -> dict[str, Any]:
    """Stop the demos that run on a data folder, and nothing else.

    Args:
        settings: where the data folder is.
        name: one workspace; None stops all of them.

    Returns:
        The names of the workspaces that ran, and of those that did not.

    Raises:
        ConfigError: there is no workspace of that name.
    """
    root = settings.layout.root
    known = [find_workspace(root, name)] if name else workspaces(root)
    stopped = [space.folder.name for space in known if stop_supervisor(space.pid_file)]
    return {"stopped": stopped, "not_running": [s.folder.name for s in known if s.folder.name not in stopped]}


def _take_steps(demo: Demo) -> dict[str, Any]:
    migration = start_migration(demo)
    with demo.step("land", _landing_title(demo.source)):
        run_date = land(demo)
    with demo.step("store", "Start the embedded store"):
        store_url = start_store(demo)
    with demo.step("airflow", "Make Airflow's tables"):
        finish_migration(demo, migration)
    with demo.step("dag", f"Run the DAG {DAG_ID} for {run_date}, the last day of the log"):
        run_dag(demo, run_date)
    with demo.step("api", "Start the lookup API"):
        api_url = start_api(demo)
    with demo.step("show", "Show a few users' lists"):
        shown = show_users(demo, api_url)
    return _summary(demo, run_date, api_url, store_url) | shown


def _refuse_second(workspace: Workspace) -> None:
    """Refuse while a demo of the workspace runs; clean up behind one that was killed."""
    known = read_pid_file(workspace.pid_file)
    if known and is_running(known.owner):
        raise ConfigError(
            f"a demo runs already in {workspace.folder} (process {known.owner.pid}); "
            "stop it with Ctrl-C there or `make stop` here, then start again"
        )
    stop_supervisor(workspace.pid_file)


def _format_of(source: Path | None) -> str | None:
    """The kind of a log, before anything is made for it; refuses what is no log."""
    if source is None:
        return None
    from jobs.landing.importers.formats import AUTO, choose_importer

    return choose_importer(source, AUTO, is_mapped=False).name


def _landing_title(source: Path | None) -> str:
    return f"Import {source}" if source else f"Simulate a shop (reco simulate {' '.join(SHOP)})"


def _summary(demo: Demo, run_date: str, api_url: str, store_url: str) -> dict[str, Any]:
    page = describe_run(date.fromisoformat(run_date), demo.layout)
    return {
        "workspace": str(demo.workspace.folder),
        **{part: page[part] for part in ("run_date", "landing", "evaluation", "checks", "lists")},
        "api": api_url,
        "docs": f"{api_url}/docs",
        "store": store_url,
        "settings": str(demo.workspace.config),
        "analytics": str(demo.layout.analytics),
        "data_docs": page["data_docs"],
        "seconds": demo.seconds | {"total": round(sum(demo.seconds.values()), 1)},
    }
