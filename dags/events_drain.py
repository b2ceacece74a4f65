"""Every few minutes: what was posted and served since goes into landing, and who posted gets a new list."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from reco_tasks import DEFAULT_ARGS, RecoOperator

DOC = """
### From the store's streams to landed files, and back as newer lists

`drain_events` takes posted events and served records out of the store and lands them; `fold_in` makes new home lists,
in the live generation, for users who posted events, without training. Neither opens the warehouse: dbt sees what was
landed at its next run, and a daily run may be under way meanwhile.

**Triage of a red run**: an entry leaves its stream only when its file is in place, so nothing is lost while this is
red, and the next run takes all of it. What fills up meanwhile are the streams: when they are full the API refuses
events with 503 and counts served records as lost. `docs/runbooks/streams-fill-up.md` says how to go on.

`fold_in` alone is red: the live generation's model or the exported marts are gone. Users keep their lists, and what
they just did still counts in them; run the daily DAG.
"""

with DAG(
    dag_id="events_drain",
    description="Streams of the store to landing, and newer lists for who posted",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    # The next run is near: it tries again what this one could not.
    default_args={**DEFAULT_ARGS, "retries": 1, "execution_timeout": timedelta(minutes=15)},
    tags=["reco", "live"],
    doc_md=DOC,
) as dag:
    drain_events = RecoOperator(task_id="drain_events", arguments=["drain-events"])
    fold_in = RecoOperator(task_id="fold_in", arguments=["fold-in-drained"])
    drain_events >> fold_in
