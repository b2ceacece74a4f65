"""Say when a log has stopped coming. Apart from the daily run, which has its own reasons to be red."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from reco_tasks import DEFAULT_ARGS, WRITER_POOL, RecoOperator

DOC = """
### How old the newest file of each source is

Compares what was landed and published last with the limits in `dbt_project/models/sources/_reco__sources.yml`, which
count from landing, not from the events: a log of last year that was landed today is fresh.

**Triage**: red means that events or the ledger are older than their `error_after`, or that there is none; what is older
than `warn_after` is named in the summary and leaves the run green. `docs/runbooks/stale-source.md` says how to go on.
"""

with DAG(
    dag_id="source_freshness",
    description="Whether the log still comes",
    # After the daily run, which lands what is there.
    schedule=CronTriggerTimetable("0 7 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args={**DEFAULT_ARGS, "execution_timeout": timedelta(minutes=10)},
    tags=["reco", "daily"],
    doc_md=DOC,
) as dag:
    RecoOperator(task_id="source_freshness", arguments=["dbt", "source", "freshness", "--quiet"], pool=WRITER_POOL)
