"""Put the generation before the live one back, by hand."""

from datetime import timedelta

from airflow.sdk import DAG
from reco_tasks import DEFAULT_ARGS, RecoOperator

DOC = """
### One step back

Moves the pointer in Redis to the generation before the live one, for all surfaces at once. Readers follow within a
second. Features are not part of a generation and stay as they are.

**Triage**: there is no generation to go back to (only one run was ever published, or the one before has expired):
publish a list folder of `data/lists` again with `reco publish-lists --generation NAME`.
"""

with DAG(
    dag_id="rollback",
    description="Back to the generation before the live one",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=30),
    default_args={**DEFAULT_ARGS, "execution_timeout": timedelta(minutes=10)},
    tags=["reco", "manual"],
    doc_md=DOC,
) as dag:
    # Not tried again: a second attempt after a half-seen answer would move the pointer once more.
    RecoOperator(task_id="rollback", arguments=["rollback"], retries=0)
