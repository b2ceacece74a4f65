"""The lookup API's answers, in process, on a real store with lists that are known by formula."""

from urllib.parse import quote

import httpx
import msgspec
import pytest
import redis
from serving_scenes import ask, items_of, with_api

from benchmarks.list_folder import FolderShape, categories_of, home_items, item_id, popular_items, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.events import MAX_ID_LENGTH
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.api import LookupApi

NAME = "20240501-001"
SHAPE = FolderShape(users=50, items=100, k=50)
USER = "/v1/users/user-7/recommendations"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return store_settings


def test_a_users_list_is_answered_as_documented(published: Settings) -> None:
    (response,) = ask(published, f"{USER}?limit=3")
    content = response.json()
    assert response.headers["x-reco-generation"] == NAME
    assert response.headers["content-type"] == "application/json"
    assert list(content) == [
        *("request_id", "user_id", "generation", "surface", "experiment", "variant", "propensity", "source", "items"),
        "cursor",
    ]
    assert content | {"request_id": "", "items": [], "cursor": None} == {
        "request_id": "",
        "user_id": "user-7",
        "generation": NAME,
        "surface": "home",
        "experiment": None,
        "variant": "default",
        "propensity": 1.0,
        "source": "personal",
        "items": [],
        "cursor": None,
    }
    assert content["items"][0] == {
        "item_id": "item-49",
        "rank": 1,
        "score": 1.0,
        "title": f'{NAME} "Title" nº 49',
        "categories": categories_of(49, SHAPE),
        "source": "personal",
        "reason": {
            "code": "because_of_history",
            "text": f'Because of {NAME} "Title" nº 50',
            "seed_item_id": "item-50",
        },
    }
    assert items_of(response) == [item_id(item) for item in home_items(7, SHAPE)[:3]]
    assert [item["rank"] for item in content["items"]] == [1, 2, 3]
    assert content["items"][1]["score"] == pytest.approx(0.985, abs=1e-3)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (USER, schemas.Recommendations),
        ("/v1/users/stranger/recommendations?category=kind-3", schemas.Recommendations),
        ("/v1/items/item-3/similar", schemas.SimilarItems),
        ("/v1/popular?category=kind-3&window=7", schemas.PopularItems),
        ("/v1/users/user-7/features", schemas.Features),
        ("/v1/items/item-7/features", schemas.Features),
        ("/healthz", schemas.Health),
        ("/readyz", schemas.Readiness),
        ("/v1/popular?limit=0", schemas.Error),
    ],
)
def test_answers_have_the_described_schema(published: Settings, path: str, kind: type[msgspec.Struct]) -> None:
    (response,) = ask(published, path)
    content = msgspec.json.decode(response.content, type=kind)
    unknown = set(response.json()) - set(kind.__struct_fields__)
    assert not unknown
    assert content


def test_limits_lengthen_and_shorten_a_list(published: Settings) -> None:
    default, longest, one = ask(published, USER, f"{USER}?limit=100", f"{USER}?limit=1")
    assert [len(items_of(response)) for response in (default, longest, one)] == [20, 50, 1]


def test_excluded_items_are_left_out_and_their_places_filled(published: Settings) -> None:
    first = [item_id(item) for item in home_items(7, SHAPE)]
    query = f"exclude={first[0]},{first[2]}&exclude={first[4]}&limit=5"
    (response,) = ask(published, f"{USER}?{query}")
    assert items_of(response) == [first[1], first[3], *first[5:8]]
    assert [item["rank"] for item in response.json()["items"]] == [1, 2, 3, 4, 5]


def test_a_category_is_filled_from_its_popular_list(published: Settings) -> None:
    """Half of the items are in the user's list, so some of one kind come from there and the rest are popular."""
    own = [item for item in home_items(7, SHAPE) if "kind-4" in categories_of(item, SHAPE)]
    rest = [item for item in popular_items("kind-4", SHAPE) if item not in own]
    assert own
    assert rest
    (response,) = ask(published, f"{USER}?category=kind-4&limit=20")
    assert items_of(response) == [item_id(item) for item in own + rest]
    sources = [item["source"] for item in response.json()["items"]]
    assert sources == ["personal"] * len(own) + ["popular"] * len(rest)
    assert response.json()["source"] == "personal"
    ranks = [item["rank"] for item in response.json()["items"]]
    assert ranks == list(range(1, len(ranks) + 1))


def test_a_category_that_does_not_exist_gives_an_empty_list(published: Settings) -> None:
    for response in ask(published, f"{USER}?category=no-such", "/v1/popular?category=no-such"):
        assert items_of(response) == []


def test_an_unknown_user_gets_the_popular_list(published: Settings) -> None:
    (response,) = ask(published, "/v1/users/stranger/recommendations?limit=5")
    assert items_of(response) == [item_id(item) for item in popular_items("", SHAPE)[:5]]
    assert response.json()["source"] == "popular"
    assert response.json()["items"][0]["reason"] == {"code": "popular", "text": "Popular now"}


def test_similar_items_never_name_the_item_itself(published: Settings) -> None:
    known, unknown = ask(published, "/v1/items/item-3/similar?limit=2", "/v1/items/item-0x/similar?limit=2")
    assert items_of(known) == ["item-4", "item-5"]
    assert known.json()["source"] == "similar"
    assert known.json()["item_id"] == "item-3"
    assert unknown.json()["source"] == "popular"


def test_popular_lists_have_windows_and_categories(published: Settings) -> None:
    responses = ask(published, "/v1/popular?limit=3", "/v1/popular?window=7&category=category-2&limit=3")
    assert items_of(responses[0]) == ["item-0", "item-1", "item-2"]
    assert responses[0].json()["window_days"] == 30
    assert items_of(responses[1]) == ["item-2", "item-7", "item-12"]
    assert responses[1].json()["window_days"] == 7


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        (f"{USER}?limit=0", "invalid_limit", "limit"),
        (f"{USER}?limit=101", "invalid_limit", "limit"),
        (f"{USER}?limit=ten", "invalid_limit", "limit"),
        (f"{USER}?limit=%D9%A3", "invalid_limit", "limit"),
        (f"{USER}?limit=1&limit=2", "repeated_parameter", "limit"),
        (f"{USER}?surface=nowhere", "unknown_surface", "surface"),
        (f"{USER}?surface=similar", "unknown_surface", "surface"),
        (f"{USER}?catgory=x", "unknown_parameter", "catgory"),
        (f"{USER}?category=%FF", "invalid_query", None),
        (f"{USER}?category={'x' * 300}", "invalid_category", "category"),
        (f"{USER}?exclude=a%00b", "invalid_id", "exclude"),
        (f"/v1/users/{'x' * (MAX_ID_LENGTH + 1)}/recommendations", "invalid_id", "user_id"),
        ("/v1/users/a%0Ab/recommendations", "invalid_id", "user_id"),
        ("/v1/users/%FF/recommendations", "invalid_id", "user_id"),
        ("/v1/users//recommendations", "invalid_id", "user_id"),
        ("/v1/items/a%7Fb/similar", "invalid_id", "item_id"),
        ("/v1/users/a%C2%85b/features", "invalid_id", "user_id"),
        ("/v1/popular?window=8", "unknown_window", "window"),
        ("/v1/users/a/features?x=1", "unknown_parameter", "x"),
    ],
)
def test_bad_input_is_told_with_its_field(published: Settings, path: str, code: str, field: str | None) -> None:
    (response,) = ask(published, path)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    error = response.json()["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]


def test_the_known_surfaces_are_named(published: Settings) -> None:
    (response,) = ask(published, f"{USER}?surface=nowhere")
    assert "there are: home" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "user",
    ["żółć 🛒", "a/b", "../../healthz", "%2e%2e", 'x"},{"y', "<script>", "x" * MAX_ID_LENGTH, "user-7 ", "*", "\u2028"],
)
def test_hostile_ids_are_ids_like_any_other(published: Settings, user: str) -> None:
    (response,) = ask(published, f"/v1/users/{quote(user, safe='')}/recommendations")
    assert response.status_code == 200
    assert response.json()["user_id"] == user
    assert response.json()["source"] == "popular"


def test_paths_and_methods_that_do_not_exist_are_told(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for path in (
            "/nope",
            "/v1/users/u/nope",
            "/v1/popular/",
            "/v2/users/u/recommendations",
            "/healthz/x/y/z",
        ):
            response = await client.get(path)
            assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found"), path
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = await client.request(method, USER)
            assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")

    with_api(published, scene)


def test_head_answers_like_get_without_the_body(published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for path in (USER, "/healthz", "/docs", "/nope"):
            get, head = await client.get(path), await client.head(path)
            assert head.status_code == get.status_code
            assert head.content == b""
            assert abs(int(head.headers["content-length"]) - len(get.content)) <= 1  # the request id grows
            assert head.headers["content-type"] == get.headers["content-type"]

    with_api(published, scene)


def test_request_ids_are_unique_over_processes(published: Settings) -> None:
    ids = [response.json()["request_id"] for _ in range(2) for response in ask(published, *[USER] * 20)]
    assert len(set(ids)) == 40


def test_metrics_count_requests_sources_and_the_generation(published: Settings) -> None:
    *_, metrics = ask(
        published, USER, USER, "/v1/users/stranger/recommendations", f"{USER}?limit=0", "/nope", "/metrics"
    )
    lines = [line for line in metrics.text.splitlines() if not line.startswith("#")]

    def value(name: str, *labels: str) -> float:
        found = [line for line in lines if line.startswith(name) and all(label in line for label in labels)]
        assert len(found) == 1, (name, labels, found)
        return float(found[0].rpartition(" ")[2])

    route = 'route="/v1/users/{user_id}/recommendations"'
    assert value("reco_http_requests_total", route, 'status="200"') == 3
    assert value("reco_http_requests_total", route, 'status="400"') == 1
    assert value("reco_http_requests_total", 'route="unknown"', 'status="404"') == 1
    assert value("reco_lists_served_total", 'source="personal"') == 2
    assert value("reco_lists_served_total", 'source="popular"') == 1
    assert value("reco_http_request_seconds_count", route, 'source="personal"') == 2
    assert value("reco_http_request_seconds_bucket", route, 'source="popular"', 'le="+Inf"') == 1
    assert value("reco_http_request_seconds_count", route, 'source=""') == 1
    assert value("reco_store_round_trip_seconds_count") >= 3
    assert 0 < value("reco_generation_age_seconds") < 600
    assert value("reco_state", 'state="ready"') == 1
    assert value("reco_state", 'state="degraded"') == 0
    assert value("reco_generation_info", f'generation="{NAME}"') == 1
    assert value("reco_store_up") == 1


def test_pages_for_people_load_nothing_from_elsewhere(published: Settings) -> None:
    for response in ask(published, "/", "/docs"):
        assert response.headers["content-type"].startswith("text/html")
        assert "https://" not in response.text
        assert "http://" not in response.text


def test_a_stored_list_that_is_damaged_is_answered_for(published: Settings, store: redis.Redis) -> None:
    key = published.keys.lists(NAME, "home", "default", list_bucket("user-7", 1))
    store.hset(key, "user-7", b"\x01\x00\x05\x00damaged")
    store.hset(key, "user-8", bytes.fromhex("01000100ffffff0f003c03"))  # an item that is not in the catalogue
    responses = ask(published, USER, "/v1/users/user-8/recommendations", "/v1/users/user-9/recommendations")
    assert [response.json()["source"] for response in responses] == ["fallback", "fallback", "personal"]
    assert all(items_of(response) for response in responses)


def test_a_list_with_nothing_left_in_it_is_answered_by_popular_items(published: Settings, store: redis.Redis) -> None:
    key = published.keys.lists(NAME, "home", "default", list_bucket("user-7", 1))
    store.hset(key, "user-7", b"\x01\x00\x00\x00")  # its user has consumed everything
    own = ",".join(item_id(item) for item in home_items(8, SHAPE))
    near = ",".join(item_id((3 + step) % SHAPE.items) for step in range(1, SHAPE.k + 1))
    popular, *answers = ask(
        published,
        "/v1/popular?limit=5",
        "/v1/users/user-7/recommendations?limit=5",
        f"/v1/users/user-8/recommendations?limit=5&exclude={own}",
        f"/v1/items/item-3/similar?limit=5&exclude={near}",
    )
    assert [answer.json()["source"] for answer in answers] == ["popular"] * 3
    assert items_of(answers[0]) == items_of(popular)
    assert len(items_of(answers[1])) == 5
    assert not set(items_of(answers[1])) & set(own.split(","))
    assert items_of(answers[2]) == ["item-0", "item-1", "item-2"]
