"""The daily run: land, transform, features, model, checks, publishing, outcomes."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, TaskGroup, TriggerRule
from reco_tasks import DEFAULT_ARGS, WRITER_POOL, RecoOperator, RunReportOperator

RUN_DATE = ("--run-date", "{{ ti.xcom_pull(task_ids='prepare.resolve_run_date')['run_date'] }}")
# Unit tests test the code, in CI.
DBT_BUILD = ("dbt", "build", "--exclude-resource-type", "unit_test", "--select")
MODEL = "{{ ti.xcom_pull(task_ids='model.train')['model_version'] }}"
REPORTED_DATE = (
    "{% set resolved = ti.xcom_pull(task_ids='prepare.resolve_run_date') %}"
    "{% if resolved %}--run-date={{ resolved['run_date'] }}{% endif %}"
)
# A run that was triggered has no data interval: the argument renders to nothing and is left out.
INTERVAL_START = (
    "{% if dag_run.data_interval_start %}--interval-start={{ dag_run.data_interval_start.isoformat() }}{% endif %}"
)
GENERATION = "{{ ti.xcom_pull(task_ids='model.rank')['generation'] }}"

DOC = """
### From the landed log to served lists

Every task is a `reco` command. The first line of its log repeats it by hand.

**Run date**: the param `run_date`, else the start of the data interval, else the day before the run was due.

**Backfill** rebuilds landing, warehouse and features for its days; tasks that train or publish are skipped.

**Triage of a red run**

1. Open `report_run`: it names the tasks that failed, the checks and where their reports are.
2. A task of `validate` is red: the live generation was left alone. The data docs name the rows; see `docs/runbooks/`.
3. `gate` is red: the model does not beat popularity, or may lose to what is live; `docs/runbooks/the-gate-refused.md`.
4. Anything else: paste the first log line into a shell, fix, then clear the task with its downstream tasks.
5. Bad lists are live: trigger the DAG `rollback`.
"""

with DAG(
    dag_id="recommendations_daily",
    description="Interaction log to served lists, for one day",
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args=DEFAULT_ARGS,
    params={
        "run_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Run date",
            description="The day to run for, YYYY-MM-DD. Empty: the day of the schedule.",
        )
    },
    tags=["reco", "daily"],
    doc_md=DOC,
) as dag:
    with TaskGroup("prepare"):
        resolve_run_date = RecoOperator(
            task_id="resolve_run_date",
            arguments=[
                "resolve-run-date",
                "{{ '--param=' ~ params.run_date if params.run_date else '' }}",
                INTERVAL_START,
                "{{ '--run-after=' ~ dag_run.run_after.isoformat() }}",
            ],
        )
        # What is live must outlast a week of refused runs; nothing else waits for this.
        renew_lists = RecoOperator(task_id="renew_lists", arguments=["renew-lists"], releases=True)
        # Before anything lands: from here on landing knows everybody who is not to come back.
        forget_users = RecoOperator(task_id="forget_users", arguments=["forget", "--pending"], pool=WRITER_POOL)
    with TaskGroup("land"):
        land_inbox = RecoOperator(task_id="land_inbox", arguments=["land-inbox"])
    with TaskGroup("transform"):
        dbt_inputs = RecoOperator(
            task_id="dbt_inputs",
            arguments=[*DBT_BUILD, "tag:inputs", "--all-dates-on-sunday", *RUN_DATE],
            pool=WRITER_POOL,
        )
        export_marts = RecoOperator(task_id="export_marts", arguments=["export-marts", *RUN_DATE], pool=WRITER_POOL)
    with TaskGroup("features"):
        build_features = RecoOperator(task_id="build_features", arguments=["build-features", *RUN_DATE])
        apply_features = RecoOperator(task_id="apply_features", arguments=["apply-features"], releases=True)
    with TaskGroup("model"):
        evaluate = RecoOperator(task_id="evaluate", arguments=["evaluate", *RUN_DATE], releases=True)
        gate = RecoOperator(task_id="gate", arguments=["gate", *RUN_DATE], releases=True)
        train = RecoOperator(task_id="train", arguments=["train", *RUN_DATE], releases=True)
        rank = RecoOperator(task_id="rank", arguments=["rank", *RUN_DATE, "--model", MODEL], releases=True)
    with TaskGroup("validate"):
        validate_features = RecoOperator(task_id="validate_features", arguments=["validate-features", *RUN_DATE])
        validate_lists = RecoOperator(
            task_id="validate_lists", arguments=["validate-lists", *RUN_DATE, "--generation", GENERATION], releases=True
        )
    with TaskGroup("publish"):
        publish_lists = RecoOperator(
            task_id="publish_lists", arguments=["publish-lists", "--generation", GENERATION], releases=True
        )
        publish_features = RecoOperator(
            task_id="publish_features", arguments=["publish-features", *RUN_DATE], releases=True
        )
    with TaskGroup("outcomes"):
        dbt_outcomes = RecoOperator(
            task_id="dbt_outcomes", arguments=[*DBT_BUILD, "tag:outcomes", *RUN_DATE], pool=WRITER_POOL, releases=True
        )
    # Analysts get what there is, also after a run that was refused.
    copy_analytics = RecoOperator(
        task_id="copy_analytics", arguments=["copy-analytics"], pool=WRITER_POOL, trigger_rule=TriggerRule.ALL_DONE
    )
    report_run = RunReportOperator(
        task_id="report_run", arguments=["report-run", REPORTED_DATE], trigger_rule=TriggerRule.ALL_DONE, retries=0
    )

    resolve_run_date >> forget_users >> land_inbox >> dbt_inputs >> export_marts >> build_features >> apply_features
    apply_features >> evaluate >> gate >> train >> rank >> validate_lists
    build_features >> validate_features
    [validate_features, validate_lists] >> publish_lists >> publish_features >> dbt_outcomes
    [validate_features, dbt_outcomes] >> copy_analytics
    [renew_lists, copy_analytics] >> report_run
