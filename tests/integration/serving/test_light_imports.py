"""An API process stays small: what makes lists is not loaded where they are looked up."""

import json
import os
import subprocess
import sys

from test_generation_swap import environment

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.settings import Settings

HEAVY = (
    *("polars", "implicit", "airflow", "dbt", "feast", "great_expectations", "duckdb", "pandas", "pyarrow", "scipy"),
    *("pyspark", "jobs", "expectations", "feature_repo"),
)

SCRIPT = """
import asyncio, json, sys
from serving_api.app import app

async def ask(path):
    sent = []
    async def send(event): sent.append(event)
    async def receive(): return {"type": "http.request"}
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app(scope, receive, send)
    return json.loads(sent[1]["body"])

async def main():
    answers = [await ask("/v1/users/user-7/recommendations"), await ask("/v1/users/user-7/features")]
    why = await ask("/v1/users/user-7/recommendations/item-49/why")
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    first, second = answers[0]["source"], answers[1]["status"]
    print(json.dumps({"source": first, "status": second, "loaded": loaded, "published": why["published"]}))

asyncio.run(main())
"""


def test_a_fresh_interpreter_that_served_a_request_has_loaded_nothing_heavy(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, "20240501-001", FolderShape(has_why=True))
    run("20240501-001", store_settings)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environment(store_settings),
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["source"], result["status"]) == ("personal", "not_found")
    assert result["published"]
    assert "serving_api" in result["loaded"]
    assert not set(result["loaded"]) & set(HEAVY)
