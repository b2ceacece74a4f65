"""Clients that are slow, large, curious or of another origin: each is told off, and the others do not notice."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
import structlog
from serving_scenes import with_api

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.publishing.publish_lists import run
from reco_contracts.settings import Settings, load_settings
from serving_api.api import LookupApi
from serving_api.error_log import ErrorLog

NAME = "20240501-001"
USER = "/v1/users/user-7/recommendations?limit=2"
SHOP = "https://shop.example"


def settings_like(settings: Settings, **sections: object) -> Settings:
    """The same store and namespace with other settings."""
    return load_settings(
        project={"namespace": settings.project.namespace},
        paths={"data": str(settings.paths.data)},
        redis={"url": settings.redis.url},
        **sections,
    )


@pytest.fixture
def running(store_settings: Settings) -> Iterator[ApiProcess]:
    """A real server whose idle connections are closed soon."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=20))
    run(NAME, store_settings)
    environment = {
        "RECO_PROJECT__NAMESPACE": store_settings.project.namespace,
        "RECO_PATHS__DATA": str(store_settings.paths.data),
        "RECO_REDIS__URL": store_settings.redis.url,
        "RECO_LOG_LEVEL": "ERROR",
        "RECO_DOORS__BODY_TIMEOUT_SECONDS": "0.5",
    }
    quick = settings_like(store_settings, doors={"idle_timeout_seconds": 1.0})
    with lookup_api(quick, ApiOptions(port=0, environment=environment)) as api:
        yield api


def test_slow_clients_hold_up_nobody_and_are_hung_up_on(running: ApiProcess) -> None:
    with ExitStack() as open_sockets:
        slow = [
            open_sockets.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=15))
            for _ in range(200)
        ]
        for one in slow:
            one.sendall(b"GET /v1/popular HTTP/1.1\r\nhost: reco\r\nx-half:")
        with httpx.Client(base_url=running.url, timeout=5) as client:
            for _ in range(50):
                assert client.get(USER).json()["source"] == "personal"
        assert [one.recv(100) for one in slow[::20]] == [b""] * 10, "a half head is not waited for"


HEAD = b" HTTP/1.1\r\nhost: r\r\n"
STRANGE = (
    (b"GET /v1/users/" + b"x" * 10_000 + b"/recommendations" + HEAD + b"\r\n", (400,)),
    (b"GET /v1/popular?category=" + b"x" * 20_000 + HEAD + b"\r\n", (414,)),
    (b"GET /v1/popular?" + b"x" * 1_000_000 + HEAD + b"\r\n", (400, 414, 431)),
    (b"GET /v1/popular" + HEAD + b"x: " + b"x" * 1_000_000 + b"\r\n\r\n", (400, 431)),
    (b"GET /v1/users/*3\r\n$3\r\nDEL\r\n/recommendations" + HEAD + b"\r\n", (400,)),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    (b"BREW /v1/popular" + HEAD + b"\r\n", (405,)),
    (b"GET /v1/popular" + HEAD + b"content-length: 99999999999\r\n\r\n", (200,)),
)


def test_a_body_that_does_not_come_or_does_not_end_is_refused(running: ApiProcess) -> None:
    post = b"POST /v1/events HTTP/1.1\r\nhost: r\r\n"
    pieces = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    for sent, statuses in (
        (post + b"content-length: 1000\r\n\r\n", (408,)),
        (post + b"content-length: 1000\r\n\r\n" + b"[" * 500, (408,)),
        (post + b"content-length: 99999999\r\n\r\n" + b"x" * 1_000, (408, 413)),  # whichever is seen first
        (post + b"transfer-encoding: chunked\r\n\r\n" + pieces * 100, (413,)),
        (post + b"content-length: -1\r\n\r\n", (400,)),
    ):
        with socket.create_connection(("127.0.0.1", running.port), timeout=15) as client:
            with suppress(ConnectionError):  # it may have answered and hung up before the end
                client.sendall(sent)
            answer = client.recv(65_536)
        assert int(answer[9:12]) in statuses, (sent[:90], answer[:200])
    assert httpx.get(running.url + USER).status_code == 200


def test_requests_that_are_none_get_a_clean_4xx(running: ApiProcess) -> None:
    for sent, statuses in STRANGE:
        with socket.create_connection(("127.0.0.1", running.port), timeout=15) as client:
            with suppress(ConnectionError):  # it may have answered and hung up before the end
                client.sendall(sent)
            answer = client.recv(65_536)
        assert int(answer[9:12]) in statuses, (sent[:60], answer[:200])
        assert b"Traceback" not in answer
    assert httpx.get(running.url + USER).status_code == 200


def test_browsers_of_other_pages_are_told_nothing_unless_the_settings_name_them(store_settings: Settings) -> None:
    asked = {"origin": SHOP, "access-control-request-method": "GET"}

    async def shut(api: LookupApi, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/popular", headers={"origin": SHOP})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (await client.options("/v1/popular", headers=asked)).status_code == 405

    async def opened(api: LookupApi, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/popular", headers={"origin": SHOP})
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.headers["vary"] == "origin"
        before = await client.options("/v1/popular", headers=asked)
        assert (before.status_code, before.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
        assert "x-api-key" in before.headers["access-control-allow-headers"]
        stranger = await client.get("/v1/popular", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers
        strange_question = await client.options("/v1/popular", headers=asked | {"origin": "https://evil.example"})
        assert strange_question.status_code == 405

    with_api(store_settings, shut)
    with_api(settings_like(store_settings, doors={"cors_origins": [SHOP]}), opened)


def test_a_fault_of_ours_is_told_without_its_trace_and_logged_with_its_request(
    store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError("a secret path /srv/x")

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> httpx.Response:
        monkeypatch.setattr(api, "read_limit", fail)
        return await client.get("/v1/popular?limit=3")

    with structlog.testing.capture_logs() as lines:
        answer = with_api(store_settings, scene)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    failed = [line for line in lines if line.get("request_id") == answer.headers["x-request-id"]]
    assert any(line.get("status") == 500 and line["route"] == "/v1/popular" for line in failed)
    assert any("a secret path" in line.get("error", "") for line in failed)


def test_a_flood_of_errors_does_not_flood_the_log(store_settings: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> str:
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            await asyncio.gather(*(client.get("/nope") for _ in range(20)))
        return (await client.get("/metrics")).text

    with structlog.testing.capture_logs() as lines:
        metrics = with_api(settings_like(store_settings, doors={"logged_errors_per_second": 3}), scene)
    written = [line for line in lines if line["event"] == "a request was refused"]
    assert 3 <= len(written) <= 6
    assert {line["error"] for line in written} == {"not_found"}
    counted = next(line for line in metrics.splitlines() if line.startswith("reco_unwritten_errors_total"))
    assert float(counted.split()[-1]) > 20
    assert ErrorLog(1).unwritten == 0
