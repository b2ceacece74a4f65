"""Pages of a list: together they are the list, of one generation, whatever happens between two of them."""

import asyncio
import struct
from datetime import date
from pathlib import Path

import httpx
import pytest
import redis
from serving_scenes import ask, items_of, patient, settings_for, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, popular_items, write_list_folder
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run
from jobs.publishing.rollback_generation import run as roll_back
from reco_contracts.folded_codec import FoldedList, folded_field, pack_folded
from reco_contracts.live_rules import LivePin, LiveRules
from reco_contracts.reasons import Reason
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api.api import LookupApi
from serving_api.catalogue import MAX_SHOWN
from serving_api.paging import Page

NAMES = tuple(f"2024050{day}-001" for day in (1, 2, 3))
SHAPES = {
    name: FolderShape(users=50, items=100, k=50, shift=13 * day, run_date=date(2024, 5, day + 1))
    for day, name in enumerate(NAMES)
}
FIRST = SHAPES[NAMES[0]]
USER = "/v1/users/user-7/recommendations"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """The first of three generations; the API looks for another one only when a test says so."""
    for name, shape in SHAPES.items():
        write_list_folder(store_settings.layout, name, shape)
    run(NAMES[0], store_settings)
    return slow_to_follow(store_settings)


def slow_to_follow(settings: Settings) -> Settings:
    serving = patient(settings).serving.model_copy(update={"poll_seconds": 1_000.0})
    return settings.model_copy(update={"serving": serving})


def own(name: str) -> list[str]:
    return [item_id(item) for item in home_items(7, SHAPES[name])]


async def next_page(client: httpx.AsyncClient, page: httpx.Response) -> httpx.Response:
    cursor = page.json()["cursor"]
    assert cursor
    return await client.get(page.request.url.copy_merge_params({"cursor": cursor}))


async def all_pages(client: httpx.AsyncClient, path: str) -> list[httpx.Response]:
    pages = [await client.get(path)]
    while pages[-1].json()["cursor"]:
        pages.append(await next_page(client, pages[-1]))
        assert len(pages) < 100
    return pages


@pytest.mark.parametrize(
    "path",
    [
        USER,
        f"{USER}?category=kind-4",
        f"{USER}?exclude=item-52,item-60",
        "/v1/users/stranger/recommendations",
        "/v1/items/item-3/similar",
        "/v1/popular?window=7&category=category-2",
        "/v1/trending?category=kind-1",
        f"{USER}?fields=item_id,rank",
    ],
)
@pytest.mark.parametrize("limit", [1, 7, 20, 50])
def test_the_pages_of_a_list_are_the_list(published: Settings, path: str, limit: int) -> None:
    joint = "&" if "?" in path else "?"

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        whole = (await client.get(f"{path}{joint}limit=100")).json()["items"]
        pages = await all_pages(client, f"{path}{joint}limit={limit}")
        assert [item for page in pages for item in page.json()["items"]] == whole
        assert all(len(page.json()["items"]) == limit for page in pages[:-1])
        assert pages[-1].json()["items"], "the last page is not empty"

    with_api(published, scene)


def test_pages_keep_their_generation_when_another_one_goes_live(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        run(NAMES[1], published)
        await api.live.refresh()
        fresh, second = await client.get(f"{USER}?limit=10"), await next_page(client, first)
        assert (first.json()["generation"], fresh.json()["generation"]) == NAMES[:2]
        assert items_of(fresh) == own(NAMES[1])[:10]
        assert items_of(second) == own(NAMES[0])[10:20]
        assert (second.json()["generation"], second.headers["x-reco-generation"]) == (NAMES[0], NAMES[0])
        assert all(item["title"].startswith(NAMES[0]) for item in second.json()["items"])
        assert second.json()["source"] == "personal"

    with_api(published, scene)


def test_a_cursor_whose_generation_is_gone_is_told_so(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        for name in NAMES[1:]:
            run(name, published)
            await api.live.refresh()
        gone = await next_page(client, first)
        assert gone.status_code == 410
        assert (gone.json()["error"]["code"], gone.json()["error"]["field"]) == ("cursor_expired", "cursor")
        assert (await client.get(f"{USER}?limit=10")).json()["generation"] == NAMES[2]

    with_api(published, scene)


def test_a_list_that_is_unlinked_before_the_next_swap_is_gone_and_not_popular(
    published: Settings, store: redis.Redis
) -> None:
    """Publishing unlinks the generation before the live one first, while processes still know it."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        stranger = await client.get("/v1/users/stranger/recommendations?limit=10")
        run(NAMES[1], published)
        await api.live.refresh()
        store.delete(published.keys.lists(NAMES[0], "home", "default", list_bucket("user-7", 1)))
        assert (await next_page(client, first)).status_code == 410
        popular = [item_id(item) for item in popular_items("", FIRST)]
        assert items_of(await next_page(client, stranger)) == popular[10:20]

    with_api(published, scene)


def test_pages_of_the_abandoned_and_of_the_restored_generation_go_on_after_a_rollback(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        before = await client.get(f"{USER}?limit=10")
        run(NAMES[1], published)
        await api.live.refresh()
        abandoned = await client.get(f"{USER}?limit=10")
        roll_back(published)
        await api.live.refresh()
        assert items_of(await client.get(f"{USER}?limit=10")) == own(NAMES[0])[:10]
        assert items_of(await next_page(client, before)) == own(NAMES[0])[10:20]
        assert items_of(await next_page(client, abandoned)) == own(NAMES[1])[10:20]

    with_api(published, scene)


def test_a_process_that_is_a_moment_behind_waits_for_the_cursors_generation(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        behind = api.live.generation
        run(NAMES[1], published)
        await api.live.refresh()
        first = await client.get(f"{USER}?limit=10")
        api.live.generation, api.live.previous = behind, None
        asked = asyncio.create_task(next_page(client, first))
        await asyncio.sleep(0.1)
        assert not asked.done()
        await api.live.refresh()
        assert items_of(await asked) == own(NAMES[1])[10:20]

    with_api(published, scene)


def test_rules_and_exclusions_between_two_pages_repeat_no_item(published: Settings) -> None:
    listed = own(NAMES[0])
    hidden, pinned = listed[12], listed[30]

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        pins = (
            LivePin(surface="home", item_id=listed[3], position=15),  # was shown
            LivePin(surface="home", item_id=pinned, position=11),
            LivePin(surface="home", item_id="item-0", position=2),  # its page is over
        )
        await api.live._hold(LiveRules(version="x", taken_down=(hidden,), pins=pins))
        second = await next_page(client, first)
        assert items_of(second) == [pinned, *listed[10:12], *listed[13:20]]
        assert [item["rank"] for item in second.json()["items"]] == list(range(11, 21))
        pages = [second]
        while pages[-1].json()["cursor"]:
            pages.append(await next_page(client, pages[-1]))
        shown = items_of(first) + [item for page in pages for item in items_of(page)]
        assert sorted(shown) == sorted(set(listed) - {hidden})

    with_api(published, scene)


def test_pins_of_every_page_stand_at_their_places_of_the_whole_list(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        pins = tuple(LivePin(surface="home", item_id=f"item-{at}", position=at) for at in (1, 10, 11, 25))
        await api.live._hold(LiveRules(version="x", pins=pins))
        whole = items_of(await client.get(f"{USER}?limit=60"))
        pages = await all_pages(client, f"{USER}?limit=10")
        assert [item for page in pages for item in items_of(page)] == whole
        assert [whole[at - 1] for at in (1, 10, 11, 25)] == ["item-1", "item-10", "item-11", "item-25"]

    with_api(published, scene)


def fold_in(store: redis.Redis, settings: Settings, items: list[int]) -> None:
    """Put a list in the place of user-7's published one."""
    n = len(items)
    packed = struct.pack(f"<BBH{n}I{n}H{n}B", 1, 0, n, *items, *[0x3C00] * n, *[Reason.POPULAR] * n)
    value = pack_folded(FoldedList(NAMES[0], packed), 1_714_000_000_000)
    store.hset(settings.keys.recent("user-7"), folded_field("home"), value)


def test_pages_go_on_in_the_list_they_began_on_when_another_is_folded_in(
    published: Settings, store: redis.Redis
) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        fold_in(store, published, [*range(30), 52, 55])
        assert items_of(await client.get(f"{USER}?limit=3")) == ["item-0", "item-1", "item-2"]
        assert items_of(await next_page(client, first)) == own(NAMES[0])[10:20]

    with_api(published, scene)


def test_pages_of_a_folded_list_repeat_nothing_when_it_is_made_anew_or_goes(
    published: Settings, store: redis.Redis
) -> None:
    fold_in(store, published, list(range(30)))

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        fold_in(store, published, [40, *range(29, -1, -1)])
        second = await next_page(client, first)
        assert items_of(second) == [item_id(item) for item in (40, *range(29, 20, -1))]
        store.delete(published.keys.recent("user-7"))
        shown = items_of(first) + items_of(second)
        assert items_of(await next_page(client, second)) == [item for item in own(NAMES[0]) if item not in shown][:10]

    with_api(published, scene)


@pytest.mark.parametrize("kind", ["click", "purchase", "dismiss"])
def test_events_between_two_pages_repeat_no_item(published: Settings, kind: str) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        pages = [await client.get(f"{USER}?limit=10")]
        about = items_of(pages[0])[2]
        while pages[-1].json()["cursor"]:
            event = {"user_id": "user-7", "item_id": about, "event_type": kind, "value": 1}
            assert (await client.post("/v1/events", json=event)).status_code == 202
            pages.append(await next_page(client, pages[-1]))
            about = items_of(pages[-1])[-1] if items_of(pages[-1]) else about
            assert len(pages) < 30
        shown = [item for page in pages for item in items_of(page)]
        assert len(set(shown)) == len(shown)
        assert set(own(NAMES[0])) <= set(shown) | {about}
        assert [item["rank"] for page in pages for item in page.json()["items"]] == list(range(1, len(shown) + 1))

    with_api(published, scene)


def test_rules_hold_in_pages_of_the_generation_before(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        run(NAMES[1], published)
        await api.live.refresh()
        await api.live._hold(LiveRules(version="x", blocked=(own(NAMES[0])[10],)))
        assert items_of(await next_page(client, first)) == own(NAMES[0])[11:21]

    with_api(published, scene)


@pytest.mark.parametrize(
    "change",
    [("surface", "again"), ("category", "kind-1"), ("cursor", "AAAA"), ("cursor", "ż"), ("cursor", "A" * 13_000)],
)
def test_a_cursor_of_another_list_is_refused(published: Settings, change: tuple[str, str]) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first = await client.get(f"{USER}?limit=10")
        cursor = first.json()["cursor"]
        wrong = await client.get(USER, params={"cursor": cursor, change[0]: change[1]})
        assert wrong.status_code == 400
        assert (wrong.json()["error"]["code"], wrong.json()["error"]["field"]) == ("invalid_cursor", "cursor")
        popular = await client.get("/v1/popular", params={"cursor": cursor})
        assert popular.status_code == 400

    with_api(published, scene)


@pytest.mark.parametrize("shown", [MAX_SHOWN - 1, MAX_SHOWN])
def test_a_cursor_that_somebody_made_up_gets_a_page_and_no_fault(published: Settings, shown: int) -> None:
    """Its check is no secret."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        made_up = Page(api.live.generation, b"user|home|").next_listed((), is_own=False, skip=shown)
        return await client.get(
            "/v1/users/stranger/recommendations", params={"limit": 20, "cursor": made_up.decode().strip('"')}
        )

    page = with_api(published, scene)
    assert [item["rank"] for item in page.json()["items"]] == list(range(shown + 1, shown + 21))


def test_a_page_has_an_answer_while_the_store_is_dead(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server:
        settings = slow_to_follow(settings_for(server.url, tmp_path, redis={"connect_timeout_seconds": 0.3}))
        write_list_folder(settings.layout, NAMES[0], FIRST)
        run(NAMES[0], settings)
        personal, popular = ask(settings, f"{USER}?limit=10", "/v1/popular?limit=10")
    second, rest = ask(
        settings,
        f"{USER}?limit=10&cursor={personal.json()['cursor']}",
        f"/v1/popular?limit=10&cursor={popular.json()['cursor']}",
    )
    assert (second.status_code, second.json()["source"], len(items_of(second))) == (200, "fallback", 10)
    assert items_of(rest) == [item_id(item) for item in popular_items("", FIRST)[10:20]]
