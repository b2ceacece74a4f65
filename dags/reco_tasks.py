"""The one operator of our DAGs: a task is a `reco` command in a subprocess.

Nothing is computed in Airflow's own process. The first line of a task's log is
the shell line that does the same by hand.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from reco_contracts.errors import (
    ConfigError,
    ContractError,
    EmptyPartitionError,
    GateRefusedError,
    ValidationFailedError,
)

ROOT = Path(__file__).resolve().parents[1]
WRITER_POOL = "duckdb_writer"  # one slot: an open DuckDB writer blocks every other process

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "data-platform",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(hours=2),
}

# These say no for a reason that the next attempt would meet again.
_REFUSALS = {
    error.exit_code
    for error in (ConfigError, ContractError, EmptyPartitionError, ValidationFailedError, GateRefusedError)
}
_SETTING = re.compile(r"RECO_(CONFIG$|\w+__)")
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|_KEY", re.IGNORECASE)
_URL_WITH_LOGIN = re.compile(r"://[^/\s]*@|[?&]password=")
# Airflow follows its SIGTERM with a SIGKILL after five seconds; the command must be gone before.
_GRACE_SECONDS = 4.0


class RecoOperator(BaseOperator):
    """Run one `reco` command, stream its output to the task's log, hand its summary on.

    The command runs with `--json`; the object on its last line becomes the task's XCom.

    Args:
        arguments: what follows `reco`; templated, an argument that renders to nothing is left out.
        releases: the task belongs to training or publishing, which a backfill run skips.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#e8f1f8"

    def __init__(self, *, arguments: Sequence[str], releases: bool = False, **kwargs: Any) -> None:
        """Keep the arguments for `execute`."""
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self.releases = releases
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> Any:
        """Run the command.

        Returns:
            The command's summary, or None when its last line is no JSON object.

        Raises:
            AirflowSkipException: a backfill run reached a task of the release.
            AirflowFailException: the command refused; another attempt would end the same.
            AirflowException: the command failed and may be tried again.
        """
        if self.releases and context["dag_run"].run_type == "backfill":
            raise AirflowSkipException("a backfill run rebuilds data; it never trains or publishes")
        command = [reco_executable(), *self.full_arguments(context)]
        self.log.info("%s", shell_line(command, ROOT, os.environ))
        exit_code, last_line = self._run(command)
        if exit_code:
            raise self._failure(exit_code)
        return _summary(last_line)

    def full_arguments(self, context: Any) -> list[str]:  # noqa: ARG002 - the report's operator needs it
        """The rendered arguments that are not empty, and `--json`."""
        return [*filter(None, self.arguments), "--json"]

    def on_kill(self) -> None:
        """End the command and all that it started; called when the task is killed or times out."""
        if self._process is None or self._process.poll() is not None:
            return
        _signal_group(self._process.pid, signal.SIGTERM)
        killer = threading.Timer(_GRACE_SECONDS, _signal_group, (self._process.pid, signal.SIGKILL))
        killer.daemon = True
        killer.start()

    def _run(self, command: list[str]) -> tuple[int, str]:
        """Run a command in a process group of its own; gives its exit code and last line of output."""
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - for the type checker: a pipe was asked for
        assert process.stderr is not None  # noqa: S101 - the same
        self._process = process
        last = [""]

        def keep(line: str) -> None:
            last[0] = line
            self.log.info("%s", line)

        readers = [_forward(process.stdout, keep), _forward(process.stderr, lambda line: self.log.info("%s", line))]
        try:
            exit_code = process.wait()
        finally:
            if process.poll() is None:
                _end_group(process)
        for reader in readers:
            reader.join(timeout=_GRACE_SECONDS)
        return exit_code, last[0]

    def _failure(self, exit_code: int) -> AirflowException:
        said = f"`reco {self.arguments[0]}` ended with exit code {exit_code}; its last lines above say why"
        if exit_code in _REFUSALS or os.environ.get("RECO_TASK_RETRIES") == "off":
            return AirflowFailException(said)
        return AirflowException(said)


class RunReportOperator(RecoOperator):
    """The last task: prints the run's page, and ends red when any task before it failed.

    It runs whatever happened, and it is the DAG's only leaf, so its state is the run's state.
    """

    def full_arguments(self, context: Any) -> list[str]:
        """The arguments, and one `--failed-task` for each task that did not do its work."""
        run_id = context["dag_run"].run_id
        states = context["ti"].get_task_states(dag_id=self.dag_id, run_ids=[run_id]).get(run_id, {})
        failed = sorted(name for name, state in states.items() if state == "failed")
        # Without a failed task there may still be one that never ran, such as after a task was marked by hand.
        failed = failed or sorted(name for name, state in states.items() if state == "upstream_failed")
        return [*filter(None, self.arguments), *(f"--failed-task={name}" for name in failed), "--json"]


def reco_executable() -> str:
    """`reco` on the PATH, else the one beside this interpreter.

    Raises:
        AirflowFailException: there is none.
    """
    beside = Path(sys.executable).with_name("reco")
    found = shutil.which("reco") or (str(beside) if beside.is_file() else None)
    if found is None:
        raise AirflowFailException(f"the command `reco` is neither on the PATH nor beside {sys.executable}")
    return found


def shell_line(command: Sequence[str], root: Path, environment: "os._Environ[str] | dict[str, str]") -> str:
    """The line to paste into a shell to repeat a command by hand; secrets stay in the environment.

    Args:
        command: executable and arguments.
        root: the folder that it runs in.
        environment: its settings that hold no secret become part of the line.
    """
    shown = [
        f"{name}={shlex.quote(value)}"
        for name, value in sorted(environment.items())
        if _SETTING.match(name) and not _SECRET_NAME.search(name) and not _URL_WITH_LOGIN.search(value)
    ]
    executable = Path(command[0])
    if executable.is_relative_to(root):
        executable = executable.relative_to(root)
    return f"cd {shlex.quote(str(root))} && " + " ".join([*shown, shlex.join([str(executable), *command[1:]])])


def _summary(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _forward(pipe: IO[str], emit: Callable[[str], None]) -> threading.Thread:
    """Hand every line of a pipe to `emit`, from a thread of its own."""

    def read() -> None:
        with pipe:
            for line in pipe:
                if text := line.rstrip():
                    emit(text)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _end_group(process: "subprocess.Popen[str]") -> None:
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(process.pid, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
