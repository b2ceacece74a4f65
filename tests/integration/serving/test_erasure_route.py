"""DELETE /v1/users/{id}: nothing of the user is left in the store, and what comes later is left out."""

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest
import redis
from serving_scenes import settings_for, with_api

from benchmarks.list_folder import FolderShape, item_id, user_id, write_list_folder
from jobs.forgetting import forget_pending
from jobs.forgetting.tombstone_file import read_forgotten, read_tombstones
from jobs.publishing import publish_lists, rollback_generation
from reco_contracts.columns import USER_FEATURES
from reco_contracts.feast_wire import entity_key
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.api import LookupApi
from serving_api.recent_writer import RecentWriter

OLD, NEW, LATER = "20240501-001", "20240502-001", "20240503-001"
NEEDLE, OTHER = user_id(7), user_id(8)
SHAPE = FolderShape(users=20, items=40, k=5, has_why=True)


@pytest.fixture
def published(store_settings: Settings, store: redis.Redis) -> Settings:
    """Two generations, and features and recent items of two users."""
    for shift, name in enumerate((OLD, NEW)):
        write_list_folder(store_settings.layout, name, FolderShape(users=20, items=40, k=5, shift=shift, has_why=True))
        publish_lists.run(name, store_settings)
    for user in (NEEDLE, OTHER):
        store.hset(features_key(store_settings, user), "f", "1")
        store.hset(store_settings.keys.recent(user), "i", "1")
    return store_settings


def features_key(settings: Settings, user: str) -> bytes:
    return entity_key(settings.project.namespace, USER_FEATURES.key[0], user)


def listed(settings: Settings, generation: str) -> list[str]:
    """Users with a list in a folder."""
    return pl.read_parquet(settings.layout.list_file(generation, "home", "default"))["subject"].to_list()


def erase(settings: Settings, user: str = NEEDLE, then: str = "") -> list[httpx.Response]:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        answers = [await client.delete(f"/v1/users/{user}")]
        return [*answers, await client.get(then)] if then else answers

    return with_api(settings, scene)


def words_of(store: redis.Redis, settings: Settings) -> bytes:
    """Every key of the namespace with all that it holds."""
    words = []
    for key in store.scan_iter("*", count=1_000):
        if settings.project.namespace.encode() not in key:
            continue
        kind = store.type(key)
        read: dict[bytes, Any] = {
            b"hash": store.hgetall,
            b"set": store.smembers,
            b"string": store.get,
            b"stream": store.xrange,
        }
        words.append(repr((key, read[kind](key))).encode())
    return b"\n".join(words)


def test_nothing_of_the_user_is_left_and_everybody_else_keeps_all(published: Settings, store: redis.Redis) -> None:
    assert NEEDLE.encode() in words_of(store, published)
    deleted, read = erase(published, then=f"/v1/users/{NEEDLE}/recommendations")
    assert deleted.status_code == 200
    answer = msgspec.json.decode(deleted.content, type=schemas.Erasure)
    assert answer.erased == schemas.Erased(lists=2, why=2, recent=1, features=1)
    assert f"'{NEEDLE}'".encode() not in words_of(store, published)
    assert read.json()["source"] == "popular"
    for name in (OLD, NEW):
        bucket = published.keys.lists(name, "home", "default", list_bucket(OTHER, 1))
        assert store.hexists(bucket, OTHER)
    assert store.exists(features_key(published, OTHER), published.keys.recent(OTHER)) == 2


def test_sent_again_it_is_an_answer_and_no_error(published: Settings) -> None:
    erase(published)
    (again,) = erase(published)
    assert again.status_code == 200
    assert again.json()["erased"] == {"lists": 0, "why": 0, "recent": 0, "features": 0}


def test_an_unknown_user_is_erased_too_so_that_they_stay_unknown(published: Settings, store: redis.Redis) -> None:
    (answer,) = erase(published, "nobody%2Fknows")
    assert answer.json()["user_id"] == "nobody/knows"
    assert store.scard(published.keys.forgotten()) == 2  # the tombstone, and the mark of its key


def test_a_dead_store_is_no_erasure(published: Settings, store: redis.Redis) -> None:
    dead = settings_for(f"redis://127.0.0.1:{1}/0", published.layout.root)
    (answer,) = erase(dead)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert store.scard(published.keys.forgotten()) == 0


def test_an_api_with_another_key_says_so_and_erases_nobody(published: Settings, store: redis.Redis) -> None:
    erase(published, OTHER)
    sections = published.model_dump(by_alias=True, include={"project", "paths", "redis"}) | {
        "erasure": {"key": "another key than theirs"}
    }
    other = Settings.model_validate(sections)
    (answer,) = erase(other)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "erasure_key")
    assert store.exists(published.keys.recent(NEEDLE))


def test_only_delete_is_allowed_there(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(f"/v1/users/{NEEDLE}")

    answer = with_api(published, scene)
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")


def test_a_generation_published_later_has_no_list_of_them(published: Settings, store: redis.Redis) -> None:
    write_list_folder(published.layout, LATER, SHAPE)
    erase(published)
    summary = publish_lists.run(LATER, published)
    assert store.hlen(published.keys.lists(LATER, "home", "default", 0)) == 19
    assert summary["state"] == "published"
    assert NEEDLE in read_forgotten(published), "the tombstone has come to the disk"


def test_who_is_erased_while_a_publisher_writes_is_not_in_what_goes_live(
    published: Settings, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list_folder(published.layout, LATER, SHAPE)
    real = publish_lists.check_catalogue

    def erase_first(*arguments: Any) -> None:
        real(*arguments)
        erase(published)
        # As if the publisher had written this bucket only now.
        store.hset(published.keys.lists(LATER, "home", "default", 0), NEEDLE, b"late")
        store.hset(published.keys.why(LATER, "home", "default", 0), NEEDLE, b"late")

    monkeypatch.setattr(publish_lists, "check_catalogue", erase_first)
    publish_lists.run(LATER, published)
    assert store.hget(published.keys.current(), "generation") == LATER.encode()
    assert f"'{NEEDLE}'".encode() not in words_of(store, published)
    assert NEEDLE not in listed(published, LATER)


def test_erasing_somebody_of_few_is_no_loss_that_forbids_a_rollback(published: Settings) -> None:
    erase(published)
    assert rollback_generation.run(published)["generation"] == OLD


def test_events_of_an_erased_user_become_no_key_of_theirs_again(published: Settings, store: redis.Redis) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        await client.delete(f"/v1/users/{NEEDLE}")
        click = {"user_id": NEEDLE, "item_id": item_id(3), "event_type": "click"}
        return [await client.post("/v1/events", json=[click, click | {"user_id": OTHER}])]

    (answer,) = with_api(published, scene)
    assert answer.status_code == 202
    assert not store.exists(published.keys.recent(NEEDLE))
    assert store.hlen(published.keys.recent(OTHER)) == 2


def test_an_erasure_between_looking_and_writing_leaves_no_key(
    published: Settings, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        real = RecentWriter._neighbours
        deleted: list[httpx.Response] = []

        async def erase_first(*arguments: Any) -> Any:
            found = await real(*arguments)
            deleted.append(await client.delete(f"/v1/users/{NEEDLE}"))
            return found

        monkeypatch.setattr(RecentWriter, "_neighbours", erase_first)
        clicks = [{"user_id": user, "item_id": item_id(3), "event_type": "click"} for user in (NEEDLE, OTHER)]
        return [await client.post("/v1/events", json=clicks), *deleted]

    posted, deleted = with_api(published, scene)
    assert (posted.status_code, deleted.status_code) == (202, 200)
    assert not store.exists(published.keys.recent(NEEDLE))
    assert store.hlen(published.keys.recent(OTHER)) == 2


def test_a_key_that_cannot_be_read_is_no_reason_to_refuse_events_that_are_kept(
    published: Settings, store: redis.Redis
) -> None:
    erase(published)
    published.layout.erasure_key.unlink()
    published.layout.erasure_key.mkdir()

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        click = {"user_id": OTHER, "item_id": item_id(3), "event_type": "click"}
        return [await client.post("/v1/events", json=click), await client.delete(f"/v1/users/{OTHER}")]

    posted, deleted = with_api(published, scene)
    assert posted.status_code == 202
    assert (deleted.status_code, deleted.json()["error"]["code"]) == (503, "erasure_key")


def test_the_next_run_finds_them_by_their_tombstone_alone(published: Settings, store: redis.Redis) -> None:
    erase(published)
    assert NEEDLE in listed(published, NEW)
    summary = forget_pending.run(published, datetime.now(UTC))
    assert (summary["users"], summary["left"]) == (1, 0)
    assert NEEDLE not in listed(published, NEW)
    found = read_tombstones(published.layout)
    assert found is not None
    assert found.pending == []
    assert forget_pending.run(published, datetime.now(UTC))["places"] == []


def test_a_store_that_lost_its_data_learns_of_the_erased_again(published: Settings, store: redis.Redis) -> None:
    erase(published)
    forget_pending.run(published, datetime.now(UTC))
    store.delete(published.keys.forgotten())
    forget_pending.run(published, datetime.now(UTC))
    assert store.scard(published.keys.forgotten()) == 2
