"""Tell processes apart for good: a process id and the time that it started.

Ids are used again; a stop that trusts the id alone ends somebody else's process.
"""

import os
import subprocess
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_STATE, _PARENT, _STARTED = 0, 1, 19  # fields of /proc/PID/stat behind the command's closing bracket


class ProcessIdentity(msgspec.Struct, frozen=True):
    """One process.

    Attributes:
        pid: process id.
        started: when it started, in the words of this machine; equal texts mean the same process.
        name: what we call it.
    """

    pid: int
    started: str
    name: str


def identify(pid: int, name: str) -> ProcessIdentity | None:
    """The identity of a process that runs now, or None."""
    started = _started(pid)
    return ProcessIdentity(pid, started, name) if started else None


def is_running(process: ProcessIdentity) -> bool:
    """Whether this very process still runs; a zombie does not."""
    return _started(process.pid) == process.started


def process_tree(pid: int) -> list[ProcessIdentity]:
    """A process and everything below it, parents first; empty when it is gone."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents().items():
        children.setdefault(parent, []).append(child)
    tree, waiting = [], [pid]
    while waiting:
        current = waiting.pop(0)
        if found := identify(current, str(current)):
            tree.append(found)
        waiting.extend(children.get(current, ()))
    return tree


def signal_process(process: ProcessIdentity, number: int) -> None:
    """Send a signal to a process if it is still the same."""
    if is_running(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _started(pid: int) -> str | None:
    if _PROC.joinpath("self", "stat").exists():
        fields = _stat(pid)
        return fields[_STARTED] if fields and fields[_STATE] != "Z" else None
    shown = _ps("-o", "stat=,lstart=", "-p", str(pid))
    state, _, started = shown.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def _parents() -> dict[int, int]:
    """Every process and its parent."""
    if not _PROC.joinpath("self", "stat").exists():
        rows = (line.split() for line in _ps("-axo", "pid=,ppid=").splitlines())
        return {int(row[0]): int(row[1]) for row in rows if len(row) == 2}
    pids = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    return {pid: int(fields[_PARENT]) for pid in pids if (fields := _stat(pid))}


def _stat(pid: int) -> list[str] | None:
    try:
        # The command stands in brackets and may itself hold spaces and brackets.
        return _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _ps(*arguments: str) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, env=environment, check=False).stdout
