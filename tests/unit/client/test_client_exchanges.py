"""Retries, timeouts and errors of the client, over a transport that answers as a test says."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from reco_client import (
    ApiError,
    AsyncClient,
    Client,
    CursorExpiredError,
    Event,
    Retries,
    UnavailableError,
    UnreadableAnswerError,
)

OK = {"status": "ok"}
Handler = Callable[[httpx.Request], httpx.Response]


class Script:
    """Answers in turn, and notes what was asked and how long was waited."""

    def __init__(self, *steps: httpx.Response | Exception) -> None:
        self.steps, self.requests, self.pauses = list(steps), [], []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.raw_path, request.content))
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def client(self, retries: Retries | None = None, **arguments: str) -> Client:
        transport = httpx.MockTransport(self)
        return Client("http://reco", transport=transport, retries=retries, sleep=self.pauses.append, **arguments)


def refused(status: int, code: str = "invalid_limit", field: str | None = "limit") -> httpx.Response:
    detail = {"code": code, "message": "expected one thing, got another", "field": field}
    return httpx.Response(status, json={"error": detail}, headers={"X-Request-Id": "abc-1"})


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut off"),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(503),
        httpx.Response(504),
        refused(429, "too_fast", None),
    ],
)
def test_what_may_pass_is_tried_again(trouble: httpx.Response | Exception) -> None:
    script = Script(trouble, trouble, httpx.Response(200, json=OK))
    assert script.client().health().status == "ok"
    assert len(script.pauses) == 2


def test_pauses_double_and_are_drawn_and_obey_the_server_within_bounds() -> None:
    retries = Retries(attempts=5, first_pause_seconds=1.0, longest_pause_seconds=3.0, draw=lambda: 0.5)
    steps = [
        httpx.Response(503, headers={"Retry-After": text}) for text in ("2", "900", "Wed, 21 Oct 2015 07:28:00 GMT")
    ]
    script = Script(*steps, httpx.ConnectError("refused"), httpx.Response(200, json=OK))
    script.client(retries).health()
    assert script.pauses == [2.0, 3.0, 0.75 * 3.0, 0.75 * 3.0]
    assert [Retries(draw=lambda: 1.0).pause(attempt) for attempt in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert Retries(draw=lambda: 0.0).pause(1) == 0.05


def test_when_attempts_are_used_up_the_last_cause_is_told() -> None:
    script = Script(httpx.ConnectError("refused"), httpx.Response(503), httpx.ReadTimeout("late"))
    with pytest.raises(UnavailableError, match="GET /healthz: ReadTimeout: late, after 3 attempts") as caught:
        script.client().health()
    assert caught.value.attempts == 3
    assert len(script.pauses) == 2


def test_a_mistake_is_not_repeated_and_says_what_it_is() -> None:
    script = Script(refused(400))
    with pytest.raises(ApiError, match="400 invalid_limit: expected one thing") as caught:
        script.client().recommendations("u", limit=0)
    assert (caught.value.status, caught.value.field, caught.value.request_id) == (400, "limit", "abc-1")
    assert script.pauses == []


def test_an_expired_cursor_has_an_error_of_its_own() -> None:
    script = Script(refused(410, "cursor_expired", "cursor"))
    with pytest.raises(CursorExpiredError):
        script.client().recommendations("u", cursor="x")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"state": "ok"}),
        httpx.Response(404, text="nothing here"),
        httpx.Response(500, json={"detail": "no"}),
        httpx.Response(302, headers={"Location": "http://elsewhere"}),
    ],
)
def test_an_answer_of_something_else_is_told_from_one_of_the_api(response: httpx.Response) -> None:
    with pytest.raises(UnreadableAnswerError, match="http://reco/healthz"):
        Script(response).client().health()


def test_a_repeated_post_sends_the_same_events() -> None:
    taken = {"request_id": "r", "accepted": 1, "rejected": 0, "rejections": [], "ignored_fields": []}
    script = Script(httpx.ReadTimeout("late"), httpx.Response(202, json=taken))
    answer = script.client().send_events([Event(user_id="u", item_id="i", event_type="click")])
    assert answer.accepted == 1
    assert script.requests[0] == script.requests[1]
    assert b'"event_id":"' in script.requests[0][2]


def test_ids_and_arguments_reach_the_wire_as_they_are() -> None:
    script = Script(refused(400), refused(400))
    client = script.client()
    for user in ("a/b %é?#", "%2e%2e"):
        with pytest.raises(ApiError):
            client.recommendations(user, exclude=["x&y", "ż"], fields=["ids"], exclude_seen=False)
    assert script.requests[0][1] == (
        b"/v1/users/a%2Fb%20%25%C3%A9%3F%23/recommendations?exclude=x%26y%2C%C5%BC&fields=ids&exclude_seen=false"
    )
    assert script.requests[1][1].startswith(b"/v1/users/%252e%252e/recommendations?")


def test_the_key_goes_with_every_request() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json=OK)

    for key in ("secret", None):
        with Client("http://reco", api_key=key, transport=httpx.MockTransport(answer)) as client:
            client.health()
    assert seen == ["Bearer secret", None]


def test_the_awaiting_client_does_the_same() -> None:
    script = Script(httpx.ConnectError("refused"), httpx.Response(200, json=OK), refused(410, "cursor_expired"))

    async def pause(seconds: float) -> None:
        script.pauses.append(seconds)

    async def play() -> str:
        transport = httpx.MockTransport(script)
        async with AsyncClient("http://reco", transport=transport, sleep=pause) as client:
            health = await client.health()
            with pytest.raises(CursorExpiredError):
                await client.recommendations("u", cursor="x")
            return health.status

    assert asyncio.run(play()) == "ok"
    assert len(script.pauses) == 1


def test_a_timeout_is_set_unless_another_is_asked_for() -> None:
    seen: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json=OK)

    for arguments in ({}, {"timeout": 0.5}):
        with Client("http://reco", transport=httpx.MockTransport(answer), **arguments) as client:  # type: ignore[arg-type]
            client.health()
    assert seen == [2.0, 0.5]
