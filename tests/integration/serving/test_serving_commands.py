"""The commands as a user runs them: start a store, publish, serve, show, roll back, stop."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx
import pytest

from benchmarks.list_folder import FolderShape, write_list_folder
from reco_contracts.artifacts import Layout

NAMES = ("20240501-001", "20240502-001")
RECO = [sys.executable, "-m", "jobs.cli.main"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A data folder with two generations."""
    for day, name in enumerate(NAMES, start=1):
        shape = FolderShape(users=30, shift=day, run_date=date(2024, 5, day))
        write_list_folder(Layout(tmp_path / "data"), name, shape)
    return os.environ | {"RECO_PATHS__DATA": str(tmp_path / "data"), "RECO_LOG_LEVEL": "WARNING", "COLUMNS": "120"}


@contextmanager
def foreground(environment: dict[str, str], *arguments: str, stop: signal.Signals) -> Iterator[dict[str, str]]:
    """Run a command that stays, give the summary that it prints when it is ready, and stop it as a user would."""
    process = subprocess.Popen([*RECO, *arguments, "--json"], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        try:
            yield json.loads(output.readline())
        finally:
            process.send_signal(stop)
            assert process.wait(20) == 0


def reco(environment: dict[str, str], *arguments: str) -> dict[str, object]:
    """Run a command to its end and give its summary."""
    done = subprocess.run([*RECO, *arguments, "--json"], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    summary: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return summary


def test_a_day_of_commands(environment: dict[str, str], tmp_path: Path) -> None:
    with foreground(environment, "store", "start", "--port", "0", stop=signal.SIGINT) as store:
        environment["RECO_REDIS__URL"] = store["url"]
        for name in NAMES:
            assert reco(environment, "publish-lists", "--generation", name)["lists"] == 30 + 100 + 32
        assert reco(environment, "renew-lists")["renewed"] == [NAMES[1], NAMES[0]]
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with foreground(environment, "serve", "--port", str(port), stop=signal.SIGTERM) as api:
                assert api["url"].startswith("http://127.0.0.1:")
                assert not api["url"].endswith(f":{port}"), "the port is taken, another one should be used"
                shown = reco(environment, "show", "--url", api["url"], "--limit", "2")
                assert shown["generation"] == NAMES[1]
                assert list(shown["lists"]) == ["user-0", "user-10", "user-20"]  # type: ignore[call-overload]
                named = subprocess.run(
                    [*RECO, "show", "user-3", "stranger", "--url", api["url"], "-n", "1"],
                    env=environment,
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
                assert "user user-3: personal list, generation 20240502-001" in named
                assert "user stranger: popular list" in named
                assert "Because of" in named
                assert "Popular now" in named
                assert reco(environment, "rollback")["generation"] == NAMES[0]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{api['url']}/healthz")
    assert not (tmp_path / "data" / "store" / "store.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(store["pid"]), 0)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("publish-lists", "-g", "20300101-001"), 4, "20240502-001"),
        (("publish-lists", "-g", NAMES[0]), 8, "reco store start"),
        (("rollback",), 8, "reco store start"),
        (("show", "somebody", "--url", "http://127.0.0.1:1"), 8, "reco serve"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    environment: dict[str, str], arguments: tuple[str, ...], status: int, message: str
) -> None:
    environment["RECO_REDIS__URL"] = "redis://127.0.0.1:1/0"
    done = subprocess.run([*RECO, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr
