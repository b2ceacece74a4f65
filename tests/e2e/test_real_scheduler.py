"""Airflow's own processes: LocalExecutor, the REST API, its own backfill, the pool that keeps DuckDB to one writer."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from jobs.features import build_features
from jobs.landing.ledger import read_entries
from jobs.operations.airflow_home import BY_HAND_ONLY, WRITER_POOL, airflow_command, airflow_environment
from jobs.operations.start_airflow import running_airflow
from jobs.warehouse import export_marts
from jobs.warehouse.run_dbt import run as run_dbt
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.settings import PathsSection, Settings, load_settings
from tests.dbt.compare_marts import assert_same_tables, tables
from tests.e2e.conftest import DAG, REPOSITORY, AirflowClient, Shop, plain_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SHIMS = REPOSITORY / "tests" / "dags" / "shims"
RELEASE = {"model.evaluate", "model.train", "publish.publish_lists", "publish.publish_features"}
OUTCOMES = {"marts.dim_generations", "marts.fct_list_items", "marts.rpt_catalogue_coverage"}
HEADER = "user_id,item_id,event_type,occurred_at\n"


def backfill(environment: dict[str, str], first: date, last: date, *options: str) -> None:
    """What an engineer types; docs/runbooks/backfill.md says why the end is the day after the last."""
    days = ("--from-date", str(first), "--to-date", str(last + timedelta(days=1)))
    command = airflow_command("backfill", "create", "--dag-id", DAG, *days, *options)
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def backfill_runs(client: AirflowClient) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = client.call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]
    return [run for run in runs if run["run_type"] == "backfill"]


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
        # As the schedule would have made it.
        interval = {"data_interval_start": "2026-01-10T04:00:00Z", "data_interval_end": "2026-01-11T04:00:00Z"}
        day = client.trigger(DAG, {}, logical_date="2026-01-10T04:00:00Z", **interval)
        assert client.wait(DAG, day, 300) == "success"
        assert "publish-lists" in calls.read_text()
        calls.write_text("")
        # The first of the two days has a run, which published; it becomes a backfill.
        days = {"from_date": "2026-01-10T00:00:00Z", "to_date": "2026-01-12T00:00:00Z"}
        asked = {"dag_id": DAG, "reprocess_behavior": "completed", "max_active_runs": 2, "run_backwards": True}
        client.call("POST", "/api/v2/backfills", asked | days)
        runs = backfill_runs(client)
        assert len(runs) == 2
        assert day in {run["dag_run_id"] for run in runs}
        for run in runs:
            assert client.wait(DAG, run["dag_run_id"], 300) == "success"
            states = client.task_states(DAG, run["dag_run_id"])
            assert {name for name, state in states.items() if state == "skipped"} > RELEASE
            assert states["features.build_features"] == states["copy_analytics"] == "success"
        assert not {"train", "rank", "publish-lists"} & {line.split()[0] for line in calls.read_text().splitlines()}
        for day in ("2026-01-10", "2026-01-11"):
            assert f"build-features --run-date {day} --json" in calls.read_text()
        assert supervisor.stopped_child() is None
    assert not list(layout.airflow.glob("reco-airflow.pid"))


@dataclass
class Scheduled:
    """The shop under a real scheduler.

    Attributes:
        shop: where it lies.
        client: of Airflow's REST API.
        environment: for Airflow's command line.
    """

    shop: Shop
    client: AirflowClient
    environment: dict[str, str]

    @property
    def last_day(self) -> date:
        return date.fromisoformat(self.shop.run_date)

    @property
    def settings(self) -> Settings:
        return settings_for(self.shop.layout.root)

    def what_is_live(self) -> tuple[Any, ...]:
        """The pointer, the generations and models there are, and what was published when."""
        layout = self.shop.layout
        files = [path for folder in ("lists", "models", "publications") for path in (layout.root / folder).rglob("*")]
        return self.shop.live_generation(), {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


def settings_for(folder: Path) -> Settings:
    return load_settings(paths=PathsSection(data=folder))


@pytest.fixture(scope="module")
def scheduled(shop: Shop) -> Iterator[Scheduled]:
    base = shop.environment | BY_HAND_ONLY
    with running_airflow(shop.layout, base, 0) as (summary, _):
        client = AirflowClient(summary["url"], summary["user"], summary["password"])
        client.unpause(DAG)
        yield Scheduled(shop, client, airflow_environment(shop.layout, int(summary["url"].rpartition(":")[2]), base))


@pytest.fixture(scope="module")
def live_run(scheduled: Scheduled) -> str:
    """The run of the last day, triggered over REST; gives its id."""
    run_id = scheduled.client.trigger(DAG, {"run_date": scheduled.shop.run_date})
    state = scheduled.client.wait(DAG, run_id, 400)
    states = scheduled.client.task_states(DAG, run_id)
    assert (state, set(states.values())) == ("success", {"success"}), states
    return run_id


@dataclass
class Backfilled:
    """Three days, the last one first and two at a time, while files come for days long gone.

    Attributes:
        runs: id of each day's run.
        live_before: what was live before, see `Scheduled.what_is_live`.
        outcomes_before: what analysts knew of generations.
    """

    runs: dict[date, str]
    live_before: tuple[Any, ...]
    outcomes_before: dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def backfilled(scheduled: Scheduled, live_run: str) -> Backfilled:
    client, last = scheduled.client, scheduled.last_day
    before = scheduled.what_is_live()
    outcomes = {name: table for name, table in tables(scheduled.settings).items() if name in OUTCOMES}
    days = [last - timedelta(days=number) for number in range(3)]
    drop_late_file(scheduled, "first", [last - timedelta(days=20), last - timedelta(days=1)])
    backfill(scheduled.environment, days[-1], days[0], "--max-active-runs", "2", "--run-backwards")
    runs = {last_of(run): str(run["dag_run_id"]) for run in backfill_runs(client)}
    client.wait_for_task(DAG, runs[days[0]], "transform.dbt_inputs", 200)
    drop_late_file(scheduled, "second", [last - timedelta(days=2), last - timedelta(days=9)])
    for run_id in runs.values():
        assert client.wait(DAG, run_id, 400) == "success", client.task_states(DAG, run_id)
    return Backfilled(runs, before, outcomes)


def last_of(run: dict[str, Any]) -> date:
    return date.fromisoformat(run["data_interval_start"][:10])


def drop_late_file(scheduled: Scheduled, name: str, days: list[date]) -> None:
    """Rows of days long gone, each of them twice, and a broken one."""
    rows = [f"user-0001,item-{number:03d},click,{day}T12:00:00Z\n" for day in days for number in (3, 4, 5)]
    with replace_file(scheduled.shop.layout.inbox / "events" / f"{name}.csv") as path:
        path.write_text(HEADER + "".join([*rows, *rows, f",item-001,view,{days[0]}T12:00:00Z\n"]))


def test_the_real_run_is_published_through_the_rest_api(scheduled: Scheduled, live_run: str) -> None:
    lines = scheduled.client.log_lines(DAG, live_run, "model.rank")
    shell = next(line for line in lines if line.startswith("cd "))
    assert f"reco rank --run-date {scheduled.shop.run_date} --model als-" in shell
    assert scheduled.shop.live_generation() is not None


def test_a_backfill_runs_in_parallel_with_one_writer_at_a_time(scheduled: Scheduled, backfilled: Backfilled) -> None:
    assert set(backfilled.runs) == {scheduled.last_day - timedelta(days=number) for number in range(3)}
    tasks = [task for run in backfilled.runs.values() for task in scheduled.client.tasks(DAG, run)]
    spans = {run: (min(t["start_date"] for t in of_run), max(t["end_date"] for t in of_run))
             for run in backfilled.runs.values()
             if (of_run := [t for t in tasks if t["dag_run_id"] == run and t["start_date"]])}  # fmt: skip
    first, second, third = (spans[backfilled.runs[day]] for day in sorted(backfilled.runs, reverse=True))
    assert second[0] < first[1], "two at a time"
    assert third[0] >= min(first[1], second[1]), "and no third"
    writing = sorted((t["start_date"], t["end_date"]) for t in tasks if t["pool"] == WRITER_POOL and t["duration"])
    worked = [span for span in writing if span[0] and span[1]]
    assert len(worked) >= 9
    assert all(before[1] <= after[0] for before, after in pairwise(worked))


def test_a_backfill_in_any_order_gives_what_running_day_by_day_gives(
    scheduled: Scheduled, backfilled: Backfilled, tmp_path: Path
) -> None:
    """Every mart row by row, and the features of the day that ran last."""
    by_day = settings_for(tmp_path / "data")
    build_day_by_day(scheduled.shop.layout, by_day, sorted(backfilled.runs))
    found, expected = tables(scheduled.settings), tables(by_day)
    late = found["marts.rpt_data_quality"].filter(pl.col("file_name").is_in(["events/first.csv", "events/second.csv"]))
    assert late["kept_rows"].to_list() == [6, 6], "both files that came meanwhile are there"
    assert len(expected) > 20
    assert_same_tables({name: table for name, table in found.items() if name not in OUTCOMES}, expected)
    with duckdb.connect(scheduled.shop.layout.analytics, read_only=True) as copy:
        assert_frame_equal(copy.sql("from marts.fct_interactions order by all").pl(),
                           found["marts.fct_interactions"].sort(pl.all()))  # fmt: skip

    day = min(backfilled.runs)
    export_marts.run(day, by_day)
    build_features.run(day, by_day)
    paths = sorted(by_day.layout.root.glob("features/*/*/*.parquet"))
    assert len(paths) == 2
    for path in paths:
        other = scheduled.shop.layout.root / path.relative_to(by_day.layout.root)
        assert_frame_equal(pl.read_parquet(path), pl.read_parquet(other), rel_tol=1e-9, abs_tol=0)


def build_day_by_day(landed: Layout, settings: Settings, days: list[date]) -> None:
    """Build what was landed with everything up to the days, and then with a day more each time."""
    layout = settings.layout
    shutil.copytree(landed.root / "landing", layout.root / "landing")
    shutil.copytree(landed.quarantine, layout.quarantine)
    entries = read_entries(layout)
    hidden = layout.root / "hidden"
    layout.ledger.rename(hidden)
    layout.ledger.mkdir()
    for day in [days[0] - timedelta(days=1), *days]:
        for entry in entries:
            path = hidden / f"{entry.file_sha}.json"
            if path.exists() and max(entry.event_dates, default=day) <= day:
                path.rename(layout.ledger / path.name)
        run_dbt(["run", "--select", "tag:inputs", "--quiet"], settings, day)
    assert not [path.name for path in hidden.glob("*.json")], "every file has come"


def test_a_backfill_leaves_alone_what_is_live(scheduled: Scheduled, backfilled: Backfilled) -> None:
    assert scheduled.what_is_live() == backfilled.live_before
    assert backfilled.live_before[0] is not None
    for run_id in backfilled.runs.values():
        states = scheduled.client.task_states(DAG, run_id)
        assert {name for name, state in states.items() if state == "skipped"} > RELEASE
    outcomes = {name: table for name, table in tables(scheduled.settings).items() if name in OUTCOMES}
    assert_same_tables(outcomes, backfilled.outcomes_before)


def test_clearing_single_tasks_changes_nothing(scheduled: Scheduled, live_run: str, backfilled: Backfilled) -> None:
    """Of the run that published: the build, the export, and publishing itself, each without what follows it."""
    client = scheduled.client
    before = tables(scheduled.settings)
    tasks = ["transform.dbt_inputs", "transform.export_marts", "publish.publish_lists"]
    body = {"dry_run": False, "only_failed": False, "dag_run_id": live_run, "task_ids": tasks}
    cleared = client.call("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)
    assert cleared["total_entries"] == len(tasks)
    assert client.wait(DAG, live_run, 300) == "success"
    assert {task["task_id"]: task["try_number"] for task in client.tasks(DAG, live_run)}["publish.publish_lists"] == 2
    assert scheduled.shop.live_generation() == backfilled.live_before[0]
    assert_same_tables(tables(scheduled.settings), before)
