"""Faults with real processes, under load: readers always get a list, and the store is found again without help."""

import argparse
import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import structlog
from serving_scenes import settings_for, until, with_api

from benchmarks import faults, soak, swap_under_load
from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run
from serving_api.api import LookupApi

NAME = "20240501-001"
USER = "/v1/users/user-7/recommendations?limit=2"
# Ten times what a quiet machine needs, and more.
RECOVERY_SECONDS, DEADLINE_SECONDS = 15.0, 3.0
QUICK = {"store_killed_and_restarted_with_its_data", "store_is_out_of_memory"}
SERVER_GOES = {"api_worker_killed", "api_killed_and_restarted"}
STORE_STAYS_READABLE = {"store_is_out_of_memory", *SERVER_GOES}
ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in faults.SCENES]


@pytest.mark.parametrize("name", ALL)
def test_readers_always_get_a_list_and_the_store_is_found_again(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcome = faults.SCENES[name](tmp_path)
    record_property("recovered_seconds", outcome.recovered_seconds)
    print(name, outcome)
    assert outcome.failed == 0
    assert outcome.recovered_seconds < RECOVERY_SECONDS
    assert outcome.slowest_ms < 1_000 * DEADLINE_SECONDS
    assert outcome.unanswered == 0 or name in SERVER_GOES
    assert {status.split()[0] for status in outcome.sources} <= {"200", "0"}
    assert any("fallback" in status for status in outcome.sources) or name in STORE_STAYS_READABLE


def unwritten(*rows: object, **findings: Any) -> dict[str, Any]:
    """A report that nobody keeps."""
    return findings


@pytest.mark.slow
def test_no_event_is_lost_that_was_accepted(tmp_path: Path) -> None:
    posted = faults.events_while_the_store_is_killed(tmp_path)
    assert posted.accepted >= 120
    assert posted.lost == 0
    assert set(posted.statuses) <= {0, 202, 503}, "a store that is away is answered for with 503"


@pytest.mark.slow
def test_a_swap_under_load_mixes_nothing_and_fails_nobody(tmp_path: Path) -> None:
    sizes = argparse.Namespace(users=20_000, items=2_000, seconds=24.0, rate=150.0, workers=1)
    report = swap_under_load.measure(tmp_path, sizes, write=unwritten)
    assert (report["errors"], report["mixed_answers"]) == (0, 0), report
    assert report["new_share_at_the_end"] == 1.0
    assert report["events"] > 20
    assert report["sources"]["personal"] > 10


@pytest.mark.slow
def test_the_memory_of_a_worker_does_not_grow_with_generations(tmp_path: Path) -> None:
    sizes = argparse.Namespace(minutes=0.7, swaps=8, users=2_000, items=5_000, rate=100.0)
    report = soak.measure(tmp_path, sizes, write=unwritten)
    assert (report["errors"], report["mixed_answers"]) == (0, 0), report
    assert report["generations_seen"] == 9
    assert report["growth_share"] < 0.2, report


def states(lines: list[Any]) -> list[tuple[str, str]]:
    """The changes of state that the log tells."""
    return [(line["state"], line["store"]) for line in lines if line["event"] == "the API's state changed"]


def test_a_change_of_state_is_one_line_whatever_the_number_of_requests(tmp_path: Path) -> None:
    with ExitStack() as running:
        store = running.enter_context(embedded_store(tmp_path / "store"))
        settings = settings_for(
            store.url,
            tmp_path,
            redis={"connect_timeout_seconds": 0.5},
            serving={"poll_seconds": 0.05},
        )
        write_list_folder(settings.layout, NAME, FolderShape(users=20))
        run(NAME, settings)

        async def ask_until(client: httpx.AsyncClient, state: str, store_state: str) -> None:
            async with asyncio.timeout(20):
                while True:
                    assert (await client.get(USER)).status_code == 200
                    ready = (await client.get("/readyz")).json()
                    if (ready["status"], ready["store"]) == (state, store_state):
                        return
                    await asyncio.sleep(0.002)  # a client in the same process would never let go

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            await ask_until(client, "ready", "up")
            os.kill(store.pid, signal.SIGKILL)
            await ask_until(client, "degraded", "down")
            for _ in range(300):
                await client.get(USER)
            running.close()
            with embedded_store(tmp_path / "store", StoreOptions(port=store.port)):
                await ask_until(client, "degraded", "empty")
                assert (await client.get(USER)).json()["items"]
                await asyncio.to_thread(run, NAME, settings)
                await ask_until(client, "ready", "up")

        with structlog.testing.capture_logs() as lines:
            with_api(settings, scene)
    changes = states(lines)
    assert changes[0] == ("ready", "up")
    assert changes[1:3] == [("degraded", "down"), ("degraded", "empty")] or changes[1:4] == [
        ("degraded", "down"),
        ("ready", "up"),  # it answered before it was asked what it has
        ("degraded", "empty"),
    ]
    assert ("ready", "up") in changes[-2:]  # the server of the scene ends before the API does
    assert len(lines) < 40


def test_a_store_that_is_late_is_left_alone_and_asked_again(tmp_path: Path) -> None:
    """After so many late replies a request waits no more; a probe finds out when the store is in time again."""
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as control:
        settings = settings_for(
            server.url,
            tmp_path,
            serving={"read_timeout_seconds": 0.1},
            breaker={"late_replies": 5, "open_seconds": 0.1},
        )
        write_list_folder(settings.layout, NAME, FolderShape(users=20))
        run(NAME, settings)

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            assert (await client.get(USER)).json()["source"] == "personal"
            control.client_pause(700)
            await asyncio.gather(*(client.get(USER) for _ in range(5)))
            assert api.live.watch.is_open
            began = time.perf_counter()
            for _ in range(20):
                assert (await client.get(USER)).json()["source"] == "fallback"
            assert time.perf_counter() - began < 0.1 * 20 / 2, "each of them would have waited for 0.1 s"
            assert (await client.get("/readyz")).json()["store"] == "late"
            await until(lambda: not api.live.watch.is_open)
            assert (await client.get(USER)).json()["source"] == "personal"
            assert api.live.pipe.is_up, "it is the same connection"

        with_api(settings, scene)


def test_late_replies_leave_nothing_in_the_log_beside_the_change_of_state(tmp_path: Path) -> None:
    """A reply that nobody takes is told by asyncio with a trace, once for each request."""
    forgotten: list[str] = []
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as control:
        settings = settings_for(server.url, tmp_path, redis={"timeout_seconds": 0.1}, served={"flush_seconds": 0.01})
        write_list_folder(settings.layout, NAME, FolderShape(users=20, has_why=True))
        run(NAME, settings)

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, told: forgotten.append(told["message"]))
            assert (await client.get(USER)).json()["source"] == "personal"
            control.client_pause(400)
            for _ in range(3):
                assert (await client.get(f"{USER.partition('?')[0]}/item-1/why")).json()["published"] is False
            await until(lambda: api.live.served_log.logged == 1)
            gc.collect()

        with_api(settings, scene)
    assert forgotten == []
