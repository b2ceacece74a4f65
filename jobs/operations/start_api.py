"""Run the lookup API as a process of its own, which is ours to stop."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.operations.free_port import choose_port
from jobs.operations.supervise_processes import stop_process
from reco_contracts.errors import StoreUnavailableError
from reco_contracts.settings import Settings

# By its import string: the jobs do not know the API's code, only its name.
_APPLICATION = "serving_api.app:app"
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How the API runs; None = from [serving].

    Attributes:
        port: wanted port; 0 = any free one.
        workers: processes.
        environment: further variables for the process, such as RECO_REDIS__URL.
        application: import string of the application; benchmarks run another one the same way.
        interface: what the application speaks; rsgi is granian's own, and our API speaks it faster than asgi.
    """

    port: int | None = None
    workers: int | None = None
    environment: dict[str, str] | None = None
    application: str = _APPLICATION
    interface: str = "rsgi"


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A running API.

    Attributes:
        url: http:// address without a slash at the end.
        port: TCP port.
        is_substitute_port: true when the wanted port was taken.
        process: the server's main process.
    """

    url: str
    port: int
    is_substitute_port: bool
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The main process's id."""
        return self.process.pid

    def raise_if_dead(self) -> None:
        """Check that the server still runs.

        Raises:
            StoreUnavailableError: it has ended by itself.
        """
        status = self.process.poll()
        if status is not None:
            raise StoreUnavailableError(f"the lookup API at {self.url} ended with status {status}; its log is above")


@contextmanager
def lookup_api(settings: Settings, options: ApiOptions | None = None) -> Iterator[ApiProcess]:
    """Run the API while the block runs; it answers when the block begins.

    Its settings are the environment's and reco.toml's, like those of every process.

    Args:
        settings: host, port and workers.
        options: what differs.

    Raises:
        StoreUnavailableError: it does not start.
    """
    options = options or ApiOptions()
    wanted = settings.serving.port if options.port is None else options.port
    host = settings.serving.host
    choice = choose_port(host, wanted)
    process = subprocess.Popen(
        _command(settings, choice.port, options),
        env={**os.environ, **(options.environment or {})},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server
    )
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else "[::1]" if host == "::" else host  # noqa: S104 - read, not bound
    api = ApiProcess(f"http://{shown}:{choice.port}", choice.port, choice.is_substitute, process)
    try:
        _wait_until_alive(api)
        yield api
    finally:
        stop_process(process, _STOP_SECONDS)


def _command(settings: Settings, port: int, options: ApiOptions) -> list[str]:
    host, workers = settings.serving.host, options.workers or settings.serving.workers
    idle = str(round(settings.doors.idle_timeout_seconds * 1_000))
    return [
        *(sys.executable, "-m", "granian", "--interface", options.interface, "--loop", "uvloop"),
        *("--http", "1", "--no-ws"),
        *("--host", host, "--port", str(port), "--workers", str(workers), "--respawn-failed-workers"),
        *("--http1-header-read-timeout", idle, "--no-access-log", "--log-level", "warning", options.application),
    ]


def _wait_until_alive(api: ApiProcess) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        api.raise_if_dead()
        try:
            with urllib.request.urlopen(f"{api.url}/healthz", timeout=1.0):  # noqa: S310 - our own http address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise StoreUnavailableError(f"the lookup API did not answer at {api.url} within {_START_SECONDS:.0f} s")
