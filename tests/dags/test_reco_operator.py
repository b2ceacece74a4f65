"""The operator: the line to repeat, the output, the summary, the end of a command."""

import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.dags.conftest import SHIMS


@pytest.fixture
def shim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """`reco` is the stand-in; gives the file of its calls."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(SHIMS), os.environ["PATH"]]))
    calls = tmp_path / "calls"
    monkeypatch.setenv("RECO_SHIM_CALLS", str(calls))
    return calls


@pytest.fixture
def lines(reco_tasks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operator logs."""
    seen: list[str] = []
    logger = SimpleNamespace(info=lambda form, *arguments: seen.append(form % arguments))
    monkeypatch.setattr(reco_tasks.RecoOperator, "log", logger)
    return seen


def context(run_type: str = "manual", states: dict[str, str] | None = None) -> dict[str, Any]:
    run = SimpleNamespace(run_id="r", run_type=run_type)
    instance = SimpleNamespace(get_task_states=lambda **_: {"r": states or {}})
    return {"dag_run": run, "ti": instance}


def execute(operator: Any, **kwargs: Any) -> Any:
    """Run what Airflow runs, without its guard against calls from elsewhere."""
    return type(operator).execute.__wrapped__(operator, context(**kwargs))


def test_the_first_line_repeats_the_command_in_a_shell(reco_tasks: ModuleType, shim: Path, lines: list[str]) -> None:
    operator = reco_tasks.RecoOperator(task_id="t", arguments=["rank", "--model", "als 1"])
    execute(operator)
    assert lines[0].startswith(f"cd {shlex.quote(str(reco_tasks.ROOT))} && ")
    assert lines[0].endswith("reco rank --model 'als 1' --json")

    subprocess.run(["sh", "-c", lines[0]], check=True, capture_output=True)
    assert shim.read_text().splitlines() == ["rank --model als 1 --json"] * 2


def test_output_is_streamed_and_the_summary_handed_on(reco_tasks: ModuleType, shim: Path, lines: list[str]) -> None:
    summary = execute(reco_tasks.RecoOperator(task_id="t", arguments=["train"]))
    assert summary == {"model_version": "als-20260131-001"}
    assert {"working on train", "a line before the summary"} < set(lines)


def test_arguments_that_render_to_nothing_are_left_out(reco_tasks: ModuleType, shim: Path, lines: list[str]) -> None:
    execute(reco_tasks.RecoOperator(task_id="t", arguments=["gate", "", "--x"]))
    assert shim.read_text() == "gate --x --json\n"


@pytest.mark.parametrize("url", ["redis://user:hunter2@host/0", "unix:///run/store.sock?db=1&password=hunter2"])
def test_the_line_shows_settings_and_no_secret(reco_tasks: ModuleType, url: str) -> None:
    environment = {
        "RECO_CONFIG": "/a b/reco.toml",
        "RECO_TRAIN__SEED": "7",
        "RECO_REDIS__PASSWORD": "hunter2",
        "RECO_REDIS__URL": url,
        "RECO_TASK_RETRIES": "off",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
    }
    line = reco_tasks.shell_line(["/elsewhere/reco", "rank"], Path("/root dir"), environment)
    assert line == "cd '/root dir' && RECO_CONFIG='/a b/reco.toml' RECO_TRAIN__SEED=7 /elsewhere/reco rank"


def test_reco_beside_the_interpreter_is_found_without_a_path(
    reco_tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert reco_tasks.reco_executable() == str(Path(sys.executable).with_name("reco"))


@pytest.mark.parametrize(
    ("exit_code", "is_final"), [(1, False), (3, True), (4, True), (5, True), (6, True), (8, False)]
)
def test_a_refusal_is_final_and_a_failure_may_be_tried_again(
    reco_tasks: ModuleType,
    shim: Path,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    exit_code: int,
    is_final: bool,
) -> None:
    monkeypatch.setenv("RECO_SHIM_FAIL", f"gate={exit_code}")
    with pytest.raises(reco_tasks.AirflowException, match=f"`reco gate` ended with exit code {exit_code}") as raised:
        execute(reco_tasks.RecoOperator(task_id="t", arguments=["gate"]))
    assert isinstance(raised.value, reco_tasks.AirflowFailException) == is_final


def test_a_backfill_skips_the_release_and_runs_the_rest(reco_tasks: ModuleType, shim: Path, lines: list[str]) -> None:
    with pytest.raises(reco_tasks.AirflowSkipException, match="never trains or publishes"):
        execute(reco_tasks.RecoOperator(task_id="t", arguments=["train"], releases=True), run_type="backfill")
    assert not shim.exists()
    execute(reco_tasks.RecoOperator(task_id="t2", arguments=["build-features"]), run_type="backfill")
    assert shim.read_text() == "build-features --json\n"


def test_the_report_names_the_tasks_that_failed(reco_tasks: ModuleType) -> None:
    operator = reco_tasks.RunReportOperator(task_id="t", arguments=["report-run", ""])
    states = {"a": "success", "b": "failed", "c": "upstream_failed", "d": "skipped"}
    assert operator.full_arguments(context(states=states)) == ["report-run", "--failed-task=b", "--json"]
    assert operator.full_arguments(context(states={"a": "success"})) == ["report-run", "--json"]


def test_killing_the_task_ends_everything_below_it(
    reco_tasks: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str]
) -> None:
    """The command ignores SIGTERM and has a child of its own: both must be gone."""
    script = tmp_path / "reco"
    pids = tmp_path / "pids"
    script.write_text(
        f"#!/bin/sh\ntrap '' TERM\nsleep 300 &\necho $$ $! > {pids}.new; mv {pids}.new {pids}\nwait\nsleep 300\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setattr(reco_tasks, "_GRACE_SECONDS", 0.3)
    operator = reco_tasks.RecoOperator(task_id="t", arguments=["rank"])
    ended: list[BaseException] = []

    def work() -> None:
        try:
            execute(operator)
        except reco_tasks.AirflowException as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    _wait_until(pids.exists)
    operator.on_kill()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert ended
    for pid in pids.read_text().split():
        _wait_until(lambda pid=pid: not _runs(int(pid)))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
