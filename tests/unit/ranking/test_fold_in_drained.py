"""Who posted events since the live generation gets a list of what they did, in the store, once."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest
import redis
from small_shop import RUN_DATE

from jobs.draining import drain_events, fold_in_drained
from jobs.evaluation import evaluate_models
from jobs.forgetting.tombstone_file import add_tombstones
from jobs.publishing import publish_lists
from jobs.publishing.embedded_store import embedded_store
from jobs.ranking import fold_in_users, rank_lists, train_model
from reco_contracts.folded_codec import folded_field, unpack_folded
from reco_contracts.list_codec import unpack_list
from reco_contracts.recent_codec import unpack_recent
from reco_contracts.settings import Settings
from reco_contracts.tombstones import erasure_key, key_mark, tombstone
from serving_api.api import LookupApi

GENERATION = "20260331-001"
NOW = datetime.combine(RUN_DATE, datetime.min.time(), tzinfo=UTC) + timedelta(days=1, hours=12)
NEXT_DAY = RUN_DATE + timedelta(days=1)
_NUMBERS = count(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[redis.Redis]:
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def shop(make_shop, store: redis.Redis):
    """A small shop whose lists are live."""
    port = store.connection_pool.connection_kwargs["port"]
    made = make_shop(redis={"url": f"redis://127.0.0.1:{port}/0"}, train={"model": "popularity"})
    evaluate_models.run(RUN_DATE, made.settings)
    train_model.run(RUN_DATE, made.settings)
    rank_lists.run(RUN_DATE, made.settings)
    publish_lists.run(GENERATION, made.settings)
    return made


def post(store: redis.Redis, settings: Settings, *bought: tuple[str, str], **fields: Any) -> list[dict[str, Any]]:
    """Purchases as the API accepts them, drained into landing."""
    event = {"event_type": "purchase", "value": 1, "occurred_at": f"{NEXT_DAY}T08:00:00Z", **fields}
    events = [{"event_id": f"p{next(_NUMBERS)}", "user_id": user, "item_id": item, **event} for user, item in bought]
    store.xadd(settings.keys.events(0), {"e": msgspec.json.encode(events), "v": "1"})
    drain_events.run(settings, NOW)
    return events


def folded(store: redis.Redis, settings: Settings, user: str) -> tuple[int, ...] | None:
    """The indices of a user's folded list in the store."""
    value = store.hget(settings.keys.recent(user), folded_field("home"))
    found = unpack_folded(value) if value else None
    assert found is None or found.generation == GENERATION
    return unpack_list(found.value).items if found else None


def test_who_bought_gets_the_list_of_the_newest_history_in_the_store(shop, store, tmp_path) -> None:
    ids = pl.read_parquet(shop.settings.layout.catalogue_file(GENERATION))["item_id"].to_list()
    before = pl.read_parquet(shop.settings.layout.list_file(GENERATION, "home", "default"))
    first = before.filter(pl.col("subject") == "user-05")["item_indices"][0][0]
    events = post(store, shop.settings, ("newcomer", "item-01"), ("newcomer", "item-03"), ("user-05", ids[first]))
    summary = fold_in_drained.run(shop.settings, NOW)
    assert summary == {"generation": GENERATION, "users": 2, "published": 2}
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, events)))
    fold_in_users.run(shop.settings, NOW, generation=GENERATION, events=path, name="expected")
    expected = pl.read_parquet(shop.settings.layout.overlay_file(GENERATION, "expected"))
    for user, items in expected.select("subject", "item_indices").iter_rows():
        assert folded(store, shop.settings, user) == tuple(items)
    assert first not in (folded(store, shop.settings, "user-05") or (first,)), "what was bought is gone"
    assert folded(store, shop.settings, "user-06") is None
    assert 0 < store.ttl(shop.settings.keys.recent("newcomer")) <= shop.settings.session.ttl_hours * 3_600


def test_who_was_folded_in_is_left_alone_until_the_next_event(shop, store) -> None:
    post(store, shop.settings, ("user-05", "item-07"))
    assert fold_in_drained.run(shop.settings, NOW)["users"] == 1
    first = folded(store, shop.settings, "user-05")
    assert fold_in_drained.run(shop.settings, NOW)["users"] == 0
    post(store, shop.settings, ("user-06", "item-07"))
    post(store, shop.settings, ("user-05", "item-01"), event_type="impression", value=None, request_id="r",
         surface="home", position=1)  # fmt: skip
    assert fold_in_drained.run(shop.settings, NOW)["users"] == 1, "an impression is nothing that a user did"
    assert folded(store, shop.settings, "user-05") == first
    assert folded(store, shop.settings, "user-06")


def test_who_is_erased_meanwhile_gets_no_list(shop, store) -> None:
    post(store, shop.settings, ("user-05", "item-07"), ("user-06", "item-07"))
    key = erasure_key(shop.settings.layout, shop.settings.erasure.key)
    add_tombstones(shop.settings, {tombstone(key, "user-05"): None}, NOW)
    assert fold_in_drained.run(shop.settings, NOW)["published"] == 1
    assert folded(store, shop.settings, "user-05") is None
    assert folded(store, shop.settings, "user-06")


def test_who_is_erased_in_the_store_alone_while_lists_are_made_gets_none(shop, store, monkeypatch) -> None:
    post(store, shop.settings, ("user-05", "item-07"), ("user-06", "item-07"))
    key = erasure_key(shop.settings.layout, shop.settings.erasure.key)
    fold_in = fold_in_drained.fold_in_lists

    def erased_meanwhile(*arguments: Any) -> Any:
        store.sadd(shop.settings.keys.forgotten(), key_mark(key), tombstone(key, "user-05"))
        return fold_in(*arguments)

    monkeypatch.setattr(fold_in_drained, "fold_in_lists", erased_meanwhile)
    assert fold_in_drained.run(shop.settings, NOW)["published"] == 1
    assert folded(store, shop.settings, "user-05") is None
    assert folded(store, shop.settings, "user-06")


def test_a_run_that_was_killed_before_it_noted_its_end_does_it_again(shop, store, monkeypatch) -> None:
    post(store, shop.settings, ("user-05", "item-07"))
    monkeypatch.setattr(fold_in_drained, "_write_mark", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fold_in_drained.run(shop.settings, NOW)
    monkeypatch.undo()
    assert fold_in_drained.run(shop.settings, NOW)["users"] == 1


def test_a_folded_list_is_read_beside_the_recent_items_and_holds_for_its_generation_alone(shop, store) -> None:
    post(store, shop.settings, ("user-05", "item-07"))
    fold_in_drained.run(shop.settings, NOW)
    flat = [part for pair in store.hgetall(shop.settings.keys.recent("user-05")).items() for part in pair]
    recent = unpack_recent(flat)
    value = recent.folded_list("home", GENERATION)
    assert value is not None
    assert unpack_list(value).items == folded(store, shop.settings, "user-05")
    assert recent.folded_list("home", "20260401-001") is None
    assert recent.folded_list("again", GENERATION) is None
    assert recent.hidden(exclude_seen=True) == frozenset()


def test_what_cannot_be_read_of_a_folded_list_is_as_good_as_none() -> None:
    for value in (
        b"",
        b"\x01",
        b"\x02" + bytes(30),
        b"\x01" + bytes(8) + b"\xff" + b"ab",
        b"\x01" + bytes(8) + b"\x00",
    ):
        assert unpack_folded(value) is None


def test_without_a_live_generation_there_is_nothing_to_fold_into(make_shop, store) -> None:
    port = store.connection_pool.connection_kwargs["port"]
    shop = make_shop(redis={"url": f"redis://127.0.0.1:{port}/0"})
    post(store, shop.settings, ("user-05", "item-07"))
    assert fold_in_drained.run(shop.settings, NOW) == {"generation": None, "users": 0, "published": 0}
    assert folded(store, shop.settings, "user-05") is None


def test_a_purchase_that_is_posted_comes_back_as_another_list(shop, store) -> None:
    """The whole way: API, stream, landing, fold-in, API."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        path = "/v1/users/user-05/recommendations"
        before = (await client.get(path)).json()["items"]
        event = {"user_id": "user-05", "item_id": before[0]["item_id"], "event_type": "purchase", "value": 1}
        assert (await client.post("/v1/events", json={**event, "occurred_at": NOW.isoformat()})).status_code == 202
        assert drain_events.run(shop.settings, NOW)["landed"] >= 1
        assert fold_in_drained.run(shop.settings, NOW)["published"] == 1
        expected = folded(store, shop.settings, "user-05")
        ids = pl.read_parquet(shop.settings.layout.catalogue_file(GENERATION))["item_id"]
        after = (await client.get(path)).json()["items"]
        assert [item["item_id"] for item in after] == [ids[index] for index in expected or ()]
        assert before[0]["item_id"] not in {item["item_id"] for item in after}

    async def play() -> None:
        api = LookupApi(shop.settings)
        await api.start()
        try:
            transport = httpx.ASGITransport(app=api)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://reco") as client:
                await scene(api, client)
        finally:
            await api.close()

    asyncio.run(play())
