"""Rules at read time: through the real store and API, without a new generation."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import redis
from serving_scenes import ask, items_of, until, with_api

from benchmarks.list_folder import FolderShape, categories_of, home_items, item_id, popular_items, write_list_folder
from jobs.landing.landed_schema import polars_schema
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.publishing.publish_lists import run as publish
from jobs.rules.live_store import change_live_rules, read_live_rules
from jobs.rules.push_rules import run as push
from jobs.rules.take_down_items import bring_back, take_down
from jobs.rules.taken_down import read_taken_down
from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS
from reco_contracts.errors import ConfigError, StoreUnavailableError
from reco_contracts.live_rules import LivePin, LiveRules
from reco_contracts.settings import Settings
from serving_api.api import LookupApi

NAME, NEXT = "20240501-001", "20240502-001"
SHAPE = FolderShape(users=50, items=100, k=50)
NOW = datetime(2024, 5, 2, 9, tzinfo=UTC)
USER = "/v1/users/user-7/recommendations"
FRESH = httpx.Limits(max_keepalive_connections=0)
PATHS = {
    "personal": f"{USER}?limit=5",
    "category": f"{USER}?limit=5&category=kind-4",
    "stranger": "/v1/users/stranger/recommendations?limit=5",
    "similar": "/v1/items/item-48/similar?limit=5",
    "popular": "/v1/popular?limit=5",
}


@pytest.fixture
def published(store_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One generation, the marts behind it, and a folder for the rules file."""
    monkeypatch.setenv("RECO_CONFIG", str(tmp_path / "reco.toml"))
    (tmp_path / "reco.toml").write_text("")
    write_list_folder(store_settings.layout, NAME, SHAPE)
    export_marts(store_settings)
    publish(NAME, store_settings)
    serving = store_settings.serving.model_copy(update={"poll_seconds": 0.05})
    return store_settings.model_copy(update={"serving": serving})


def without_store(settings: Settings) -> Settings:
    nobody = {"url": "redis://127.0.0.1:1/0", "connect_timeout_seconds": 0.1}
    return settings.model_copy(update={"redis": settings.redis.model_copy(update=nobody)})


def export_marts(settings: Settings) -> None:
    import polars as pl

    items = [
        dict.fromkeys(DIM_ITEMS.column_names)
        | {"item_id": item_id(number), "categories": categories_of(number, SHAPE), "brand": f"brand-{number % 7}"}
        for number in range(SHAPE.items)
    ]
    day = {"user_id": "user-1", "item_id": "item-1", "event_date": SHAPE.run_date}
    rows = {DIM_ITEMS: items, DIM_USERS: [], FCT_INTERACTIONS: [dict.fromkeys(FCT_INTERACTIONS.column_names) | day]}
    for table, frame in rows.items():
        settings.layout.export(table.name).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(frame, schema=polars_schema(table)).write_parquet(settings.layout.export(table.name))


def write_rules(settings: Settings, text: str) -> None:
    settings.rules_file.write_text(text)


def lists_of(settings: Settings) -> dict[str, list[str]]:
    answers = ask(settings, *PATHS.values())
    return {name: items_of(answer) for name, answer in zip(PATHS, answers, strict=True)}


def test_an_item_taken_down_is_gone_from_live_answers_within_seconds(published: Settings) -> None:
    """Through a real server with two processes; no generation is made and none goes."""
    gone = item_id(home_items(7, SHAPE)[0])

    def shown(client: httpx.Client) -> set[str]:
        # A connection each, so that both processes answer some.
        return {item for _ in range(10) for item in items_of(client.get(f"{USER}?limit=5"))}

    environment = {
        "RECO_PROJECT__NAMESPACE": published.project.namespace,
        "RECO_PATHS__DATA": str(published.paths.data),
        "RECO_REDIS__URL": published.redis.url,
        "RECO_LOG_LEVEL": "WARNING",
    }
    options = ApiOptions(port=0, workers=2, environment=environment)
    with lookup_api(published, options) as api, httpx.Client(base_url=api.url, timeout=10, limits=FRESH) as client:
        assert gone in shown(client)
        began = time.monotonic()
        take_down(published, [gone], NOW)
        while gone in shown(client):
            assert time.monotonic() - began < 5
        assert client.get(USER).headers["x-reco-generation"] == NAME
        assert len(items_of(client.get(f"{USER}?limit=5"))) == 5
        bring_back(published, [gone])
        began = time.monotonic()
        while gone not in shown(client):
            assert time.monotonic() - began < 5


def test_what_is_blocked_or_sold_out_is_in_no_list_and_lists_keep_their_length(published: Settings) -> None:
    before = lists_of(published)
    first = {name: items[0] for name, items in before.items()}
    blocked = sorted({first["personal"], first["similar"]})
    sold_out = sorted({first["category"], first["popular"]} - set(blocked))
    write_rules(
        published,
        f"- name: recall\n  block: {{items: [{', '.join(blocked)}]}}\n"
        f"- name: sold out\n  out_of_stock: [{', '.join(sold_out)}]\n",
    )
    push(published, NOW)
    after = lists_of(published)
    for name, items in before.items():
        kept = [item for item in items if item not in (*blocked, *sold_out)]
        assert after[name][: len(kept)] == kept, name
        assert not {*blocked, *sold_out} & set(after[name]), name
        assert len(after[name]) == len(items), name


def test_a_brand_is_blocked_by_its_items(published: Settings) -> None:
    write_rules(published, "- {name: brand, block: {brands: [brand-3]}}")
    assert push(published, NOW)["blocked"] == len(range(3, 100, 7))
    assert not [item for items in lists_of(published).values() for item in items if int(item[5:]) % 7 == 3]


def test_a_pin_stands_at_its_place_and_says_so(published: Settings) -> None:
    write_rules(
        published,
        "- {name: first, pin: {item: item-90, position: 1}}\n"
        "- {name: third, pin: {item: item-50, position: 3, surfaces: [home, popular]}}\n",
    )
    push(published, NOW)
    own = [item_id(item) for item in home_items(7, SHAPE) if item_id(item) not in ("item-90", "item-50")]
    (response, stranger, popular) = ask(published, PATHS["personal"], PATHS["stranger"], PATHS["popular"])
    assert items_of(response) == ["item-90", own[0], "item-50", own[1], own[2]]
    assert [item["rank"] for item in response.json()["items"]] == [1, 2, 3, 4, 5]
    assert response.json()["items"][0]["reason"] == {"code": "pinned", "text": "Featured"}
    assert response.json()["source"] == "personal"
    assert items_of(stranger)[0::2][:2] == ["item-90", "item-50"]
    others = [item_id(item) for item in popular_items("", SHAPE) if item != 50]
    assert items_of(popular) == [*others[:2], "item-50", *others[2:4]]


def test_a_page_keeps_to_the_rules_and_shows_a_pinned_item_once(published: Settings) -> None:
    write_rules(
        published,
        "- {name: lead, pin: {item: item-90, position: 2, surfaces: [home, popular]}}\n"
        "- {name: recall, block: {items: [item-49, item-0]}}\n",
    )
    push(published, NOW)
    (response,) = ask(published, "/v1/users/user-7/page?surfaces=home,popular,trending&limit=5")
    home, popular, trending = ([item["item_id"] for item in row["items"]] for row in response.json()["lists"])
    assert (home[1], len(home), len(popular), trending) == ("item-90", 5, 5, [])
    assert not {"item-49", "item-0", "item-90"} & set(popular)
    assert not {"item-49", "item-0"} & set(home)
    (alone,) = ask(published, "/v1/users/user-7/page?surfaces=popular&limit=5")
    assert alone.json()["lists"][0]["items"][1]["item_id"] == "item-90"


@pytest.mark.parametrize("query", ["exclude=item-90", "category=kind-3", "limit=4"])
def test_a_pin_gives_way_to_what_the_caller_asks(published: Settings, query: str) -> None:
    write_rules(published, "- {name: fifth, pin: {item: item-90, position: 5}}")
    push(published, NOW)
    (response,) = ask(published, f"{USER}?{query}")
    assert "item-90" not in items_of(response)


def test_rules_for_some_markets_wait_for_the_next_lists(published: Settings) -> None:
    write_rules(published, "- {name: some, block: {items: [item-49]}, where: {surfaces: [home]}}")
    assert push(published, NOW)["blocked"] == 0


def test_what_was_taken_down_outlasts_publishing_until_the_file_has_it(published: Settings, store) -> None:
    take_down(published, ["item-49"], NOW, note="recall 7")
    write_rules(published, "- {name: other, block: {items: [item-1]}}")
    write_list_folder(published.layout, NEXT, SHAPE)
    publish(NEXT, published)
    live = read_live_rules(store, published.keys)
    assert (live.taken_down, live.blocked) == (("item-49",), ("item-1",))
    assert "item-49" not in lists_of(published)["personal"]
    write_rules(published, "- {name: recall, block: {items: [item-49]}}")
    assert push(published, NOW)["now_in_the_file"] == ["item-49"]
    live = read_live_rules(store, published.keys)
    assert (live.taken_down, live.blocked) == ((), ("item-49",))
    assert read_taken_down(published.layout) == {}


def test_a_store_that_is_away_forgets_nothing_that_is_taken_down(published: Settings) -> None:
    with pytest.raises(StoreUnavailableError):
        take_down(without_store(published), ["item-49"], NOW)
    assert list(read_taken_down(published.layout)) == ["item-49"]
    push(published, NOW)
    assert "item-49" not in lists_of(published)["personal"]


def test_an_item_that_is_not_known_is_not_blocked_in_silence(published: Settings) -> None:
    with pytest.raises(ConfigError, match="unknown item 'Item-49'; did you mean 'item-49'"):
        take_down(published, ["Item-49"], NOW)
    with pytest.raises(ConfigError, match="item-3: not taken down by hand; items that are: none"):
        bring_back(published, ["item-3"])


def test_a_bad_file_publishes_nothing_and_leaves_the_live_rules(published: Settings, store) -> None:
    write_rules(published, "- {name: good, block: {items: [item-49]}}")
    push(published, NOW)
    write_rules(published, "- {name: good, block: {items: [item-49]}}\n- {name: bad, block: {items: [item-999]}}")
    write_list_folder(published.layout, NEXT, SHAPE)
    with pytest.raises(ConfigError, match=r"rules.yml:2: rule 'bad': unknown item 'item-999'"):
        publish(NEXT, published)
    with pytest.raises(ConfigError, match=r"rules.yml:2: rule 'bad'"):
        push(published, NOW)
    assert store.hget(published.keys.current(), "generation") == NAME.encode()
    assert read_live_rules(store, published.keys).blocked == ("item-49",)


def test_pins_that_the_live_lists_have_are_left_to_them(published: Settings, store) -> None:
    text = "- {name: old, pin: {item: item-90, position: 1}}\n"
    write_list_folder(published.layout, NEXT, SHAPE)
    published.layout.generation_rules(NEXT).write_text(text)
    write_rules(published, text + "- {name: new, pin: {item: item-91, position: 2}}\n")
    publish(NEXT, published)
    pins = read_live_rules(store, published.keys).pins
    assert pins == (LivePin(surface="home", item_id="item-91", position=2),)


def test_broken_rules_are_counted_and_the_last_good_ones_hold(published: Settings, store: redis.Redis) -> None:
    take_down(published, ["item-49"], NOW)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert "item-49" not in items_of(await client.get(USER))
        for broken in (b"{}", b'{"version":"0123456789abcdef","blocked":["item-1"]}', b"not json"):
            counted = api.live.broken_rules
            store.set(published.keys.rules(), broken)
            await until(lambda counted=counted: api.live.broken_rules > counted)
            assert "item-49" not in items_of(await client.get(USER))
        store.delete(published.keys.rules())
        await asyncio.sleep(2 * published.serving.poll_seconds)
        assert "item-49" not in items_of(await client.get(USER))
        metrics = (await client.get("/metrics")).text
        assert "reco_broken_rules_total{" in metrics
        assert "reco_hidden_items{" in metrics
        change_live_rules(store, published.keys, lambda _: LiveRules(blocked=("item-50",)))
        await until(lambda: api.live.rules.blocked == ("item-50",))
        assert items_of(await client.get(USER))[0] == "item-49"

    with_api(published, scene)


def test_a_process_that_starts_without_the_store_knows_the_rules(published: Settings) -> None:
    first = item_id(popular_items("", SHAPE)[0])
    take_down(published, [first], NOW)
    ask(published, PATHS["popular"])  # a process that saw the store leaves copies on disk
    (response,) = ask(without_store(published), PATHS["stranger"])
    assert response.json()["source"] == "fallback"
    assert items_of(response) == [item_id(item) for item in popular_items("", SHAPE)[1:6]]
