"""Airflow's own UI with our DAGs, on loopback, for one machine."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from jobs.operations.airflow_home import (
    ADMIN,
    ROOT,
    admin_password,
    airflow_command,
    airflow_environment,
    prepare_database,
)
from jobs.operations.free_port import choose_port
from jobs.operations.process_identity import is_running
from jobs.operations.supervise_processes import (
    Supervisor,
    read_pid_file,
    stop_signals_raise,
    stop_supervisor,
    supervise,
)
from jobs.operations.tell_progress import Teller
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ConfigError, RecoError

HOST: Final = "127.0.0.1"
USUAL_PORT: Final = 8080
# No task of ours waits for a trigger, so the fourth component of `airflow standalone` is left out.
COMPONENTS: Final = ("scheduler", "dag-processor", "api-server")
_STARTUP_SECONDS: Final = 180.0


@contextmanager
def running_airflow(
    layout: Layout, base: Mapping[str, str], wanted_port: int = USUAL_PORT
) -> Iterator[tuple[dict[str, Any], Supervisor]]:
    """Run scheduler, DAG processor and API server while the block runs.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, and whatever has been started
    is stopped on the way out.

    Args:
        layout: the data folder that the DAGs work on; Airflow's home is in it.
        base: the environment of the tasks, with the settings file that they read.
        wanted_port: the usual port of Airflow's UI; another free one is taken when it is taken.

    Yields:
        Address and login, and the supervisor of what runs.

    Raises:
        ConfigError: Airflow runs already in this home, or refuses its database.
        RecoError: a component did not start.
    """
    home = layout.airflow
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid_file = home / "reco-airflow.pid"
    _refuse_second(pid_file)
    port = choose_port(HOST, wanted_port).port
    environment = airflow_environment(layout, port, base)
    teller = Teller(steps=2)
    with stop_signals_raise(), supervise(pid_file) as supervisor:
        with teller.step("Make Airflow's tables and the pool for DuckDB's one writer"):
            supervisor.logs.mkdir(parents=True, exist_ok=True)
            prepare_database(environment, supervisor.logs / "database.log")
        with teller.step("Start scheduler, DAG processor and API server"):
            for name in COMPONENTS:
                log = supervisor.logs / f"{name}.log"
                log.unlink(missing_ok=True)
                supervisor.start(name, airflow_command(name), environment, log, cwd=ROOT)
            url = environment["AIRFLOW__API__BASE_URL"]
            _wait_until_ready(supervisor, url, teller)
        yield {"url": url, "user": ADMIN, "password": admin_password(layout), "logs": str(supervisor.logs)}, supervisor


def wait_until_stopped(supervisor: Supervisor) -> None:
    """Stay until KeyboardInterrupt.

    Raises:
        RecoError: a component has ended by itself.
    """
    while True:
        time.sleep(0.5)
        _raise_if_ended(supervisor)


def _refuse_second(pid_file: Path) -> None:
    known = read_pid_file(pid_file)
    if known and is_running(known.owner):
        raise ConfigError(f"Airflow runs already in {pid_file.parent} (process {known.owner.pid}); stop it with Ctrl-C")
    stop_supervisor(pid_file)


def _wait_until_ready(supervisor: Supervisor, url: str, teller: Teller) -> None:
    started = time.monotonic()
    while time.monotonic() - started < _STARTUP_SECONDS:
        _raise_if_ended(supervisor)
        if _answers(f"{url}/api/v2/version"):
            return
        teller.task_runs("waiting for the API server", time.monotonic() - started)
        time.sleep(0.3)
    raise RecoError(f"Airflow's API server did not answer within {_STARTUP_SECONDS:.0f} s; see {supervisor.logs}")


def _raise_if_ended(supervisor: Supervisor) -> None:
    if ended := supervisor.stopped_child():
        raise RecoError(f"Airflow's {ended} has ended by itself; {supervisor.logs / ended}.log says why")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except (urllib.error.URLError, OSError):
        return False
