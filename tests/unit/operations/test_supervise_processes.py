"""Stopping ends what was started, all of it, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from jobs.operations.process_identity import ProcessIdentity, identify, is_running, process_tree, signal_process
from jobs.operations.supervise_processes import PidFile, end_trees, read_pid_file, stop_supervisor, supervise

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
# Ignores SIGTERM, and has a child in a session of its own that does the same.
STUBBORN_SCRIPT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, "-S", "-c", sys.orig_argv[3], "child"], start_new_session=True)
print("ready", flush=True)
time.sleep(300)
"""
STUBBORN = [sys.executable, "-S", "-c", STUBBORN_SCRIPT]


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start_stubborn(tmp_path: Path) -> "subprocess.Popen[bytes]":
    log = tmp_path / "out"
    with log.open("wb") as output:
        process = subprocess.Popen(STUBBORN, stdout=output, start_new_session=True)
    wait_until(lambda: log.read_text().count("ready") == 2)
    return process


def test_a_tree_is_ended_with_children_in_other_sessions_that_ignore_sigterm(tmp_path: Path) -> None:
    process = start_stubborn(tmp_path)
    tree = process_tree(process.pid)
    assert len(tree) == 2
    end_trees([process.pid], grace_seconds=0.3)
    process.wait(timeout=5)
    wait_until(lambda: not any(map(is_running, tree)))


def test_at_once_kills_the_root_before_it_can_go_on(tmp_path: Path) -> None:
    process = start_stubborn(tmp_path)
    end_trees([process.pid], at_once=True, grace_seconds=0.3)
    assert process.wait(timeout=5) == -signal.SIGKILL


def test_whatever_happens_in_the_block_everything_is_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    seen: list[ProcessIdentity] = []

    def fail_half_way() -> None:
        with supervise(pid_file) as supervisor:
            for name in ("one", "two"):
                supervisor.start(name, SLEEPER, os.environ, tmp_path / f"{name}.log")
            known = read_pid_file(pid_file)
            assert known is not None
            seen.extend(known.children)
            raise RuntimeError("the third did not start")

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert [child.name for child in seen] == ["one", "two"]
    assert not any(map(is_running, seen))
    assert not pid_file.exists()


def test_a_stranger_with_a_remembered_pid_is_left_alone(tmp_path: Path) -> None:
    """The id was used again: the start time tells."""
    stranger = subprocess.Popen(SLEEPER)
    try:
        ours = ProcessIdentity(stranger.pid, "1", "supervisor")
        pid_file = tmp_path / "pid"
        pid_file.write_bytes(msgspec.json.encode(PidFile(ours, [ours])))
        assert stop_supervisor(pid_file) == []
        signal_process(ours, signal.SIGKILL)
        assert stranger.poll() is None
        assert not pid_file.exists(), "the stale file goes"
    finally:
        stranger.kill()
        stranger.wait()


def test_children_of_a_supervisor_that_was_killed_are_stopped_by_the_next(tmp_path: Path) -> None:
    child = subprocess.Popen(SLEEPER)
    identity = identify(child.pid, "store")
    assert identity is not None
    pid_file = tmp_path / "pid"
    pid_file.write_bytes(msgspec.json.encode(PidFile(ProcessIdentity(child.pid, "1", "supervisor"), [identity])))
    assert stop_supervisor(pid_file) == ["store"]
    assert child.wait(timeout=5) == -signal.SIGTERM


def test_a_child_that_ends_by_itself_is_named(tmp_path: Path) -> None:
    with supervise(tmp_path / "pid") as supervisor:
        process = supervisor.start("short", [sys.executable, "-S", "-c", ""], os.environ, tmp_path / "log")
        process.wait(timeout=10)
        assert supervisor.stopped_child() == "short"


def test_a_zombie_does_not_run() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(process.pid, "x")
    assert identity is not None
    assert is_running(identity)
    process.kill()
    wait_until(lambda: not is_running(identity))
    process.communicate()


@pytest.mark.parametrize("content", ["", "17", "{}"])
def test_a_pid_file_that_cannot_be_read_stops_nothing(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(content)
    assert stop_supervisor(pid_file) == []


def test_ps_tells_the_same_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="POSIX only")
    process = subprocess.Popen(SLEEPER)
    try:
        monkeypatch.setattr("jobs.operations.process_identity._PROC", tmp_path)
        identity = identify(process.pid, "x")
        assert identity is not None
        assert is_running(identity)
        assert process.pid in [found.pid for found in process_tree(os.getpid())]
    finally:
        process.kill()
        process.wait()
    assert not is_running(identity)
