"""Batch reads: for each user what a single read would give, of one generation, and nothing for a bad body."""

import json
from typing import Any

import httpx
import msgspec
import pytest
import redis
from serving_scenes import patient, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, popular_items, user_id, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.api import LookupApi

NAME = "20240501-001"
SHAPE = FolderShape(users=500, items=100, k=50)
BATCH = "/v1/recommendations:batch"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return patient(store_settings)


def post(settings: Settings, *bodies: bytes | dict[str, Any]) -> list[httpx.Response]:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        contents = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        return [await client.post(BATCH, content=content) for content in contents]

    return with_api(settings, scene)


def test_five_hundred_users_get_their_lists_in_order(published: Settings) -> None:
    users = [user_id(number) for number in reversed(range(500))]
    (response,) = post(published, {"users": users, "limit": 3})
    content = response.json()
    assert response.status_code == 200, response.text
    assert (content["generation"], response.headers["x-reco-generation"]) == (NAME, NAME)
    assert [row["user_id"] for row in content["lists"]] == users
    for number, row in zip(reversed(range(500)), content["lists"], strict=True):
        assert [item["item_id"] for item in row["items"]] == [item_id(item) for item in home_items(number, SHAPE)[:3]]
    ids = [content["request_id"], *(row["request_id"] for row in content["lists"])]
    assert len(set(ids)) == 501
    assert msgspec.json.decode(response.content, type=schemas.BatchAnswer)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"limit": 5, "category": "kind-4"},
        {"exclude": ["item-49", "item-50"], "fields": ["item_id", "title"]},
        {"fields": ["ids"], "surface": "again"},
    ],
)
def test_each_list_is_what_a_single_read_gives(published: Settings, arguments: dict[str, Any]) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        users = ["user-7", "stranger", "żółć/🛒", "user-7"]
        batch = await client.post(BATCH, json={"users": users, **arguments})
        query = {key: ",".join(value) if isinstance(value, list) else value for key, value in arguments.items()}
        for user, row in zip(users, batch.json()["lists"], strict=True):
            single = await client.get(f"/v1/users/{user.replace('/', '%2F')}/recommendations", params=query)
            expected = single.json()
            for gone in ("request_id", "generation", "cursor"):
                del expected[gone]
            assert {key: value for key, value in row.items() if key != "request_id"} == expected

    with_api(published, scene)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "invalid_body", None),
        (b"{", "invalid_body", None),
        (b"[]", "invalid_body", None),
        (b"\xff", "invalid_body", None),
        (b'{"users":' + b"[" * 100_000, "invalid_body", "users"),
        ({}, "invalid_body", None),
        ({"users": "user-7"}, "invalid_body", "users"),
        ({"users": [7]}, "invalid_body", "users"),
        ({"users": []}, "invalid_users", "users"),
        ({"users": ["u"] * 501}, "invalid_users", "users"),
        ({"users": [""]}, "invalid_id", "users"),
        ({"users": ["a\nb"]}, "invalid_id", "users"),
        ({"users": ["x" * 257]}, "invalid_id", "users"),
        ({"users": ["u"], "limit": 0}, "invalid_limit", "limit"),
        ({"users": ["u"], "limit": 101}, "invalid_limit", "limit"),
        ({"users": ["u"], "limit": 1.5}, "invalid_limit", "limit"),
        ({"users": ["u"], "limit": True}, "invalid_body", "limit"),
        ({"users": ["u"], "limit": 10**30}, "invalid_limit", "limit"),
        ({"users": ["u"], "surface": "nowhere"}, "unknown_surface", "surface"),
        ({"users": ["u"], "category": "x" * 300}, "invalid_category", "category"),
        ({"users": ["u"], "exclude": ["\x00"]}, "invalid_id", "exclude"),
        ({"users": ["u"], "exclude": [str(number) for number in range(1_001)]}, "invalid_exclude", "exclude"),
        ({"users": ["u"], "fields": ["titel"]}, "invalid_fields", "fields"),
        ({"users": ["u"], "fields": []}, "invalid_fields", "fields"),
        ({"users": ["u"], "cursor": "x"}, "invalid_body", None),
        (b'{"users":["\\ud800"]}', "invalid_body", None),
    ],
)
def test_a_bad_body_is_told_with_its_member(
    published: Settings, body: bytes | dict[str, Any], code: str, field: str | None
) -> None:
    (response,) = post(published, body)
    assert response.status_code == 400, response.text
    assert (response.json()["error"]["code"], response.json()["error"]["field"]) == (code, field)


def test_a_body_of_megabytes_is_refused_before_it_is_read(published: Settings) -> None:
    (response,) = post(published, b'{"users":["' + b"x" * (3 * 2**20) + b'"]}')
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_a_damaged_list_costs_no_other_user_theirs(published: Settings, store: redis.Redis) -> None:
    buckets = SHAPE.users // 64 + 1
    keys = [published.keys.lists(NAME, "home", "default", number) for number in range(buckets + 1)]
    key = next(key for key in keys if store.hexists(key, "user-7"))
    assert key == published.keys.lists(NAME, "home", "default", list_bucket("user-7", _buckets(published)))
    store.hset(key, "user-7", b"\x01\x00\x05\x00damaged")
    (response,) = post(published, {"users": ["user-6", "user-7", "user-8"], "limit": 2})
    rows = response.json()["lists"]
    assert [row["source"] for row in rows] == ["personal", "fallback", "personal"]
    assert [item["item_id"] for item in rows[1]["items"]] == [item_id(item) for item in popular_items("", SHAPE)[:2]]


def _buckets(settings: Settings) -> int:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> int:
        manifest = api.live.generation.manifest
        assert manifest
        return manifest.surfaces["home"]["default"].buckets

    return with_api(settings, scene)


def test_a_batch_is_posted_and_nothing_else(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        response = await client.get(BATCH)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")

    with_api(published, scene)
