"""The API under granian's own protocol answers as under ASGI: the same requests to both, with real servers."""

import http.client
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.publishing.publish_lists import run
from reco_contracts.settings import Settings

_NEW_EACH_TIME = re.compile(rb'"request_id":"[^"]*"')
_OWN_HEADERS = {"date", "server", "x-request-id"}
USER = "/v1/users/user-7/recommendations"
BATCH = "/v1/recommendations:batch"


class Reply(NamedTuple):
    """What two servers must agree on."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def ports(store_settings: Settings) -> Iterator[dict[str, int]]:
    """One server an interface, on one store with one generation."""
    write_list_folder(store_settings.layout, "20240501-001", FolderShape(has_why=True))
    run("20240501-001", store_settings)
    environment = {
        **os.environ,
        "RECO_PATHS__DATA": str(store_settings.layout.root),
        "RECO_REDIS__URL": store_settings.redis.url,
        "RECO_PROJECT__NAMESPACE": store_settings.project.namespace,
    }
    with ExitStack() as running:
        yield {
            interface: running.enter_context(
                lookup_api(store_settings, ApiOptions(port=0, environment=environment, interface=interface))
            ).port
            for interface in ("rsgi", "asgi")
        }


def ask(port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    """One request; the path goes out as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _OWN_HEADERS}
        return Reply(answer.status, kept, _NEW_EACH_TIME.sub(b"", answer.read()))
    finally:
        connection.close()


CASES = [
    ("GET", USER, 200),
    ("HEAD", USER, 200),
    ("GET", f"{USER}?fields=ids&limit=3", 200),
    ("GET", f"{USER}?category=category-1&exclude=item-1%2Citem-2", 200),
    ("GET", f"{USER}?no_such=1", 400),
    ("GET", f"{USER}/item-49/why", 200),
    ("GET", "/v1/users/a%2Fb%25%20%C3%A9/recommendations?limit=1", 200),
    ("GET", "/v1/users/a%FFb/recommendations", 400),
    ("GET", "/v1/users//recommendations", 400),
    ("GET", "/v1/items/item-3/similar?limit=2", 200),
    ("GET", "/v1/popular?window=7", 200),
    ("GET", "/nowhere", 404),
    ("PUT", USER, 405),
    ("GET", "/healthz", 200),
    ("GET", "/openapi.json", 200),
]


def test_both_protocols_answer_alike(ports: dict[str, int]) -> None:
    for method, path, status in CASES:
        through = {interface: ask(port, method, path) for interface, port in ports.items()}
        assert through["rsgi"] == through["asgi"], path
        assert through["rsgi"].status == status, path
        if method == "HEAD":
            assert int(through["rsgi"].headers["content-length"]) > 1_000
            assert through["rsgi"].body == b""
    for port in ports.values():
        assert ask(port, "POST", BATCH, b'{"users": ["user-1", "user-2"], "limit": 2}').status == 200
        assert ask(port, "POST", BATCH, b"{").status == 400
        assert ask(port, "POST", BATCH, b" " * (2 * 2**20 + 1)).status == 413
        tag = ask(port, "GET", USER).headers["etag"]
        assert ask(port, "GET", USER, headers={"If-None-Match": tag}).status == 304
