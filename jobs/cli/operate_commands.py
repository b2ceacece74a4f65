"""Commands that run the platform: the demo, Airflow, and what the DAG's first and last tasks do."""

import os
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from jobs.cli.output import JsonFlag, print_summary
from reco_contracts.artifacts import Layout
from reco_contracts.settings import config_file, get_settings


def register(app: typer.Typer) -> None:
    """Add the commands to `reco`."""
    app.command("demo")(demo)
    app.command("stop")(stop)
    app.command("airflow")(airflow)
    app.command("resolve-run-date")(resolve_run_date)
    app.command("report-run")(report_run)


def demo(
    data: Annotated[
        Path | None, typer.Option("--data", help="Your own log, a file or a folder. Default: a simulated shop.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Stay with the API running, or stop everything after showing.")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Run everything once: land a log, run the DAG, publish, start the API, show a few lists.

    Everything is kept in data/demo/NAME with settings of its own. Stays in the foreground with the lookup API
    running; Ctrl-C, or `reco stop` in another shell, stops what was started here and nothing else. A second run
    uses the landed log again.
    """
    from jobs.operations.run_demo import running_demo, wait_until_stopped

    is_shown = False
    try:
        with running_demo(get_settings(), data.expanduser() if data else None) as (summary, supervisor):
            if not as_json:
                _print_next_steps(summary)
            print_summary("Demo", summary, as_json)
            is_shown = True
            if wait:
                _say(f"Ctrl-C, or `make stop` in another shell, stops it. Address: {summary['api']}")
                wait_until_stopped(supervisor)
    except KeyboardInterrupt:
        _say("Stopped: everything that was started here has ended.")
        raise typer.Exit(0 if is_shown else 130) from None


def stop(
    name: Annotated[str | None, typer.Argument(help="The demo's name, as in data/demo/NAME. Default: all.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Stop a demo that runs in another shell, and nothing else."""
    from jobs.operations.run_demo import stop as run

    print_summary("Stopped", run(get_settings(), name), as_json)


def airflow(
    workspace: Annotated[
        str | None,
        typer.Option("--data-workspace", help="Work on the data of a demo, data/demo/NAME. Default: RECO_CONFIG's."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", help="Wanted port of the UI; another free one when it is taken.")
    ] = 8080,
    as_json: JsonFlag = False,
) -> None:
    """Run Airflow's own UI with the DAGs, on this machine only; the login is printed. Ctrl-C stops it.

    The publishing tasks need the store that redis.url names: with a demo's data, keep the demo running, or start
    one with `reco store start`.
    """
    from jobs.operations.airflow_home import BY_HAND_ONLY
    from jobs.operations.demo_workspace import find_workspace, own_commands_first, workspace_environment
    from jobs.operations.start_airflow import running_airflow, wait_until_stopped

    layout = get_settings().layout
    environment = own_commands_first(os.environ) | _absolute_settings(layout)
    if workspace:
        space = find_workspace(layout.root, workspace)
        layout, environment = Layout(space.folder), workspace_environment(space, os.environ) | BY_HAND_ONLY
    is_shown = False
    try:
        with running_airflow(layout, environment, port) as (summary, supervisor):
            schedule = "off, trigger runs by hand: a demo's log ends in the past" if workspace else "on, once unpaused"
            print_summary(
                "Airflow (Ctrl-C stops it)", summary | {"data": str(layout.root), "schedule": schedule}, as_json
            )
            is_shown = True
            wait_until_stopped(supervisor)
    except KeyboardInterrupt:
        _say("Stopped: everything that was started here has ended.")
        raise typer.Exit(0 if is_shown else 130) from None


def resolve_run_date(
    param: Annotated[str | None, typer.Option(help="What was asked for, YYYY-MM-DD.")] = None,
    interval_start: Annotated[str | None, typer.Option(help="Start of the data interval, ISO time.")] = None,
    run_after: Annotated[str | None, typer.Option(help="When the run was due, ISO time.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide which day a run is for; the DAG's first task.

    The param if given, else the day on which the data interval starts, else the day before the run was due. UTC.
    """
    from jobs.operations.resolve_run_date import run

    print_summary("Run date", run(param, interval_start, run_after), as_json)


def report_run(
    run_date: Annotated[
        datetime | None, typer.Option("--run-date", formats=["%Y-%m-%d"], help="The day that the run is for.")
    ] = None,
    failed_task: Annotated[
        list[str] | None, typer.Option("--failed-task", help="A task that failed; the command then ends with an error.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Print one page about a run: rows, verdict of the evaluation, checks, generation, reports.

    The DAG's last task. It runs whatever happened before, and ends red when a task failed.
    """
    from jobs.operations.report_run import raise_if_red, run

    day = run_date.date() if run_date else None
    page = run(day, get_settings())
    print_summary(f"Run for {day or 'an unknown day'}", page, as_json)
    raise_if_red(day, failed_task or [], page["live"])


def _absolute_settings(layout: Layout) -> dict[str, str]:
    """What makes a process in another folder read the same settings."""
    path = config_file()
    return {"RECO_CONFIG": str(path)} if path.is_file() else {"RECO_PATHS__DATA": str(layout.root)}


def _print_next_steps(summary: dict[str, Any]) -> None:
    executable = Path(sys.executable).with_name("reco")
    reco = f"RECO_CONFIG={shlex.quote(_near(summary['settings']))} {shlex.quote(_near(executable))}"
    user = summary["users"][0]
    analytics = _near(summary["analytics"])
    query = f"import duckdb; duckdb.connect('{analytics}', read_only=True).sql('{_QUERY}').show()"
    lines = [
        "",
        f"Lookup API   {summary['api']}",
        f"its pages    {summary['docs']}",
        *(f"data docs    {path}" for path in summary["data_docs"]),
        "",
        "Try next, from another shell:",
        f"  curl -s '{summary['api']}/v1/users/{quote(user, safe='')}/recommendations?limit=5'",
        f"  {reco} show {shlex.quote(user)}",
        f"  {reco} report-run --run-date {summary['run_date']}",
        f'  {shlex.quote(_near(sys.executable))} -c "{query}"',
        f"  make airflow WORKSPACE={shlex.quote(Path(summary['workspace']).name)}",
        "  make stop",
        "",
    ]
    typer.echo("\n".join(lines))


_QUERY = "select * from marts.rpt_catalogue_coverage"


def _near(path: str | Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else str(path)


def _say(text: str) -> None:
    typer.echo(text, err=True)
