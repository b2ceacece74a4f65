"""The DAG in one process, with a stand-in for every command: order, what is handed on, what a failure does."""

from tests.dags.conftest import run_dag

DAG = "recommendations_daily"
DAY = {"run_date": "2026-01-31"}
DBT_BUILD = "dbt build --exclude-resource-type unit_test --select"


def test_a_run_calls_every_command_with_what_was_handed_on(shimmed: dict[str, str]) -> None:
    run = run_dag(shimmed, DAG, DAY)
    assert run.exit_code == 0, run.output[-3000:]
    beside = {"renew-lists --json", "validate-features --run-date 2026-01-31 --json"}
    assert beside <= set(run.calls)
    in_order = [call for call in run.calls if call not in beside]
    assert in_order[0].startswith("resolve-run-date --param=2026-01-31 --interval-start=")
    assert in_order[1:] == [
        "forget --pending --json",
        "land-inbox --json",
        f"{DBT_BUILD} tag:inputs --all-dates-on-sunday --run-date 2026-01-31 --json",
        "export-marts --run-date 2026-01-31 --json",
        "build-features --run-date 2026-01-31 --json",
        "apply-features --json",
        "evaluate --run-date 2026-01-31 --json",
        "gate --run-date 2026-01-31 --json",
        "train --run-date 2026-01-31 --json",
        "rank --run-date 2026-01-31 --model als-20260131-001 --json",
        "validate-lists --run-date 2026-01-31 --generation 20260131-001 --json",
        "publish-lists --generation 20260131-001 --json",
        "publish-features --run-date 2026-01-31 --json",
        f"{DBT_BUILD} tag:outcomes --run-date 2026-01-31 --json",
        "copy-analytics --json",
        "report-run --run-date=2026-01-31 --json",
    ]
    assert run.progress.done == len(run.calls), "the demo's reader sees every task end"


def test_without_a_param_the_day_is_the_start_of_the_interval(shimmed: dict[str, str]) -> None:
    run = run_dag(shimmed, DAG)
    assert run.exit_code == 0, run.output[-3000:]
    resolving = next(call for call in run.calls if call.startswith("resolve-run-date"))
    start = resolving.partition("--interval-start=")[2][:10]
    assert "--param" not in resolving
    assert f"train --run-date {start} --json" in run.calls


def test_a_failing_check_ends_red_publishes_nothing_and_still_gives_analysts_their_copy(
    shimmed: dict[str, str],
) -> None:
    run = run_dag(shimmed | {"RECO_SHIM_FAIL": "validate-lists=5"}, DAG, DAY)
    assert run.exit_code != 0
    assert "DagRun failed" in run.output
    assert not {"publish-lists", "publish-features"} & set(run.commands)
    assert run.commands.count("dbt") == 1, "no outcomes of a run that published nothing"
    assert run.commands[-2:] == ["copy-analytics", "report-run"]
    assert run.calls[-1] == "report-run --run-date=2026-01-31 --failed-task=validate.validate_lists --json"
    failed = run.progress.failed_tasks()
    assert [task.task_id for task in failed] == ["validate.validate_lists", "report_run"]
    assert (failed[0].shell_line or "").endswith(
        "validate-lists --run-date 2026-01-31 --generation 20260131-001 --json"
    )
    assert "error: the shim was told to fail" in failed[0].output


def test_without_a_run_date_the_run_is_red_and_reported(shimmed: dict[str, str]) -> None:
    run = run_dag(shimmed | {"RECO_SHIM_FAIL": "resolve-run-date=3"}, DAG, DAY)
    assert run.exit_code != 0
    assert sorted(run.commands[:2]) == ["renew-lists", "resolve-run-date"]
    assert run.commands[2:] == ["copy-analytics", "report-run"]
    assert run.calls[-1] == "report-run --failed-task=prepare.resolve_run_date --json"


def test_a_failing_copy_is_a_red_run_too(shimmed: dict[str, str]) -> None:
    """Nothing fails behind it, so only the report can make the run red."""
    run = run_dag(shimmed | {"RECO_SHIM_FAIL": "copy-analytics=1"}, DAG, DAY)
    assert run.exit_code != 0
    assert run.calls[-1] == "report-run --run-date=2026-01-31 --failed-task=copy_analytics --json"


def test_rollback_is_one_command(shimmed: dict[str, str]) -> None:
    run = run_dag(shimmed, "rollback")
    assert run.exit_code == 0, run.output[-3000:]
    assert run.calls == ["rollback --json"]


def test_a_stale_source_is_a_red_run_of_its_own(shimmed: dict[str, str]) -> None:
    """The daily run does not ask, so that a log which has ended does not stop it."""
    run = run_dag(shimmed | {"RECO_SHIM_FAIL": "dbt=5"}, "source_freshness")
    assert run.calls == ["dbt source freshness --quiet --json"]
    assert "DagRun failed" in run.output
