"""The demo as a person runs it: it starts, serves, is stopped from both sides, and leaves nothing running."""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import RECO, plain_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class DemoShell:
    """A shell in which the demo is started.

    Args:
        root: everything goes below it.
    """

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.output = root / "output"
        self.environment = plain_environment() | {"RECO_PATHS__DATA": str(self.data)}

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [str(RECO), "demo", *options],
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(RECO), *words], env=self.environment, capture_output=True, text=True, check=False, timeout=400
        )

    def left_running(self) -> list[str]:
        """Every process whose environment or command names our folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.data).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> DemoShell:
    return DemoShell(tmp_path_factory.mktemp("demo"))


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def test_ctrl_c_in_the_middle_of_the_dag_stops_everything(shell: DemoShell) -> None:
    process = shell.start()
    wait_until(lambda: "3/19" in shell.output.read_text() or process.poll() is not None, 120)
    assert len(shell.left_running()) >= 4, "demo, store, Airflow and a task were running"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert shell.left_running() == []


def test_the_next_demo_takes_the_landed_log_serves_and_is_stopped_from_another_shell(shell: DemoShell) -> None:
    process = shell.start()
    wait_until(lambda: "make stop" in shell.output.read_text() or process.poll() is not None, 300)
    text = shell.output.read_text()
    assert process.poll() is None, text[-3000:]
    assert "are landed already" in text
    curl = next(line for line in text.splitlines() if line.strip().startswith("curl"))
    with urllib.request.urlopen(curl.split("'")[1], timeout=10) as response:  # noqa: S310 - the demo's own loopback
        answer = json.load(response)
    assert answer["source"] == "personal"
    assert len(answer["items"]) == 5

    second = shell.run("demo")
    assert second.returncode == 2
    assert "a demo runs already in" in second.stderr
    assert process.poll() is None

    stopped = shell.run("stop", "--json")
    assert json.loads(stopped.stdout) == {"stopped": ["simulated"], "not_running": []}
    assert process.wait(timeout=10) == 0
    assert shell.left_running() == []
    assert json.loads(shell.run("stop", "--json").stdout) == {"stopped": [], "not_running": ["simulated"]}


def test_a_log_of_ones_own_goes_through_and_ends_by_itself(shell: DemoShell, tmp_path: Path) -> None:
    log = tmp_path / "my shop"
    made = shell.run("simulate", "--out", str(log), "--users", "300", "--items", "120", "--days", "40")
    assert made.returncode == 0, made.stderr
    done = shell.run("demo", "--data", str(log), "--no-wait", "--json")
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    assert summary["workspace"].endswith("demo/my-shop")
    assert summary["run_date"] == "2026-02-09"
    assert summary["generation"] == "20260209-001"
    assert len(summary["users"]) == 3
    assert shell.left_running() == []
