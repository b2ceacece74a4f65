"""The steps of the demo, each one a command that a person could have typed."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jobs.operations.airflow_home import BY_HAND_ONLY, ROOT, airflow_command, airflow_environment
from jobs.operations.demo_workspace import Workspace, set_address, workspace_environment
from jobs.operations.follow_dag_run import RunProgress
from jobs.operations.free_port import choose_port
from jobs.operations.supervise_processes import Supervisor
from jobs.operations.tell_progress import Teller
from reco_contracts.artifacts import Layout
from reco_contracts.errors import RecoError
from reco_contracts.settings import PathsSection, load_settings

DAG_ID: Final = "recommendations_daily"
DAG_TASKS: Final = 19  # a test counts them
HOST: Final = "127.0.0.1"
SHOP: Final = ("--users", "5000", "--items", "2000", "--days", "60")
_SHOWN_ITEMS: Final = 5
_STORE_PORT: Final = 6379
_STARTUP_SECONDS: Final = 60.0


@dataclass(slots=True)
class Demo:
    """One demo while it runs.

    Attributes:
        workspace: its folder.
        source: the log to import; None simulates a shop.
        api_port: the wanted port of the lookup API.
        supervisor: everything that it starts.
        teller: what people see.
        seconds: how long each step took.
    """

    workspace: Workspace
    source: Path | None
    api_port: int
    supervisor: Supervisor
    teller: Teller
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The paths of the workspace."""
        return Layout(self.workspace.folder)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every process of the demo."""
        return workspace_environment(self.workspace, os.environ)

    @property
    def airflow_environment(self) -> dict[str, str]:
        """The same for Airflow's processes."""
        # A retry after a minute helps a nightly run; here somebody is waiting for the reason.
        return airflow_environment(self.layout, 0, self.environment | BY_HAND_ONLY | {"RECO_TASK_RETRIES": "off"})

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Show and time one step."""
        started = time.monotonic()
        with self.teller.step(title):
            yield
        self.seconds[name] = round(time.monotonic() - started, 1)


def start_migration(demo: Demo) -> "subprocess.Popen[bytes]":
    """Begin to make Airflow's tables; it takes a while and needs nothing of the log."""
    command = airflow_command("db", "migrate")
    return demo.supervisor.start("airflow db migrate", command, demo.airflow_environment, demo.workspace.log("airflow"))


def finish_migration(demo: Demo, process: "subprocess.Popen[bytes]") -> None:
    """Wait for Airflow's tables.

    Raises:
        RecoError: Airflow could not make them.
    """
    exit_code = process.wait(timeout=600)
    demo.supervisor.stop(process)
    if exit_code:
        log = demo.workspace.log("airflow")
        raise RecoError(f"`airflow db migrate` ended with exit code {exit_code}; the end of {log}:\n{_tail(log)}")


def land(demo: Demo) -> str:
    """Import the log; without one, simulate a shop first, or take the one that is there.

    Returns:
        The last landed date, ISO.

    Raises:
        RecoError: the command failed, or nothing was landed.
    """
    log = demo.source.resolve() if demo.source else demo.workspace.folder / "shop"
    if demo.source is None and not log.exists():
        run_reco(demo, "simulate", "--out", str(log), *SHOP)
    summary = run_reco(demo, "import", str(log))
    demo.teller.say(_landed(summary))
    if not (last := summary.get("last_event_date")):
        raise RecoError(f"nothing has been landed, so there is no day to run for; the import said {summary}")
    return str(last)


def _landed(summary: dict[str, Any]) -> str:
    if summary["already_landed"] == summary["files"]:
        return f"      all {summary['files']} files are landed already, up to {summary['last_event_date']}"
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in summary["quarantined_by_reason"].items())
    return (
        f"      {summary['lines_in']:,} lines = {summary['landed']:,} landed + {summary['quarantined']:,} quarantined"
        f"{f' ({reasons})' if reasons else ''}; {summary['first_event_date']} to {summary['last_event_date']}"
    )


def start_store(demo: Demo) -> str:
    """Start the embedded store, and note its address in the workspace's settings; gives the address."""
    port = choose_port(HOST, _STORE_PORT).port
    url = _start_service(demo, "store", "store", "start", "--port", str(port))
    set_address(demo.workspace, "redis", "url", url)
    return url


def start_api(demo: Demo) -> str:
    """Start the lookup API, and note its port in the workspace's settings; gives its address."""
    port = choose_port(HOST, demo.api_port).port
    url = _start_service(demo, "api", "serve", "--port", str(port))
    set_address(demo.workspace, "serving", "port", int(url.rstrip("/").rpartition(":")[2]))
    return url


def run_dag(demo: Demo, run_date: str) -> None:
    """Run the DAG in one process, and show its tasks as they end.

    Raises:
        RecoError: the run ended red; names the task, its last lines and the line to repeat it by hand.
    """
    log = demo.workspace.log("dag_run")
    log.unlink(missing_ok=True)
    command = airflow_command("dags", "test", DAG_ID, "--conf", json.dumps({"run_date": run_date}))
    process = demo.supervisor.start("airflow dags test", command, demo.airflow_environment, log, cwd=ROOT)
    demo.teller.say(f"      everything it says: {log}")
    try:
        progress = _follow(demo.teller, process, log)
    finally:
        # After SIGTERM Airflow would go on with the next task.
        demo.supervisor.stop(process, at_once=True)
    if process.returncode:
        raise RecoError(_why_red(progress, log))


def show_users(demo: Demo, api_url: str) -> dict[str, Any]:
    """Print a few users' lists as the API serves them.

    Returns:
        The live generation, and the ids of the users.
    """
    from jobs.publishing.show_lists import run

    settings = load_settings(paths=PathsSection(data=demo.workspace.folder))
    picked = run(settings, [], limit=1, url=api_url, is_quiet=True)
    run(settings, list(picked["lists"]), limit=_SHOWN_ITEMS, url=api_url)
    return {"generation": picked["generation"], "users": list(picked["lists"])}


def run_reco(demo: Demo, *arguments: str) -> dict[str, Any]:
    """Run a `reco` command to its end and give its summary; its progress goes to our terminal.

    Args:
        demo: whose settings it takes.
        arguments: what follows `reco`.

    Raises:
        RecoError: it failed.
    """
    command = _reco_command(*arguments, "--json")
    # Its bars and its summary say enough; a warning is still shown.
    environment = {"RECO_LOG_LEVEL": "WARNING"} | demo.environment
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        output, _ = process.communicate()
    except BaseException:
        demo.supervisor.stop(process)
        raise
    if process.returncode:
        line = f"RECO_CONFIG={shlex.quote(str(demo.workspace.config))} {shlex.join(command)}"
        raise RecoError(f"`reco {arguments[0]}` ended with exit code {process.returncode}; by hand:\n  {line}")
    text = output.decode(errors="replace")
    summary = _json_object(text.rstrip().rpartition("\n")[2])
    if summary is None:
        raise RecoError(f"`reco {arguments[0]} --json` ended without its summary; got {text[-500:]!r}")
    return summary


def _start_service(demo: Demo, name: str, *arguments: str) -> str:
    """Start a `reco` command that stays, and wait for the summary in which it says its address."""
    log = demo.workspace.log(name)
    log.unlink(missing_ok=True)
    process = demo.supervisor.start(name, _reco_command(*arguments, "--json"), demo.environment, log, cwd=ROOT)
    deadline = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if (summary := _json_object(line)) and "url" in summary:
                return str(summary["url"])
        time.sleep(0.1)
    raise RecoError(f"`reco {' '.join(arguments)}` did not start; the end of {log}:\n{_tail(log)}")


def _follow(teller: Teller, process: "subprocess.Popen[bytes]", log: Path) -> RunProgress:
    progress, started = RunProgress(), time.monotonic()
    with log.open(encoding="utf-8", errors="replace") as file:
        while True:
            is_over = process.poll() is not None
            for line in _whole_lines(file):
                before = progress.current
                if ended := progress.read_line(line):
                    teller.task_ended(f"{progress.done}/{DAG_TASKS} {ended}", time.monotonic() - started)
                elif progress.current is not before:
                    started = time.monotonic()
            if is_over:
                return progress
            if progress.current:
                shown = f"{progress.done + 1}/{DAG_TASKS} {progress.current.task_id}"
                teller.task_runs(shown, time.monotonic() - started)
            time.sleep(0.1)


def _whole_lines(file: Any) -> Iterator[str]:
    """The lines that are complete; the beginning of one is left for the next time."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return
        yield line


def _why_red(progress: RunProgress, log: Path) -> str:
    failed = progress.failed_tasks()
    if not failed:
        return f"the DAG run ended red; the end of {log}:\n{_tail(log)}"
    first = failed[0]
    said = "\n".join(f"  {line}" for line in first.output) or "  (nothing)"
    again = f"\nto repeat it by hand:\n  {first.shell_line}" if first.shell_line else ""
    return f"the task {first.task_id} failed; its last lines were\n{said}\neverything: {log}{again}"


def _reco_command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("reco")), *arguments]


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
