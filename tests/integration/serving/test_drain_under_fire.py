"""Ten thousand events are posted while the drain is killed twenty times: the warehouse has each exactly once."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
from serving_scenes import items_of, settings_for, with_api

from benchmarks.list_folder import FolderShape, item_id, write_list_folder
from jobs.draining.drain_events import run as drain
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from jobs.warehouse.run_dbt import run as run_dbt
from reco_contracts.settings import Settings
from serving_api.api import LookupApi

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EVENTS, A_REQUEST, KILLS = 10_000, 20, 20
NAME = "20240501-001"
SHAPE = FolderShape(users=50, items=100, k=10)
# Drains again and again, without the seconds that a new interpreter takes to import.
DRAINER = """
import sys
from datetime import UTC, datetime
from jobs.draining.drain_events import run
from reco_contracts.settings import load_settings

data, url = sys.argv[1:]
settings = load_settings(paths={"data": data}, redis={"url": url})
print("ready", flush=True)
while True:
    run(settings, datetime.now(UTC))
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A durable store with one generation."""
    folder = tmp_path_factory.mktemp("fire")
    with embedded_store(folder / "store", StoreOptions(is_durable=True)) as server:
        settings = settings_for(server.url, folder / "data", served={"flush_seconds": 0.02})
        write_list_folder(settings.layout, NAME, SHAPE)
        publish(NAME, settings)
        yield settings


def event(number: int) -> dict[str, Any]:
    return {"event_id": f"e{number}", "user_id": f"user-{number % 50}", "item_id": item_id(number % 100),
            "event_type": "click", "occurred_at": datetime.now(UTC).isoformat()}  # fmt: skip


@contextmanager
def draining(settings: Settings, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that drains, ready, and killed in the end if it still runs."""
    command = [sys.executable, "-c", DRAINER, str(settings.layout.root), settings.redis.url]
    with log.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill_again_and_again(settings: Settings, log: Path, rng: random.Random) -> int:
    """Kill twenty drains, each some moments after its start; gives how many of them ran until then."""
    killed = 0
    for _ in range(KILLS):
        with draining(settings, log) as process:
            try:
                process.wait(rng.uniform(0.0, 0.4))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    return killed


async def post_all(client: httpx.AsyncClient, is_over: asyncio.Event, rng: random.Random) -> int:
    """Post all events, spread over the time of the kills, some requests twice; gives how many items were served."""
    served, numbers = 0, list(range(EVENTS))
    for start in range(0, EVENTS, A_REQUEST):
        body = [event(number) for number in numbers[start : start + A_REQUEST]]
        for _ in range(2 if rng.random() < 0.05 else 1):
            assert (await client.post("/v1/events", json=body)).status_code == 202
        served += len(items_of(await client.get(f"/v1/users/user-{start % 50}/recommendations")))
        if not is_over.is_set():
            await asyncio.sleep(0.05)
    return served


def test_twenty_kills_lose_nothing_and_double_nothing(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "drains.log"

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> int:
        is_over = asyncio.Event()
        posting = asyncio.create_task(post_all(client, is_over, random.Random(5)))  # noqa: S311 - a repeatable draw
        killed = await asyncio.to_thread(kill_again_and_again, settings, log, random.Random(6))  # noqa: S311 - the same
        assert killed == KILLS, log.read_text()
        is_over.set()
        served = await posting
        assert api.live.served_log.lost == {"queue_full": 0, "stopped": 0}
        return served

    served = with_api(settings, scene)
    drain(settings, datetime.now(UTC))
    landed = pl.read_parquet(settings.layout.landing("events") / "*" / "*.parquet", hive_partitioning=False)
    assert len(landed) >= EVENTS + served
    run_dbt(["build", "--select", "tag:inputs", "--warn-error", "--quiet"], settings)
    with duckdb.connect(settings.layout.warehouse, read_only=True) as warehouse:
        ids = warehouse.execute(
            "select event_id from intermediate.int_events_deduplicated where event_type = 'click'"
        ).fetchall()
        impressions = warehouse.execute("select count(*), count(distinct impression_id) from marts.fct_impressions")
        shown, logged_by = (
            impressions.fetchone(),
            warehouse.execute("select distinct logged_by from marts.fct_impressions"),
        )
        assert sorted(ids) == sorted((f"e{number}",) for number in range(EVENTS))
        assert shown == (served, served)
        assert logged_by.fetchall() == [("served",)]
