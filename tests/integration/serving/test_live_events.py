"""Events that are posted change the user's next answer, and wait in the stream for landing."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
import redis
from serving_scenes import ask, items_of, settings_for, until, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, write_list_folder
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run
from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import Seed, pack_seed, unpack_recent
from reco_contracts.settings import Settings
from reco_contracts.stream_entries import EVENTS_FIELD, VERSION_FIELD
from serving_api import schemas
from serving_api.api import LookupApi

NAME, NEXT = "20240501-001", "20240502-001"
SHAPE = FolderShape(users=50, items=100, k=50)
USER = "/v1/users/user-7/recommendations"
NEWCOMER = "/v1/users/newcomer/recommendations"

Scene = Callable[[LookupApi, httpx.AsyncClient], Awaitable[Any]]


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation; item i is followed by i + 1, i + 2, ... in its list of similar items."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return store_settings


def event(item: int, kind: str = "click", user: str = "user-7", **others: Any) -> dict[str, Any]:
    """An event of now."""
    return {"user_id": user, "item_id": item_id(item), "event_type": kind, **others}


def post(settings: Settings, *bodies: Any, then: str = "") -> list[httpx.Response]:
    """Post events one request after the other, then ask something."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        answers = [await client.post("/v1/events", json=body) for body in bodies]
        return [*answers, await client.get(then)] if then else answers

    return with_api(settings, scene)


def entries(store: redis.Redis, settings: Settings) -> list[list[dict[str, Any]]]:
    """The events of each entry of the stream."""
    found: Any = store.xrange(settings.keys.events(0))
    assert all(fields[VERSION_FIELD.encode()] == b"1" for _, fields in found)
    return [msgspec.json.decode(fields[EVENTS_FIELD.encode()]) for _, fields in found]


def test_an_accepted_event_waits_in_the_stream_as_a_line_of_a_log(published: Settings, store: redis.Redis) -> None:
    sent = event(3, "purchase", occurred_at="2024-05-01T10:00:00+02:00", value=2, price=1.5, request_id="r")
    (answer,) = post(published, sent)
    assert answer.status_code == 202
    assert msgspec.json.decode(answer.content, type=schemas.EventsAnswer).accepted == 1
    ((landed,),) = entries(store, published)
    assert landed.pop("event_id")
    assert landed == sent | {"occurred_at": "2024-05-01T08:00:00.000000Z", "value": 2.0}


def test_of_a_batch_the_good_events_are_taken_and_the_others_are_told(published: Settings, store: redis.Redis) -> None:
    batch = [event(1), event(2, "klick"), event(3, "rating"), event(4) | {"user_id": 5}, event(5, loyalty=1)]
    (answer,) = post(published, batch)
    content = answer.json()
    assert answer.status_code == 202
    assert (content["accepted"], content["rejected"], content["ignored_fields"]) == (2, 3, ["loyalty"])
    assert [(told["index"], told["reason"], told["field"]) for told in content["rejections"]] == [
        (1, "unknown_event_type", "event_type"),
        (2, "missing_value", "value"),
        (3, "malformed_row", "user_id"),
    ]
    assert [[one["item_id"] for one in of_entry] for of_entry in entries(store, published)] == [["item-1", "item-5"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'"\xff"', 400, "invalid_json"),
        (b"[" * 5_000, 400, "invalid_json"),
        (b"[]", 400, "invalid_events"),
        (b"7", 400, "invalid_events"),
        (b"[7]", 400, "malformed_row"),
        (b"{}", 400, "missing_user"),
        (msgspec.json.encode([event(1)] * 1_001), 400, "too_many_events"),
        (b" " * 3_000_000, 413, "too_large"),
        (msgspec.json.encode(event(1) | {"item_id": "a\r\n*3"}), 400, "control_character"),
        (msgspec.json.encode(event(1) | {"item_id": "x" * 10_000}), 400, "id_too_long"),
    ],
)
def test_what_cannot_be_taken_is_told_and_leaves_nothing(
    published: Settings, store: redis.Redis, body: bytes, status: int, code: str
) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/v1/events", content=body)

    answer = with_api(published, scene)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not store.exists(published.keys.events(0))


def test_an_event_that_is_sent_again_is_the_same_event(published: Settings, store: redis.Redis) -> None:
    timed = event(1, occurred_at="2024-05-01T10:00:00Z")

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for headers in ({}, {}, {"idempotency-key": "k"}, {"idempotency-key": "k"}, {"idempotency-key": "other"}):
            await client.post("/v1/events", json=[timed, event(2), event(2)], headers=headers)

    with_api(published, scene)
    found = entries(store, published)
    assert len({of_entry[0]["event_id"] for of_entry in found}) == 1
    keyed = [[one["event_id"] for one in of_entry[1:]] for of_entry in found[2:]]
    assert keyed[0] == keyed[1]
    assert not {*keyed[0]} & {*keyed[2]}
    assert keyed[0][0] != keyed[0][1]


def test_what_is_like_a_clicked_item_enters_the_next_list(published: Settings) -> None:
    plain = items_of(ask(published, USER)[0])
    _, answer = post(published, event(5), then=f"{USER}?limit=5")
    content = answer.json()
    assert content["source"] == "personal"
    assert [item["source"] for item in content["items"]] == ["personal", "session", "personal", "session", "personal"]
    assert [item["item_id"] for item in content["items"]] == [plain[0], "item-6", plain[1], "item-7", plain[2]]
    assert [item["rank"] for item in content["items"]] == [1, 2, 3, 4, 5]
    reason = content["items"][1]["reason"]
    assert (reason["code"], reason["seed_item_id"]) == ("because_clicked", "item-5")
    assert reason["text"] == f'Because you clicked {NAME} "Title" nº 5'


def test_what_was_bought_or_dismissed_leaves_every_list_of_the_user(published: Settings) -> None:
    first, second, third, *rest = items_of(ask(published, f"{USER}?limit=30")[0])
    number = int(first.removeprefix("item-"))
    batch = [event(number, "purchase", value=1), event(number + 1, "dismiss"), event(number + 2, "rating", value=1)]
    _, answer = post(published, batch, then=f"{USER}?limit=30")
    assert not {first, second, third} & {*items_of(answer)}
    seen, kept, page, lists = ask(
        published,
        f"{USER}?limit=30&exclude_seen=true",
        f"{USER}?limit=30&exclude_seen=false",
        "/v1/users/user-7/page?surfaces=home,popular&limit=50",
        "/v1/users/user-8/recommendations?limit=30",
    )
    assert {first, third} <= {*items_of(kept)}
    assert second not in items_of(kept)
    assert not {first, second, third} & {*items_of(seen)}
    shown = {item["item_id"] for row in page.json()["lists"] for item in row["items"]}
    assert rest[0] in shown
    assert not {first, second, third} & shown
    assert items_of(lists) == [item_id(item) for item in home_items(8, SHAPE)[:30]]


def test_a_newcomer_gets_a_list_of_their_own_after_the_first_click(published: Settings) -> None:
    (before,) = ask(published, NEWCOMER)
    assert before.json()["source"] == "popular"
    _, after = post(published, event(40, "view", "newcomer"), then=f"{NEWCOMER}?limit=8")
    content = after.json()
    assert content["source"] == "session"
    assert [item["item_id"] for item in content["items"]] == [
        *("item-41", "item-42", "item-0", "item-43", "item-44", "item-45", "item-1", "item-46"),
    ]
    assert content["items"][0]["reason"]["text"] == f'Because you viewed {NAME} "Title" nº 40'


def test_a_page_and_a_batch_show_the_session_too(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> tuple[Any, Any, Any]:
        await client.post("/v1/events", json=event(5))
        single = await client.get(f"{USER}?limit=6")
        page = await client.get("/v1/users/user-7/page?surfaces=home,popular&limit=6")
        batch = await client.post("/v1/recommendations:batch", json={"users": ["user-7", "user-8"], "limit": 6})
        return single.json()["items"], page.json()["lists"], batch.json()["lists"]

    single, page, batch = with_api(published, scene)
    assert "session" in {item["source"] for item in single}
    assert page[0]["items"] == batch[0]["items"] == single
    assert {item["source"] for item in page[1]["items"]} == {"popular"}
    assert {item["source"] for item in batch[1]["items"]} == {"personal"}


def test_pages_after_a_click_hold_every_item_once(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[str]:
        await client.post("/v1/events", json=[event(5), event(60, "purchase", value=1)])
        shown, cursor = [], ""
        while cursor is not None:
            answer = await client.get(f"{USER}?limit=7" + (f"&cursor={cursor}" if cursor else ""))
            shown += items_of(answer)
            cursor = answer.json()["cursor"]
        return shown

    shown = with_api(published, scene)
    assert len(shown) == len({*shown})
    assert {item_id(item) for item in home_items(7, SHAPE)} - {"item-60"} <= {*shown}
    assert {"item-6", "item-7"} <= {*shown}


def test_an_old_click_changes_nothing_any_more_and_a_newer_one_counts_more(published: Settings) -> None:
    plain = items_of(ask(published, USER)[0])
    hours = 3_600
    _, faded = post(published, event(5, occurred_at=time.time() - 24 * hours), then=USER)
    assert items_of(faded) == plain
    mixed = [event(5, occurred_at=time.time() - 3 * hours), event(30, occurred_at=time.time() - 60)]
    _, answer = post(published, mixed, then=f"{USER}?limit=4")
    assert next(item["item_id"] for item in answer.json()["items"] if item["source"] == "session") == "item-31"
    _, gone = post(published, event(7, user="late", occurred_at=time.time() - 100 * hours), then=NEWCOMER)
    assert gone.json()["source"] == "popular"


def test_filters_hold_for_what_a_session_brings(published: Settings) -> None:
    _, answer = post(published, event(5), then=f"{USER}?limit=10&exclude=item-6,item-7&category=kind-8")
    brought = [item for item in answer.json()["items"] if item["source"] == "session"]
    assert brought
    assert all("kind-8" in item["categories"] for item in brought)


def test_a_users_hash_is_bounded_and_goes_by_itself(published: Settings, store: redis.Redis) -> None:
    settings = published.model_copy(update={"session": published.session.model_copy(update={"max_items": 4})})
    now = time.time()
    post(settings, *[event(item, occurred_at=now - 60 + item) for item in range(9)], event(50, "purchase", value=1))
    key = settings.keys.recent("user-7")
    recent = unpack_recent([part for pair in store.hgetall(key).items() for part in pair])  # type: ignore[union-attr]
    assert store.hlen(key) <= 4
    assert recent.bought == {"item-50"}
    assert {seed.item_id for seed in recent.seeds} == {"item-50", "item-7", "item-8"}
    assert 0 < store.ttl(key) <= 72 * 3_600  # type: ignore[operator]


def test_neighbours_of_a_dead_generation_are_brought_to_the_new_one_behind_the_request(published: Settings) -> None:
    """Indices shift by ten in the new generation's home lists; the session follows its similar lists."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
        await client.post("/v1/events", json=event(5))
        write_list_folder(published.layout, NEXT, FolderShape(users=50, items=100, k=50, shift=10))
        await asyncio.to_thread(run, NEXT, published)
        await until(lambda: api.live.generation.name == NEXT)
        first = await client.get(USER)
        await until(lambda: api.events.recent.refreshed == 1)
        return first, await client.get(USER)

    first, second = with_api(published, scene)
    assert first.headers["x-reco-generation"] == second.headers["x-reco-generation"] == NEXT
    assert {item["source"] for item in first.json()["items"]} == {"personal"}
    brought = [item for item in second.json()["items"] if item["source"] == "session"]
    assert [item["item_id"] for item in brought[:2]] == ["item-6", "item-7"]
    assert brought[0]["title"].startswith(NEXT)


def test_a_full_stream_sends_events_back_and_takes_them_again_once_it_is_drained(
    published: Settings, store: redis.Redis
) -> None:
    settings = published.model_copy(update={"streams": published.streams.model_copy(update={"max_entries": 2})})

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        answers = [await client.post("/v1/events", json=event(item)) for item in range(4)]
        store.xtrim(settings.keys.events(0), maxlen=0)
        return [*answers, await client.post("/v1/events", json=event(9))]

    answers = with_api(settings, scene)
    assert [answer.status_code for answer in answers] == [202, 202, 503, 503, 202]
    assert answers[2].json()["error"]["code"] == "stream_full"
    assert answers[2].headers["retry-after"] == "5"
    assert [one["item_id"] for ((one),) in entries(store, settings)] == ["item-9"]


def test_a_stream_that_takes_too_much_memory_is_full_too(published: Settings) -> None:
    settings = published.model_copy(update={"streams": published.streams.model_copy(update={"max_mb": 1})})
    batch = [event(1, currency="x" * 200, surface="y" * 200) for _ in range(1_000)]
    statuses = [answer.status_code for answer in post(settings, *[batch] * 6)]
    assert statuses[0] == 202
    assert 503 in statuses


def test_a_store_without_memory_refuses_and_nothing_is_half_taken(published: Settings, store: redis.Redis) -> None:
    store.config_set("maxmemory", "1mb")
    try:
        (refused,) = post(published, event(5))
        (list_answer,) = ask(published, USER)
    finally:
        store.config_set("maxmemory", "0")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert list_answer.json()["source"] == "personal"
    assert not store.exists(published.keys.events(0))


def test_metrics_count_events_by_what_became_of_them(published: Settings) -> None:
    (*_, metrics) = post(published, [event(1), event(2), event(3, "klick")], event(4), then="/metrics")
    lines = {line.partition("{")[0]: line.rpartition(" ")[2] for line in metrics.text.splitlines()}
    assert lines["reco_events_accepted_total"] == "3.0"
    assert lines["reco_events_rejected_total"] == "1.0"
    assert lines["reco_event_stream_entries"] == "2.0"
    assert float(lines["reco_event_stream_bytes"]) > 0


def test_accepted_events_survive_a_killed_store_that_appends_always(tmp_path: Any) -> None:
    """SIGKILL right after the 202; what was acknowledged is there when the server comes back."""
    options = StoreOptions(is_durable=True, extra={"appendfsync": "always"})
    with embedded_store(tmp_path / "store", options) as address:
        settings = settings_for(address.url, tmp_path / "data")
        answers = post(settings, *[event(item) for item in range(20)])
        assert {answer.status_code for answer in answers} == {202}
        os.kill(address.pid, signal.SIGKILL)
    with embedded_store(tmp_path / "store", options) as address, redis.Redis.from_url(address.url) as client:
        assert len(entries(client, settings)) == 20


def test_events_wait_for_a_store_that_is_away_and_lists_do_not(published: Settings) -> None:
    """The sender is told to come again; nothing says that an event was taken."""
    gone = settings_for("redis://127.0.0.1:1/0", published.layout.root)
    refused, listed = post(gone, event(5), then=USER)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert refused.headers["retry-after"] == "5"
    assert listed.status_code == 200


def test_the_length_of_the_stream_is_known_where_nobody_posts(published: Settings, store: redis.Redis) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        await client.post("/v1/events", json=event(5))
        assert api.events.stream.entries == 1
        store.xtrim(published.keys.events(0), maxlen=0)
        await until(lambda: api.events.stream.entries == 0)

    with_api(published, scene)


def test_two_processes_add_to_one_users_recent_items_and_undo_nothing(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[str]:
        other = LookupApi(published)
        await other.start()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=other), base_url="http://reco") as second:  # type: ignore[arg-type]
            posts = [
                (client if number % 2 else second).post("/v1/events", json=event(number, "dismiss"))
                for number in range(49, 69)
            ]
            answers = await asyncio.gather(*posts)
            assert {answer.status_code for answer in answers} == {202}
            shown = items_of(await second.get(f"{USER}?limit=50"))
        await other.close()
        return shown

    assert with_api(published, scene) == [item_id(number) for number in range(69, 99)]


@pytest.mark.parametrize("damaged", [{"kind": 200}, {"score_codes": (0xFFFF, 0xFFFF)}])
def test_a_damaged_recent_item_is_as_good_as_none(
    published: Settings, store: redis.Redis, damaged: dict[str, Any]
) -> None:
    good = Seed("item-3", Reason.BECAUSE_CLICKED, int(time.time() * 1_000), 3, NAME, (60, 61), (0x3C00, 0x3800))
    bad = good._replace(item_id="item-4", item=4, at_ms=good.at_ms - 1, **damaged)
    for user, seeds in (("user-7", (good, bad)), ("newcomer", (bad,))):
        store.hset(published.keys.recent(user), mapping={f"s{seed.item_id}": pack_seed(seed) for seed in seeds})

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for user in ("user-7", "newcomer"):
            assert len(items_of(await client.get(f"/v1/users/{user}/recommendations"))) == 20
            assert (await client.get(f"/v1/users/{user}/page?surfaces=home")).status_code == 200
        batch = await client.post("/v1/recommendations:batch", json={"users": ["user-7", "newcomer"]})
        assert [len(row["items"]) for row in batch.json()["lists"]] == [20, 20]

    with_api(published, scene)
