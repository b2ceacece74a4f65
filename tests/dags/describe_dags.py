"""Load the DAG files as Airflow does, and print what is in them as JSON. Runs in an interpreter of its own."""

import json
import sys
import time
from pathlib import Path
from typing import Any

HEAVY = ("polars", "duckdb", "implicit", "pandas", "pyarrow", "scipy", "sklearn", "feast", "dbt", "great_expectations")


def describe_task(task: Any) -> dict[str, Any]:
    return {
        "arguments": list(task.arguments),
        "releases": task.releases,
        "owner": task.owner,
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "execution_timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "pool": task.pool,
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "upstream": sorted(task.upstream_task_ids),
        "operator": type(task).__name__,
    }


def describe_dag(dag: Any) -> dict[str, Any]:
    return {
        "doc_md": dag.doc_md or "",
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "timetable": type(dag.timetable).__name__,
        "dagrun_timeout": dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        "params": dag.params.dump(),
        "leaves": sorted(task.task_id for task in dag.leaves),
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def main(folder: str) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag

    before = set(sys.modules)
    started = time.perf_counter()
    bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
    seconds = time.perf_counter() - started
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    print(
        json.dumps(
            {
                "dags": {dag_id: describe_dag(dag) for dag_id, dag in bag.dags.items()},
                "import_errors": bag.import_errors,
                "seconds": seconds,
                "heavy": sorted(loaded & set(HEAVY)),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
