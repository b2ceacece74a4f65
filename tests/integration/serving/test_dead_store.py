"""Whatever happens to the store, a list comes with status 200, and soon."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis
from serving_scenes import ask, items_of, settings_for, until, with_api

from benchmarks.list_folder import FolderShape, item_id, popular_items, write_list_folder
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api import live
from serving_api.api import LookupApi

NAME, NEXT = "20240501-001", "20240501-002"
SHAPE = FolderShape(users=50)
USER = "/v1/users/user-7/recommendations?limit=5"
POPULAR = [item_id(item) for item in popular_items("", SHAPE)[:5]]
LIST_ROUTES = (USER, "/v1/users/x/recommendations?category=kind-1", "/v1/items/item-1/similar", "/v1/popular")
FEATURE_ROUTES = ("/v1/users/user-7/features", "/v1/items/item-7/features")


def publish_to(url: str, folder: Path, **sections: object) -> Settings:
    """One generation in a store, and its settings."""
    settings = settings_for(url, folder, **sections)
    if not (settings.layout.lists / NAME).exists():
        write_list_folder(settings.layout, NAME, SHAPE)
    run(NAME, settings)
    return settings


def state_of(ready: httpx.Response) -> tuple[str, str, str]:
    """What readiness says."""
    content = ready.json()
    return content["status"], content["generation"], content["store"]


def test_a_store_that_dies_is_answered_for_from_memory_and_found_again(tmp_path: Path) -> None:
    with ExitStack() as running:
        store = running.enter_context(embedded_store(tmp_path / "store"))
        settings = publish_to(store.url, tmp_path, redis={"connect_timeout_seconds": 0.5})

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            assert (await client.get(USER)).json()["source"] == "personal"
            running.close()
            await until(lambda: not api.live.pipe.is_up)
            for path in LIST_ROUTES:
                response = await client.get(path)
                assert response.json()["source"] == "fallback"
                assert items_of(response)
            assert items_of(await client.get(USER)) == POPULAR
            for path in FEATURE_ROUTES:
                assert (await client.get(path)).json()["status"] == "unavailable"
            assert state_of(await client.get("/readyz")) == ("degraded", NAME, "down")
            with embedded_store(tmp_path / "store", StoreOptions(port=store.port)):
                publish_to(store.url, tmp_path)
                await until(lambda: api.live.pipe.is_up)
                assert (await client.get(USER)).json()["source"] == "personal"

        with_api(settings, scene)


def test_a_store_that_hangs_costs_no_more_than_the_read_timeout(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as client_of_store:
        settings = publish_to(server.url, tmp_path, serving={"read_timeout_seconds": 0.1})

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
            await client.get(USER)
            client_of_store.client_pause(400)
            began = time.perf_counter()
            answers = await asyncio.gather(*(client.get(USER) for _ in range(20)))
            seconds = time.perf_counter() - began
            assert {answer.json()["source"] for answer in answers} == {"fallback"}
            assert 0.09 < seconds < 0.3
            await asyncio.sleep(0.4)
            assert (await client.get(USER)).json()["source"] == "personal"

        with_api(settings, scene)


def test_an_api_that_starts_without_a_store_serves_the_copy_on_disk(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server:
        settings = publish_to(server.url, tmp_path, redis={"connect_timeout_seconds": 0.3})
        ask(settings, USER)  # a first process loads the generation and leaves the copy
    user, category, ready, popular = ask(
        settings, USER, "/v1/users/x/recommendations?category=kind-3&limit=2", "/readyz", "/v1/popular?window=7&limit=5"
    )
    assert items_of(user) == items_of(popular) == POPULAR
    assert user.json()["source"] == popular.json()["source"] == "fallback"
    assert user.headers["x-reco-generation"] == NAME
    assert items_of(category) == [item_id(item) for item in popular_items("kind-3", SHAPE)[:2]]
    assert state_of(ready) == ("fallback", NAME, "down")


def test_without_store_and_copy_there_is_an_empty_list_and_no_readiness(tmp_path: Path) -> None:
    settings = settings_for("redis://127.0.0.1:1/0", tmp_path, redis={"connect_timeout_seconds": 0.2})
    *lists, ready, health = ask(settings, *LIST_ROUTES, "/readyz", "/healthz")
    for response in lists:
        assert items_of(response) == []
        assert response.json()["source"] == "fallback"
        assert response.json()["generation"] is None
    assert ready.status_code == 503
    assert ready.json()["status"] == "starting"
    assert health.status_code == 200


def test_a_damaged_copy_is_no_reason_not_to_start(tmp_path: Path) -> None:
    settings = settings_for("redis://127.0.0.1:1/0", tmp_path, redis={"connect_timeout_seconds": 0.2})
    settings.layout.serving_fallback.parent.mkdir(parents=True)
    settings.layout.serving_fallback.write_bytes(b"not MessagePack")
    assert items_of(ask(settings, USER)[0]) == []


def test_an_empty_store_answers_and_is_ready_after_the_first_publish(store_settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert (await client.get("/readyz")).status_code == 503
        assert items_of(await client.get(USER)) == []
        write_list_folder(store_settings.layout, NAME, SHAPE)
        run(NAME, store_settings)
        await until(lambda: api.live.is_ready, seconds=2.0)
        assert (await client.get(USER)).json()["source"] == "personal"

    with_api(store_settings, scene)


def test_a_generation_that_cannot_be_loaded_leaves_the_old_one_served(
    store_settings: Settings, store: redis.Redis
) -> None:
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        manifest = store.hget(store_settings.keys.current(), "manifest")
        store.hset(store_settings.keys.current(), "manifest", manifest.replace(NAME.encode(), b"20240502-001"))
        await asyncio.sleep(3 * store_settings.serving.poll_seconds)
        answer = await client.get(USER)
        assert (answer.json()["source"], answer.json()["generation"]) == ("personal", NAME)

    with_api(store_settings, scene)


def test_a_popular_list_that_is_damaged_keeps_its_generation_from_being_served(
    store_settings: Settings, store: redis.Redis
) -> None:
    """Nothing stands in for a popular list; the process keeps following and takes the next generation."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    write_list_folder(store_settings.layout, NEXT, SHAPE)
    run(NAME, store_settings)
    key = store_settings.keys.lists(NAME, "popular", "default", list_bucket("30|", 1))
    store.hset(key, "30|", bytes.fromhex("01000100ffffff0f003c03"))  # an item that is not in the catalogue

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for path in LIST_ROUTES:
            assert (await client.get(path)).status_code == 200
        assert api.live.generation.name is None
        await asyncio.to_thread(run, NEXT, store_settings)
        await until(lambda: api.live.generation.name == NEXT)
        assert items_of(await client.get("/v1/popular?limit=5")) == POPULAR

    with_api(store_settings, scene)


def test_whatever_goes_wrong_while_loading_the_process_keeps_following(
    store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    real = live.write_fallback

    def fail_once(*arguments: object) -> None:
        monkeypatch.setattr(live, "write_fallback", real)
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(live, "write_fallback", fail_once)
    write_list_folder(store_settings.layout, NEXT, SHAPE)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        await asyncio.to_thread(run, NEXT, store_settings)
        await until(lambda: api.live.generation.name == NEXT)

    with_api(store_settings, scene)


@pytest.mark.parametrize("as_user", [False, True])
def test_the_api_logs_in_with_a_password(tmp_path: Path, as_user: bool) -> None:
    with embedded_store(tmp_path / "store", StoreOptions(password="a #secret")) as server:
        login = {"password": "a #secret"}
        if as_user:
            with redis.Redis.from_url(server.url, password="a #secret") as client:
                client.execute_command("ACL", "SETUSER", "reader", "on", ">reads only", "~reco:*", "+@read", "+ping")
        publish_to(server.url, tmp_path, redis=login)
        reader = {"username": "reader", "password": "reads only"} if as_user else login
        settings = settings_for(server.url, tmp_path, redis=reader)
        assert ask(settings, USER)[0].json()["source"] == "personal"
        wrong = settings_for(server.url, tmp_path / "other", redis={"password": "no", "connect_timeout_seconds": 0.3})
        assert ask(wrong, USER)[0].json()["source"] == "fallback"


def test_another_database_is_selected(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server:
        settings = publish_to(server.url.removesuffix("/0") + "/3", tmp_path)
        assert ask(settings, USER)[0].json()["source"] == "personal"


def test_a_unix_socket_works(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with embedded_store(tmp_path / "store", StoreOptions(extra={"unixsocket": str(path)})):
        settings = publish_to(f"unix://{path}", tmp_path)
        assert ask(settings, USER)[0].json()["source"] == "personal"
