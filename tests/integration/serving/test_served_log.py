"""What the API shows to users is logged: each list once, with its items in order, and nothing that nobody saw."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest
import redis
from serving_scenes import items_of, until, with_api

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.draining.drain_events import run as drain
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.served_codec import ServedRecord, decode_records
from reco_contracts.settings import Settings, load_settings
from reco_contracts.stream_entries import RECORDS_FIELD
from serving_api.api import LookupApi

NAME = "20240501-001"
QUICK = {"served": {"flush_seconds": 0.01}}


@pytest.fixture
def settings(store_settings: Settings) -> Settings:
    """One generation in the store."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=50))
    publish(NAME, store_settings)
    return store_settings


def records_in(store: redis.Redis, settings: Settings) -> list[ServedRecord]:
    entries = store.xrange(settings.keys.served(0))
    return [record for _, fields in entries for record in decode_records(fields[RECORDS_FIELD.encode()])]


def test_a_list_is_logged_with_its_items_in_order(store: redis.Redis, settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/v1/users/user-7/recommendations?limit=5")

    answer = with_api(settings, scene)  # closing the API sends what waits
    (record,) = records_in(store, settings)
    body = answer.json()
    names = pl.read_parquet(settings.layout.catalogue_file(NAME))["item_id"].to_list()
    assert [names[item] for item in record.items] == items_of(answer)
    assert (record.request_id, record.user_id, record.generation) == (body["request_id"], "user-7", NAME)
    assert (record.surface, record.variant, record.experiment) == ("home", body["variant"], "")
    assert (record.first_position, record.propensity) == (1, body["propensity"])
    assert abs(record.served_at_ms / 1000 - datetime.now(UTC).timestamp()) < 60


def test_a_page_is_a_record_for_each_list_with_items(store: redis.Redis, settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/v1/users/user-7/page?surfaces=home,popular,again&limit=4")

    body = with_api(settings, scene).json()
    records = records_in(store, settings)
    assert {record.request_id for record in records} == {body["request_id"]}
    shown = {listed["surface"]: len(listed["items"]) for listed in body["lists"] if listed["items"]}
    assert {record.surface: len(record.items) for record in records} == shown
    assert len(shown) >= 2


def test_the_next_page_goes_on_counting_positions(store: redis.Redis, settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = (await client.get("/v1/users/user-7/recommendations?limit=5")).json()
        await client.get(f"/v1/users/user-7/recommendations?limit=5&cursor={first['cursor']}")

    with_api(settings, scene)
    assert [record.first_position for record in records_in(store, settings)] == [1, 6]


def test_what_nobody_sees_is_not_logged(store: redis.Redis, settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        path = "/v1/users/user-7/recommendations"
        await client.head(path)
        await client.get(path, headers={"X-Reco-No-Log": "1"})
        await client.get(f"{path}?limit=nine")
        await client.get("/v1/popular")
        await client.get("/v1/items/item-1/similar")
        batch = await client.post("/v1/recommendations:batch", json={"users": ["user-7"]})
        assert batch.status_code == 200, batch.text
        tag = (await client.get(path, headers={"X-Reco-No-Log": "1"})).headers.get("etag")
        assert tag
        assert (await client.get(path, headers={"If-None-Match": tag})).status_code == 304

    with_api(settings, scene)
    assert records_in(store, settings) == []


def test_served_lists_become_impressions_in_landing(store: redis.Redis, settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[str]:
        answers = [await client.get(f"/v1/users/user-{user}/recommendations?limit=5") for user in range(20)]
        return [item for answer in answers for item in items_of(answer)]

    shown = with_api(settings, scene)
    summary = drain(settings, datetime.now(UTC))
    assert (summary["landed"], summary["quarantined"]) == (100, 0)
    rows = pl.read_parquet(settings.layout.landing("events") / "*" / "*.parquet", hive_partitioning=False)
    assert rows.sort("line")["item_id"].to_list() == shown
    assert rows["event_id"].n_unique() == 100


def test_what_does_not_fit_into_the_queue_is_lost_and_counted(store: redis.Redis, settings: Settings) -> None:
    options = {"served": {"flush_seconds": 10.0, "queue_records": 3}}
    limited = settings.model_copy(update={"served": load_settings(**options).served})

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> str:
        for user in range(5):
            assert (await client.get(f"/v1/users/user-{user}/recommendations")).status_code == 200
        return (await client.get("/metrics")).text

    metrics = with_api(limited, scene)
    (lost,) = [line for line in metrics.splitlines() if "records_lost_total{" in line and 'reason="queue_full"' in line]
    assert float(lost.split()[-1]) == 2
    assert len(records_in(store, settings)) == 3


def test_a_full_stream_takes_nothing_more_until_it_is_drained(store: redis.Redis, settings: Settings) -> None:
    options = {"served": {"flush_seconds": 0.01, "max_entries": 2}}
    limited = settings.model_copy(update={"served": load_settings(**options).served})

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        log = api.live.served_log
        for expected in (1, 2):
            await client.get("/v1/users/user-1/recommendations")
            await until(lambda expected=expected: log.logged == expected)  # type: ignore[misc]
        for _ in range(2):
            await client.get("/v1/users/user-2/recommendations")
        await asyncio.sleep(0.1)
        assert store.xlen(settings.keys.served(0)) == 2
        assert log.waiting == 2
        store.delete(settings.keys.served(0))
        await until(lambda: log.logged == 4)
        assert log.lost == {"queue_full": 0, "stopped": 0}

    with_api(limited, scene)


def test_what_a_dead_store_did_not_take_is_sent_when_it_is_back(tmp_path: Path) -> None:
    durable = StoreOptions(is_durable=True)
    with embedded_store(tmp_path / "store", durable) as server:
        settings = load_settings(
            paths={"data": str(tmp_path)},
            redis={"url": server.url, "connect_timeout_seconds": 0.5, "timeout_seconds": 0.5},
            **QUICK,
        )
        write_list_folder(settings.layout, NAME, FolderShape(users=50))
        publish(NAME, settings)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        with embedded_store(tmp_path / "store", StoreOptions(port=server.port, is_durable=True)):
            await until(lambda: api.live.pipe.is_up and api.live.generation.name == NAME)
            await client.get("/v1/users/user-1/recommendations")
            await until(lambda: api.live.served_log.logged == 1)
        await until(lambda: not api.live.pipe.is_up)
        assert (await client.get("/v1/users/user-2/recommendations")).json()["source"] == "fallback"
        assert api.live.served_log.waiting == 1
        with (
            embedded_store(tmp_path / "store", StoreOptions(port=server.port, is_durable=True)) as again,
            redis.Redis.from_url(again.url) as client_of_store,
        ):
            await until(lambda: api.live.served_log.logged == 2)
            assert [record.user_id for record in records_in(client_of_store, settings)] == ["user-1", "user-2"]

    with_api(settings, scene)
