"""Also bought, trending, new and again through the real store, and several lists on one page."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import redis
from serving_scenes import ask, items_of, settings_for, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, popular_items, write_list_folder
from jobs.models.base import PAD
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run
from jobs.ranking.save_lists import ListBlock, save_lists
from reco_contracts.artifacts import Layout
from reco_contracts.manifests import MANIFEST_FILE, decode_lists_manifest, encode_manifest
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.api import LookupApi

NAME = "20240501-001"
SHAPE = FolderShape(users=50, items=100, k=50)
# user-7's home list begins with 49, 50, 51, ...; the popular list with 0, 1, 2, ...
LISTS: dict[str, tuple[Reason, dict[str, list[int]]]] = {
    "also_bought": (Reason.BOUGHT_TOGETHER, {"item-3": [40, 41]}),
    "trending": (Reason.TRENDING, {"": [49, 60, 61, 51, 62], "kind-1": [11, 21]}),
    "new": (Reason.NEW, {"": [99, 98], "category-2": [97]}),
    "again": (Reason.DUE_AGAIN, {"user-7": [50, 49, 70, 71]}),
}
PAGE = "/v1/users/user-7/page"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation with every surface."""
    publish(store_settings)
    return store_settings


def publish(settings: Settings) -> None:
    write_list_folder(settings.layout, NAME, SHAPE)
    add_surfaces(settings.layout)
    run(NAME, settings)


def add_surfaces(layout: Layout) -> None:
    path = layout.lists / NAME / MANIFEST_FILE
    manifest = decode_lists_manifest(path.read_bytes())
    counts = {name: {"default": len(lists)} for name, (_, lists) in LISTS.items()}
    for name, (reason, lists) in LISTS.items():
        save_lists(layout.list_file(NAME, name, "default"), [block_of(reason, lists)])
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, lists=manifest.lists | counts)))


def block_of(reason: Reason, lists: dict[str, list[int]]) -> ListBlock:
    k = max(map(len, lists.values()))
    items = np.array([row + [PAD] * (k - len(row)) for row in lists.values()], dtype=np.int32)
    scores = np.where(items >= 0, np.linspace(2.0, 1.0, k), 0).astype(np.float32)
    seeds = np.where((items >= 0) & REASONS[reason].has_seed, 3, PAD).astype(np.int32)
    return ListBlock(list(lists), items, scores, np.full(items.shape, reason, dtype=np.uint8), seeds)


def names(numbers: list[int]) -> list[str]:
    return [item_id(number) for number in numbers]


def rows_of(response: httpx.Response) -> dict[str, list[str]]:
    assert response.status_code == 200, response.text
    return {row["surface"]: [item["item_id"] for item in row["items"]] for row in response.json()["lists"]}


def test_each_surface_is_answered_from_its_own_list_with_its_own_reason(published: Settings) -> None:
    also, trending, kind, new, again = ask(
        published,
        "/v1/items/item-3/also_bought?limit=1",
        "/v1/trending?limit=3&exclude=item-60",
        "/v1/trending?category=kind-1",
        "/v1/new?category=category-2",
        "/v1/users/user-7/recommendations?surface=again",
    )
    assert items_of(also) == names([40])
    assert also.json()["items"][0]["reason"] == {
        "code": "bought_together",
        "text": f'Often bought with {NAME} "Title" nº 3',
        "seed_item_id": "item-3",
    }
    assert items_of(trending) == names([49, 61, 51])
    assert items_of(kind) == names([11, 21])
    assert (kind.json()["category"], kind.json()["surface"], kind.json()["source"]) == (
        "kind-1",
        "trending",
        "trending",
    )
    assert items_of(new) == names([97])
    assert items_of(again) == names([50, 49, 70, 71])
    assert (again.json()["source"], again.json()["items"][0]["reason"]["code"]) == ("personal", "due_again")


def test_what_has_no_list_gets_popular_items_and_says_so(published: Settings) -> None:
    answers = ask(
        published,
        "/v1/items/item-5/also_bought?limit=3",
        "/v1/trending?category=kind-2&limit=3",
        "/v1/new?category=kind-2&limit=3",
        "/v1/users/user-8/recommendations?surface=again&limit=3",
    )
    assert [answer.json()["source"] for answer in answers] == ["popular"] * 4
    everywhere, of_kind = names(popular_items("", SHAPE)[:3]), names(popular_items("kind-2", SHAPE)[:3])
    assert [items_of(answer) for answer in answers] == [everywhere, of_kind, of_kind, everywhere]
    assert items_of(ask(published, "/v1/items/item-0/also_bought?limit=2")[0]) == names([1, 2])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/items/item-3/also_bought", schemas.AlsoBoughtItems),
        ("/v1/trending", schemas.CategoryItems),
        ("/v1/new?category=nowhere", schemas.CategoryItems),
        (f"{PAGE}?surfaces=home,again,trending", schemas.UserPage),
    ],
)
def test_answers_of_surfaces_have_the_described_schema(
    published: Settings, path: str, kind: type[msgspec.Struct]
) -> None:
    (response,) = ask(published, path)
    assert msgspec.json.decode(response.content, type=kind)
    assert not set(response.json()) - set(kind.__struct_fields__)


def test_a_page_shows_no_item_twice_and_fills_its_lists_from_their_own_ends(published: Settings) -> None:
    deduped, plain = ask(
        published,
        f"{PAGE}?surfaces=home,again,trending&limit=2",
        f"{PAGE}?surfaces=home,again,trending&limit=2&dedupe=false",
    )
    assert rows_of(deduped) == {"home": names([49, 50]), "again": names([70, 71]), "trending": names([60, 61])}
    assert rows_of(plain) == {"home": names([49, 50]), "again": names([50, 49]), "trending": names([49, 60])}
    assert [row["source"] for row in deduped.json()["lists"]] == ["personal", "personal", "trending"]
    assert [item["rank"] for item in deduped.json()["lists"][1]["items"]] == [1, 2]
    assert deduped.headers["x-reco-generation"] == NAME


def test_the_first_surface_of_a_page_has_the_say(published: Settings) -> None:
    (response,) = ask(published, f"{PAGE}?surfaces=trending,home,trending&limit=2&exclude=item-60")
    assert rows_of(response) == {"trending": names([49, 61]), "home": names([50, 51])}


def test_popular_items_stand_in_for_the_first_list_of_a_page_only(published: Settings) -> None:
    first, second = ask(
        published,
        "/v1/users/stranger/page?surfaces=home,again,new,popular&limit=2",
        f"{PAGE}?surfaces=new,again&limit=2&exclude=item-99,item-98",
    )
    assert rows_of(first) == {"home": names([0, 1]), "again": [], "new": names([99, 98]), "popular": names([2, 3])}
    assert [row["source"] for row in first.json()["lists"]] == ["popular", "popular", "new", "popular"]
    assert rows_of(second) == {"new": names([0, 1]), "again": names([50, 49])}


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        (PAGE, "invalid_surfaces", "surfaces"),
        (f"{PAGE}?surfaces=,", "invalid_surfaces", "surfaces"),
        (f"{PAGE}?surfaces=home,nowhere", "unknown_surface", "surfaces"),
        (f"{PAGE}?surfaces=similar", "unknown_surface", "surfaces"),
        (f"{PAGE}?surfaces=home&dedupe=perhaps", "invalid_dedupe", "dedupe"),
        (f"{PAGE}?surfaces=home&limit=0", "invalid_limit", "limit"),
        (f"{PAGE}?surfaces=home&category=x", "unknown_parameter", "category"),
        ("/v1/users//page?surfaces=home", "invalid_id", "user_id"),
        ("/v1/users/u/recommendations?surface=trending", "unknown_surface", "surface"),
        ("/v1/items/a%0Ab/also_bought", "invalid_id", "item_id"),
        ("/v1/trending?window=7", "unknown_parameter", "window"),
        ("/v1/new?limit=1000", "invalid_limit", "limit"),
    ],
)
def test_bad_input_to_surfaces_is_told_with_its_field(
    published: Settings, path: str, code: str, field: str | None
) -> None:
    (response,) = ask(published, path)
    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["field"]) == (code, field)


def test_a_page_is_one_write_to_the_store(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[int]:
        await client.get(PAGE + "?surfaces=home")
        connection: Any = api.live.pipe._connection
        writes: list[int] = []
        write = connection._transport.write

        class Counting:
            def write(self, data: bytes) -> None:
                writes.append(data.count(b"HGET\r\n"))
                write(data)

            def abort(self) -> None:
                transport.abort()

        transport, connection._transport = connection._transport, Counting()
        rows = rows_of(await client.get(f"{PAGE}?surfaces=home,again,trending,new&limit=1"))
        assert all(rows.values())
        return writes

    assert with_api(published, scene) == [4]


def test_a_page_survives_a_damaged_list(published: Settings, store: redis.Redis) -> None:
    key = published.keys.lists(NAME, "again", "default", list_bucket("user-7", 1))
    store.hset(key, "user-7", bytes.fromhex("01000100ffffff0f003c10"))  # an item that is not in the catalogue
    (response,) = ask(published, f"{PAGE}?surfaces=again,home,trending&limit=2")
    assert rows_of(response) == {"again": names([0, 1]), "home": names([49, 50]), "trending": names([60, 61])}
    assert [row["source"] for row in response.json()["lists"]] == ["fallback", "personal", "trending"]


def test_every_surface_answers_while_the_store_is_dead_or_empty(tmp_path: Path) -> None:
    paths = (
        "/v1/items/item-3/also_bought?limit=2",
        "/v1/trending?category=kind-1&limit=2",
        "/v1/new?limit=2",
        "/v1/users/user-7/recommendations?surface=again&limit=2",
    )
    page = f"{PAGE}?surfaces=home,again,trending,popular&limit=2"
    with embedded_store(tmp_path / "store") as server:
        settings = settings_for(server.url, tmp_path, redis={"connect_timeout_seconds": 0.3})
        publish(settings)
        ask(settings, "/readyz")  # leaves the copy on disk
    *answers, rows = ask(settings, *paths, page)
    assert {answer.json()["source"] for answer in answers} == {"fallback"}
    assert items_of(answers[1]) == names(popular_items("kind-1", SHAPE)[:2])
    assert rows_of(rows) == {"home": names([0, 1]), "again": [], "trending": [], "popular": names([2, 3])}
    nothing = settings_for("redis://127.0.0.1:1/0", tmp_path / "nothing", redis={"connect_timeout_seconds": 0.2})
    *answers, rows = ask(nothing, *paths, page)
    assert all(items_of(answer) == [] for answer in answers)
    assert not any(rows_of(rows).values())


def test_a_slow_store_delays_a_page_by_one_timeout_at_most(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as of_store:
        settings = settings_for(server.url, tmp_path, serving={"read_timeout_seconds": 0.1})
        publish(settings)

        async def scene(api: LookupApi, client: httpx.AsyncClient) -> float:
            await client.get(f"{PAGE}?surfaces=home")
            of_store.client_pause(400)
            began = asyncio.get_running_loop().time()
            response = await client.get(f"{PAGE}?surfaces=home,again,trending,new&limit=2")
            seconds = asyncio.get_running_loop().time() - began
            assert rows_of(response)["home"] == names([0, 1])
            return seconds

        assert 0.09 < with_api(settings, scene) < 0.3


def test_user_lists_know_all_user_surfaces_by_name(published: Settings) -> None:
    (response,) = ask(published, "/v1/users/user-7/recommendations?surface=nowhere")
    assert "there are: home, again" in response.json()["error"]["message"]
    own = [item_id(item) for item in home_items(7, SHAPE)[:2]]
    assert items_of(ask(published, "/v1/users/user-7/recommendations?limit=2")[0]) == own
