"""What a load asks: one kind of request, with numbers in it that differ."""

import argparse
import random
import re

import msgspec

_FIELD = re.compile(r"{(\d+)}")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_STATUS = slice(9, 12)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of request.

    Attributes:
        port: of the server.
        path: with its query; each `{n}` becomes a number below n.
        host: of the server.
        method: of the request.
        headers: lines such as `x-api-key: secret`.
        body: `{n}` in it as in the path; "" = none.
    """

    port: int
    path: str
    host: str = "127.0.0.1"
    method: str = "GET"
    headers: tuple[str, ...] = ()
    body: str = ""


class LoadResult(msgspec.Struct):
    """What one round measured.

    Attributes:
        requests: answered.
        seconds: of the round.
        failed: answers with another status than 200.
        bytes: of the bodies.
        latencies_us: each request's time, microseconds, sorted.
    """

    requests: int
    seconds: float
    failed: int
    bytes: int
    latencies_us: list[int]


def make_requests(target: Target, seed: int) -> list[bytes]:
    """A thousand requests of a target.

    Args:
        target: what is asked.
        seed: of the numbers in it.
    """
    chance = random.Random(seed)

    def filled(text: str) -> str:
        return _FIELD.sub(lambda match: str(chance.randrange(int(match[1]))), text)

    requests = []
    for _ in range(1_000):
        path, body = filled(target.path), filled(target.body)
        lines = [f"{target.method} {path} HTTP/1.1", f"host: {target.host}", *target.headers]
        lines += [f"content-length: {len(body.encode())}"] if body else []
        requests.append("\r\n".join([*lines, "", body]).encode())
    return requests


def answer_length(data: bytes) -> tuple[int, int] | None:
    """Where an answer's body begins and its length; None while they are not known, or not all of it is there."""
    end = data.find(b"\r\n\r\n")
    length = _LENGTH.search(data, 0, end) if end >= 0 else None
    if length is None or len(data) < end + 4 + int(length[1]):
        return None
    return end + 4, int(length[1])


def is_failed(answer: bytes) -> bool:
    """Whether an answer has another status than 200."""
    return answer[_STATUS] != b"200"


def target_arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser of a round's arguments: the target as JSON, and how long."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--target", required=True, help="http_target.Target as JSON")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    return parser
