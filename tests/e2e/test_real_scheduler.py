"""Airflow's own processes: LocalExecutor, the REST API, the pool that keeps DuckDB to one writer."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from jobs.operations.airflow_home import BY_HAND_ONLY, airflow_command, airflow_environment
from jobs.operations.start_airflow import running_airflow
from reco_contracts.artifacts import Layout
from tests.e2e.conftest import DAG, REPOSITORY, AirflowClient, Shop, plain_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SHIMS = REPOSITORY / "tests" / "dags" / "shims"


def test_the_real_run_is_published_through_the_rest_api(shop: Shop) -> None:
    with running_airflow(shop.layout, shop.environment | BY_HAND_ONLY, 0) as (summary, _):
        client = AirflowClient(summary["url"], summary["user"], summary["password"])
        client.unpause(DAG)
        run_id = client.trigger(DAG, {"run_date": shop.run_date})
        state = client.wait(DAG, run_id, 400)
        states = client.task_states(DAG, run_id)
        assert (state, set(states.values())) == ("success", {"success"}), states
        lines = client.log_lines(DAG, run_id, "model.rank")
    shell = next(line for line in lines if line.startswith("cd "))
    assert f"reco rank --run-date {shop.run_date} --model als-" in shell
    assert shop.live_generation() is not None


def test_failures_and_backfills_under_a_real_scheduler(tmp_path: Path) -> None:
    """With stand-ins for the commands: a refused run is red with the copy made; a backfill skips the release."""
    layout, calls, fail_file = Layout(tmp_path / "data"), tmp_path / "calls", tmp_path / "fail"
    base = plain_environment() | {
        "PATH": os.pathsep.join([str(SHIMS), os.environ["PATH"]]),
        "RECO_SHIM_CALLS": str(calls),
        "RECO_SHIM_FAIL_FILE": str(fail_file),
    }
    fail_file.write_text("validate-features=5")
    with running_airflow(layout, base, 0) as (summary, supervisor):
        pids = [stat.S_IMODE(path.stat().st_mode) for path in layout.airflow.glob("*secret")]
        assert set(pids) == {0o600}
        client = AirflowClient(summary["url"], summary["user"], summary["password"])
        client.unpause(DAG)
        run_id = client.trigger(DAG, {"run_date": "2026-01-31"})
        assert client.wait(DAG, run_id, 300) == "failed"
        states = client.task_states(DAG, run_id)
        assert states["validate.validate_features"] == "failed"
        assert states["publish.publish_lists"] == "upstream_failed"
        assert states["copy_analytics"] == "success"
        assert states["report_run"] == "failed"
        assert "publish-lists" not in calls.read_text()

        fail_file.write_text("")
        calls.write_text("")
        environment = airflow_environment(layout, int(summary["url"].rpartition(":")[2]), base)
        backfill = ("backfill", "create", "--dag-id", DAG, "--from-date", "2026-01-10", "--to-date", "2026-01-11")
        subprocess.run(airflow_command(*backfill), env=environment, check=True, capture_output=True)
        runs = [
            run
            for run in client.call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]
            if "backfill" in run["run_type"]
        ]
        assert runs
        for run in runs:
            assert client.wait(DAG, run["dag_run_id"], 300) == "success"
            states = client.task_states(DAG, run["dag_run_id"])
            skipped = {name for name, state in states.items() if state == "skipped"}
            assert {"model.evaluate", "model.train", "publish.publish_lists", "publish.publish_features"} <= skipped
            assert states["features.build_features"] == states["copy_analytics"] == "success"
        assert not {"train", "rank", "publish-lists"} & {line.split()[0] for line in calls.read_text().splitlines()}
        assert "build-features --run-date 2026-01-10 --json" in calls.read_text()
        assert supervisor.stopped_child() is None
    assert not list(layout.airflow.glob("reco-airflow.pid"))
