"""What every DAG of ours keeps: found, whole, owned, bounded, documented, light."""

from typing import Any

import pytest

from jobs.operations.airflow_home import WRITER_POOL
from jobs.operations.demo_steps import DAG_ID, DAG_TASKS

OPENS_WAREHOUSE = {"dbt", "export-marts", "copy-analytics", "forget"}
PICTURE = [
    "prepare.forget_users",
    "prepare.renew_lists",
    "prepare.resolve_run_date",
    "land.land_inbox",
    "transform.dbt_inputs",
    "transform.export_marts",
    "features.build_features",
    "features.apply_features",
    "model.evaluate",
    "model.gate",
    "model.train",
    "model.rank",
    "validate.validate_features",
    "validate.validate_lists",
    "publish.publish_lists",
    "publish.publish_features",
    "outcomes.dbt_outcomes",
    "copy_analytics",
    "report_run",
]


def _tasks(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{dag_id}.{task_id}", task)
        for dag_id, dag in described["dags"].items()
        for task_id, task in dag["tasks"].items()
    ]


def test_the_dags_are_found(described: dict[str, Any]) -> None:
    assert set(described["dags"]) == {DAG_ID, "events_drain", "rollback", "source_freshness"}


def test_none_is_broken(described: dict[str, Any]) -> None:
    assert described["dags"], "nothing was loaded, so nothing was checked"
    assert described["import_errors"] == {}


def test_the_daily_run_has_the_tasks_of_the_picture(described: dict[str, Any]) -> None:
    assert sorted(described["dags"][DAG_ID]["tasks"]) == sorted(PICTURE)
    assert len(PICTURE) == DAG_TASKS, "the demo shows 'n of DAG_TASKS'"


def test_every_task_has_an_owner_retries_decided_and_a_timeout(described: dict[str, Any]) -> None:
    for name, task in _tasks(described):
        assert task["owner"] not in ("", "airflow"), name
        assert task["execution_timeout"], name
        assert task["retries"] > 0 or name in ("rollback.rollback", f"{DAG_ID}.report_run"), name


@pytest.mark.parametrize("dag_id", [DAG_ID, "events_drain", "rollback", "source_freshness"])
def test_every_dag_has_tags_a_time_limit_and_a_triage_note(described: dict[str, Any], dag_id: str) -> None:
    dag = described["dags"][dag_id]
    assert "reco" in dag["tags"]
    assert dag["dagrun_timeout"]
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert "triage" in dag["doc_md"].lower()


def test_the_warehouse_has_one_writer_at_a_time(described: dict[str, Any]) -> None:
    openers = {name for name, task in _tasks(described) if task["arguments"][0] in OPENS_WAREHOUSE}
    assert len(openers) == 6
    assert {name for name, task in _tasks(described) if task["pool"] == WRITER_POOL} == openers


def test_the_daily_run_has_real_intervals(described: dict[str, Any]) -> None:
    """A bare cron line would give intervals of no width, and with them the wrong day."""
    assert described["dags"][DAG_ID]["timetable"] == "CronDataIntervalTimetable"
    assert described["dags"][DAG_ID]["params"] == {"run_date": None}


def test_the_report_is_the_only_leaf_so_that_its_state_is_the_runs(described: dict[str, Any]) -> None:
    dag = described["dags"][DAG_ID]
    assert dag["leaves"] == ["report_run"]
    rules = {name: task["trigger_rule"] for name, task in dag["tasks"].items() if task["trigger_rule"] != "all_success"}
    assert rules == {"copy_analytics": "all_done", "report_run": "all_done"}


def test_both_checks_stand_before_publishing(described: dict[str, Any]) -> None:
    tasks = described["dags"][DAG_ID]["tasks"]
    assert tasks["publish.publish_lists"]["upstream"] == ["validate.validate_features", "validate.validate_lists"]


def test_what_trains_or_publishes_is_marked_as_release(described: dict[str, Any]) -> None:
    tasks = described["dags"][DAG_ID]["tasks"]
    released = {name for name, task in tasks.items() if task["releases"]}
    groups = ("model.", "publish.", "outcomes.")
    assert released == {name for name in tasks if name.startswith(groups)} | {
        "prepare.renew_lists",
        "features.apply_features",
        "validate.validate_lists",
    }


def test_the_lists_that_are_live_are_renewed_whatever_becomes_of_the_run(described: dict[str, Any]) -> None:
    tasks = described["dags"][DAG_ID]["tasks"]
    assert tasks["prepare.renew_lists"]["upstream"] == []
    waiting = {name for name, task in tasks.items() if "prepare.renew_lists" in task["upstream"]}
    assert waiting == {"report_run"}


def test_the_drain_opens_no_warehouse_and_folds_in_what_it_landed(described: dict[str, Any]) -> None:
    """It runs beside a daily run, and waits for no pool."""
    tasks = described["dags"]["events_drain"]["tasks"]
    assert {name: task["arguments"] for name, task in tasks.items()} == {
        "drain_events": ["drain-events"],
        "fold_in": ["fold-in-drained"],
    }
    assert tasks["fold_in"]["upstream"] == ["drain_events"]
    assert not any(task["releases"] for task in tasks.values())


def test_loading_the_dags_is_light(described: dict[str, Any]) -> None:
    assert described["heavy"] == [], "a DAG file has imported a library of the jobs"
    assert described["seconds"] < 3
