"""A choice of members, lean answers, tags and request ids: the same list in fewer bytes, or in none."""

import httpx
import msgspec
import pytest
import redis
from serving_scenes import ask, items_of, patient, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.live_rules import LiveRules
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.api import LookupApi

NAME = "20240501-001"
SHAPE = FolderShape(users=50, items=100, k=50)
USER = "/v1/users/user-7/recommendations"
PAGE = "/v1/users/user-7/page?surfaces=home,popular"
LISTS = (USER, "/v1/items/item-3/similar", "/v1/popular", "/v1/trending", "/v1/new", "/v1/items/item-3/also_bought")


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return patient(store_settings)


def test_a_lean_answer_has_ids_and_what_a_click_report_needs(published: Settings) -> None:
    (response,) = ask(published, f"{USER}?fields=ids&limit=3")
    content = response.json()
    assert list(content) == [
        *("request_id", "user_id", "generation", "surface", "experiment", "variant", "propensity", "source"),
        *("item_ids", "cursor"),
    ]
    assert content["item_ids"] == [item_id(item) for item in home_items(7, SHAPE)[:3]]


@pytest.mark.parametrize("path", [*LISTS, PAGE])
def test_every_list_has_a_lean_form_with_the_same_items(published: Settings, path: str) -> None:
    joint = "&" if "?" in path else "?"
    full, lean = ask(published, path, f"{path}{joint}fields=ids")
    told, ids = [response.json().get("lists", [response.json()]) for response in (full, lean)]
    assert [row["item_ids"] for row in ids] == [[item["item_id"] for item in row["items"]] for row in told]
    assert [row["item_ids"] for row in ids] != [[]]


@pytest.mark.parametrize(
    "wanted", ["title", "item_id,title", "rank,item_id", "score,reason", "categories,source", "item_id"]
)
def test_chosen_members_are_those_of_a_full_answer(published: Settings, wanted: str) -> None:
    full, chosen = ask(published, USER, f"{USER}?fields={wanted}")
    names = {"item_id", *wanted.split(",")}
    expected = [{key: value for key, value in item.items() if key in names} for item in full.json()["items"]]
    assert chosen.json()["items"] == expected
    assert msgspec.json.decode(chosen.content, type=schemas.Recommendations)


@pytest.mark.parametrize("wanted", ["ids,title", "titel", "title,", "IDS", "item_id, title"])
def test_members_that_do_not_exist_are_refused(published: Settings, wanted: str) -> None:
    (response,) = ask(published, f"{USER}?fields={wanted}")
    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["field"]) == ("invalid_fields", "fields")


@pytest.mark.parametrize("path", [*LISTS, PAGE, f"{USER}?fields=ids"])
def test_who_has_an_answer_is_told_so_without_a_body(published: Settings, path: str) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        first, again = await client.get(path), await client.get(path)
        tag = first.headers["etag"]
        assert again.headers["etag"] == tag, "the request id is not part of it"
        assert first.headers["cache-control"] == "private, no-cache"
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            same = await client.get(path, headers={"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), known
            assert same.headers["x-reco-generation"] == NAME
            assert "content-type" not in same.headers
        other = await client.get(path, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.headers["etag"]) == (200, tag)

    with_api(published, scene)


def test_a_tag_is_another_when_anything_shown_is(published: Settings, store: redis.Redis) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        tags = [(await client.get(path)).headers["etag"] for path in (USER, f"{USER}?limit=19", f"{USER}?fields=ids")]
        await api.live._hold(LiveRules(version="x", blocked=(item_id(home_items(7, SHAPE)[0]),)))
        hidden = await client.get(USER, headers={"If-None-Match": tags[0]})
        assert hidden.status_code == 200
        tags.append(hidden.headers["etag"])
        await api.live._hold(LiveRules(version="y"))
        next_one = "20240502-001"
        write_list_folder(published.layout, next_one, SHAPE)
        run(next_one, published)
        await api.live.refresh()
        swapped = await client.get(USER, headers={"If-None-Match": tags[0]})
        assert swapped.status_code == 200
        assert len({*tags, swapped.headers["etag"]}) == 5

    with_api(published, scene)


def test_workers_tag_alike(published: Settings) -> None:
    assert ask(published, USER)[0].headers["etag"] == ask(published, USER)[0].headers["etag"]


def test_every_answer_has_its_request_id_in_a_header(published: Settings) -> None:
    responses = ask(published, *LISTS, PAGE, "/healthz", "/docs", "/nope", f"{USER}?limit=0")
    ids = [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == len(ids)
    for response in responses:
        if "request_id" in response.text and response.headers["content-type"] == "application/json":
            assert response.json()["request_id"] == response.headers["x-request-id"]


def test_mistakes_and_pages_for_people_have_no_tag(published: Settings) -> None:
    for response in ask(published, f"{USER}?limit=0", "/nope", "/docs", "/healthz", "/v1/users/u/features"):
        assert "etag" not in response.headers


def test_head_has_the_tag_and_takes_it(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        head = await client.head(USER)
        assert head.headers["etag"] == (await client.get(USER)).headers["etag"]
        same = await client.head(USER, headers={"If-None-Match": head.headers["etag"]})
        assert same.status_code == 304

    with_api(published, scene)


def test_lists_name_their_items_in_order_whatever_is_chosen(published: Settings) -> None:
    full, ranked = ask(published, f"{USER}?limit=5", f"{USER}?limit=5&fields=item_id,rank")
    assert items_of(full) == items_of(ranked)
