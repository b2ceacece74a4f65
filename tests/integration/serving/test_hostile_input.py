"""Whatever bytes arrive, the answer is a list or a clean refusal, and the store sees no command of theirs."""

from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import msgspec
import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from serving_scenes import patient, with_api

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.settings import Settings
from serving_api import schemas
from serving_api.answers import Answer
from serving_api.api import LookupApi
from serving_api.request import Request
from serving_api.routes import ROUTES

NAME = "20240501-001"
NASTY = [
    b"a\r\nFLUSHALL\r\n",
    b"*1\r\n$8\r\nFLUSHALL\r\n",
    b"$-1\r\n",
    b"../../etc/passwd",
    b"..",
    b"{user-7}",
    b"test:lists:x",
    b"x" * 10_000,
    "ż🛒\u202e\ufeff\u0000".encode(),
    b"\xff\xfe\xed\xa0\x80",
    b"%",
    b"%zz",
    b"%00",
    b"'; DROP TABLE users; --",
    b"<script>alert(1)</script>",
    b"",
]
BYTES = st.one_of(
    st.sampled_from(NASTY),
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
NAMES = (
    "limit",
    "surface",
    "surfaces",
    "category",
    "window",
    "exclude",
    "exclude_seen",
    "cursor",
    "fields",
    "dedupe",
    "x",
)
TEMPLATES = [(method, route.template) for route in ROUTES for method in route.operations if method != "DELETE"]


def segment(raw: bytes, is_quoted: bool) -> bytes:
    return quote_from_bytes(raw, safe="").encode() if is_quoted else raw


@st.composite
def paths(draw: st.DrawFn) -> tuple[str, bytes]:
    """A method and the path of a route, with anything for its ids; or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(["GET", "POST", "PUT", "TRACE"])), b"/" + draw(BYTES)
    method, template = draw(st.sampled_from(TEMPLATES))
    parts = [
        segment(draw(BYTES), draw(st.booleans())) if part[:1] == "{" else part.encode() for part in template.split("/")
    ]
    return method, b"/".join(parts)


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), BYTES, st.booleans()), max_size=4))
    return b"&".join(name.encode() + b"=" + segment(value, is_quoted) for name, value, is_quoted in pairs)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["users", "user_id", *NAMES]), inner),
    max_leaves=8,
)
BODIES = st.one_of(BYTES, JSON.map(lambda value: httpx.Request("POST", "http://x", json=value).content))
REQUESTS = st.lists(st.tuples(paths(), queries(), BODIES, BYTES), min_size=20, max_size=20)


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=20, items=60, k=20))
    run(NAME, store_settings)
    return patient(store_settings)


async def respond(api: LookupApi, method: str, path: bytes, query: bytes, body: bytes, header: bytes) -> Answer:
    async def read_body(limit: int) -> bytes:
        return body

    text = header.decode("latin-1")
    answer, headers = await api.respond(Request(method, path, query, lambda _: text, read_body))
    assert not any(b"\r" in value or b"\n" in value for _, value in headers)
    return answer


def check(answer: Answer, asked: Any) -> None:
    assert answer.status in (200, 202, 304) or 400 <= answer.status < 500 or answer.status == 503, asked
    assert b"Traceback" not in answer.body
    if answer.status >= 400:
        assert msgspec.json.decode(answer.body, type=schemas.Error).error.message, asked
    elif answer.status != 304 and answer.content_type == b"application/json":
        msgspec.json.decode(answer.body)


@settings(
    max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(asked=REQUESTS)
def test_any_bytes_get_an_answer_or_a_refusal(published: Settings, store: redis.Redis, asked: list[Any]) -> None:
    store.set("canary", "sings")

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        for (method, path), query, body, header in asked:
            check(await respond(api, method, path, query, body, header), (method, path, query, body))
        list_of = await respond(api, "GET", b"/v1/users/user-7/recommendations", b"", b"", b"")
        assert (list_of.status, list_of.source) in ((200, "personal"), (200, "session"))

    with_api(published, scene)
    assert store.get("canary") == b"sings"


@pytest.mark.parametrize("raw", NASTY)
def test_a_nasty_id_is_an_id_or_a_mistake(published: Settings, raw: bytes) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        answer = await respond(
            api, "GET", b"/v1/users/%b/recommendations" % segment(raw, is_quoted=True), b"", b"", b""
        )
        if answer.status == 200:
            assert msgspec.json.decode(answer.body)["user_id"].encode() == raw
            assert answer.source == "popular"
        else:
            error = msgspec.json.decode(answer.body, type=schemas.Error).error
            assert (answer.status, error.code, error.field) == (400, "invalid_id", "user_id")

    with_api(published, scene)
