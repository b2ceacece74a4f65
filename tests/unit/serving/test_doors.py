"""Doors: who comes in where, how often, and with what body."""

import asyncio
from pathlib import Path

import pytest

from reco_contracts.api_keys import KeyAccess, make_key
from reco_contracts.doors_settings import DoorsSection
from serving_api.doors import Doors, TokenBucket, is_loopback
from serving_api.key_ring import KeyRing
from serving_api.parameters import BadRequestError
from serving_api.request import Request

READER = make_key("reader", (KeyAccess.READ,))
LINE = READER.stored.line


async def slow_body(limit: int) -> bytes:
    await asyncio.sleep(60)
    return b""


def a_request(method: str = "GET", read_body: object = slow_body, **headers: str) -> Request:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, b"/", b"", sent.get, read_body)  # type: ignore[arg-type]


def doors(host: str = "0.0.0.0", **section: object) -> Doors:  # noqa: S104 - nothing listens
    made = DoorsSection.model_validate({"keys": (LINE,)} | section)
    return Doors(made, host, KeyRing(made.keys, Path("none")))


def refusal(of: Doors, request: Request, access: str = "read") -> BadRequestError:
    with pytest.raises(BadRequestError) as caught:
        of.admit(request, access)
    return caught.value


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {READER.text}"}, {"x_api_key": READER.text}])
def test_a_key_comes_in_either_header_and_names_its_caller(headers: dict[str, str]) -> None:
    request = a_request(**headers)
    doors().admit(request, "read")
    assert request.caller == "reader"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": READER.text}, {"authorization": "Bearer"}, {"x_api_key": "reader.guess"}, {"x_api_key": ""}],
)
def test_without_a_known_key_the_door_stays_shut_and_says_how_to_open_it(headers: dict[str, str]) -> None:
    error = refusal(doors(), a_request(**headers))
    assert (error.status, error.code) == (401, "unauthorized")
    assert (b"www-authenticate", b"Bearer") in error.headers


def test_a_key_that_was_accepted_once_is_no_help_to_one_that_is_like_it() -> None:
    made = doors()
    made.admit(a_request(x_api_key=READER.text), "read")
    made.admit(a_request(x_api_key=READER.text), "read")
    for wrong in (READER.text[:-1], READER.text + "x", READER.text.swapcase(), "reader.", "reader.\u00e9"):
        assert refusal(made, a_request(x_api_key=wrong)).status == 401


def test_a_key_does_not_open_more_than_it_was_made_for() -> None:
    for access in ("write", "admin"):
        assert refusal(doors(), a_request(x_api_key=READER.text), access).status == 403


def test_open_routes_need_no_key() -> None:
    doors().admit(a_request(), "open")


LOOPBACK = ("127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost")
ELSEWHERE = ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "")  # noqa: S104 - nothing listens


@pytest.mark.parametrize("host", [*LOOPBACK, *ELSEWHERE])
def test_only_loopback_is_open_by_default(host: str) -> None:
    is_open = host in LOOPBACK
    assert is_loopback(host) is is_open
    assert doors(host).is_open is is_open
    assert not doors(host, keys_required="always").is_open
    assert doors(host, keys_required="never").is_open


def test_a_server_that_listens_elsewhere_than_the_settings_say_closes_the_doors() -> None:
    made = doors("127.0.0.1")
    for inside in (None, ("127.0.0.1", "8080"), ("reco", None)):
        made.meet(inside)
        assert made.is_open
    made.meet(("0.0.0.0", "8080"))  # noqa: S104 - nothing listens
    assert not made.is_open
    assert refusal(made, a_request()).status == 401


def test_a_key_may_not_ask_more_often_than_its_rate_and_is_told_when_to_come_back() -> None:
    made = doors(requests_per_second=10.0, burst_seconds=0.5)
    request = a_request(x_api_key=READER.text)
    for _ in range(5):
        made.admit(request, "read")
    error = refusal(made, request)
    assert (error.status, error.headers) == (429, ((b"retry-after", b"1"),))


def test_a_bucket_fills_with_time_and_not_above_its_size() -> None:
    bucket = TokenBucket(rate=2.0, size=3.0)
    assert [bucket.take(100.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.5) == 0
    assert [bucket.take(1_000.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(1_000.0) > 0


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    made, request = doors("127.0.0.1", body_timeout_seconds=0.05), a_request("POST")
    made.admit(request, "write")
    with pytest.raises(BadRequestError) as caught:
        asyncio.run(request.read_body(100))
    assert (caught.value.status, caught.value.code) == (408, "too_slow")


def test_no_route_reads_more_than_the_doors_allow() -> None:
    async def read(limit: int) -> bytes:
        return b"%d" % limit

    made, request = doors("127.0.0.1", max_body_mb=0.001), a_request("POST", read)
    made.admit(request, "write")
    assert asyncio.run(request.read_body(5_000_000)) == b"1000"
    assert asyncio.run(request.read_body(10)) == b"10"
