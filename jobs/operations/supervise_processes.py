"""Start processes that belong together, and stop exactly those."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jobs.operations.process_identity import ProcessIdentity, identify, is_running, process_tree, signal_process
from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ConfigError

GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1


class PidFile(msgspec.Struct, frozen=True):
    """What a pid file says.

    Attributes:
        owner: the process that supervises.
        children: what it started, in order.
    """

    owner: ProcessIdentity
    children: list[ProcessIdentity]


class Supervisor:
    """The processes that we started, and nobody else's.

    Args:
        pid_file: where other shells find us; kept up to date with every start.

    Attributes:
        logs: where the output of what is started goes by convention, beside the pid file.
    """

    def __init__(self, pid_file: Path) -> None:
        """Supervise nothing yet."""
        self._pid_file = pid_file
        self.logs = pid_file.parent / "logs"
        self._children: list[tuple[ProcessIdentity, subprocess.Popen[bytes]]] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a process in a group of its own, so that Ctrl-C in the terminal reaches us alone.

        Args:
            name: what we call it.
            command: executable and arguments.
            environment: all of its variables.
            log: file that its output is appended to.
            cwd: its working directory.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if identity := identify(process.pid, name):
            self._children.append((identity, process))
            self.write_pid_file()
        return process

    def write_pid_file(self) -> None:
        """Say who runs; a process that has ended is left out."""
        owner = identify(os.getpid(), "supervisor")
        running = [identity for identity, process in self._children if process.poll() is None]
        with replace_file(self._pid_file) as path:
            path.write_bytes(msgspec.json.encode({"owner": owner, "children": running}))

    def stopped_child(self) -> str | None:
        """The name of a process that has ended although nobody asked it to, or None."""
        for identity, process in self._children:
            if process.poll() is not None:
                return identity.name
        return None

    def stop(self, process: "subprocess.Popen[bytes]", *, at_once: bool = False) -> None:
        """Stop one process with all that it started.

        Args:
            process: one that `start` gave.
            at_once: the process itself would go on after SIGTERM; end it first.
        """
        end_trees([process.pid], at_once=at_once)
        process.wait()
        self._children = [child for child in self._children if child[1] is not process]

    def stop_all(self) -> None:
        """Stop everything, last started first, and remove the pid file."""
        for _, process in reversed(self._children):
            end_trees([process.pid])
            process.wait()
        self._children.clear()
        self._pid_file.unlink(missing_ok=True)


@contextmanager
def supervise(pid_file: Path) -> Iterator[Supervisor]:
    """Give a supervisor; whatever happens in the block, all that it started is stopped at the end."""
    supervisor = Supervisor(pid_file)
    supervisor.write_pid_file()
    try:
        yield supervisor
    finally:
        supervisor.stop_all()


@contextmanager
def stop_signals_raise() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that they unwind like Ctrl-C; later ones are ignored."""

    def interrupt(number: int, _frame: object) -> None:
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_pid_file(pid_file: Path) -> PidFile | None:
    """What a pid file says, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(pid_file.read_bytes(), type=PidFile)
    except (OSError, msgspec.DecodeError):
        return None


def stop_supervisor(pid_file: Path, wait_seconds: float = 60.0) -> list[str]:
    """Stop what a pid file names, from another process.

    A supervisor that is alive is asked to stop and cleans up itself. One that was
    killed has left its children behind: those are ended here. Ids that meanwhile
    belong to other processes are left alone.

    Args:
        pid_file: written by `Supervisor`.
        wait_seconds: how long the supervisor may take.

    Returns:
        Names of what was stopped; empty when nothing of it ran.

    Raises:
        ConfigError: the supervisor did not end in time.
    """
    known = read_pid_file(pid_file)
    if known is None:
        return []
    stopped = []
    if is_running(known.owner):
        signal_process(known.owner, signal.SIGTERM)
        if not _wait_until(lambda: not is_running(known.owner), wait_seconds):
            raise ConfigError(f"process {known.owner.pid} ({pid_file}) has not ended within {wait_seconds:.0f} s")
        stopped.append(known.owner.name)
    left = [child for child in known.children if is_running(child)]
    end_trees([child.pid for child in left])
    pid_file.unlink(missing_ok=True)
    return stopped + [child.name for child in left]


def stop_process(process: "subprocess.Popen[bytes]", grace_seconds: float) -> None:
    """End a process of ours that ends its own children: SIGTERM, and SIGKILL after the grace."""
    process.terminate()
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_trees(pids: Sequence[int], *, at_once: bool = False, grace_seconds: float = GRACE_SECONDS) -> None:
    """End processes with everything below them: SIGTERM, and SIGKILL for what is left after the grace.

    Args:
        pids: the roots.
        at_once: kill the roots before anything else.
        grace_seconds: time to end in good order.
    """
    trees = [process_tree(pid) for pid in pids]
    for tree in trees:
        for place, process in enumerate(tree):
            signal_process(process, signal.SIGKILL if at_once and place == 0 else signal.SIGTERM)
    everything = [process for tree in trees for process in tree]
    if _wait_until(lambda: not any(map(is_running, everything)), grace_seconds):
        return
    late = [found for process in everything if is_running(process) for found in process_tree(process.pid)]
    for process in [*late, *everything]:
        signal_process(process, signal.SIGKILL)
    _wait_until(lambda: not any(map(is_running, late)), grace_seconds)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
