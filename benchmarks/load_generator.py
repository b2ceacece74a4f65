"""Load for an HTTP server, in a process of its own: keep-alive connections, one request each at a time.

Run by the serving benchmark as `python -m benchmarks.load_generator`; prints one JSON line.
"""

import argparse
import asyncio
import random
import re
import sys
from itertools import count
from time import perf_counter
from typing import Any, cast

import msgspec
import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_FIELD = re.compile(r"{(\d+)}")


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


class _Load:
    """Counts that all connections share."""

    def __init__(self, requests: list[bytes], deadline: float) -> None:
        self.requests = requests
        self.numbers = count()
        self.deadline = deadline
        self.latencies: list[float] = []
        self.failed = 0
        self.bytes = 0

    def next_request(self) -> bytes:
        """The next request in turn."""
        return self.requests[next(self.numbers) % len(self.requests)]


class _Client(asyncio.Protocol):
    """One connection: sends the next request when an answer is complete."""

    def __init__(self, load: _Load, done: "asyncio.Future[None]") -> None:
        self._load = load
        self._done = done
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Collect one answer."""
        data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, end) if end >= 0 else None
        if length is None or len(data) < end + 4 + int(length[1]):
            self._buffer = data
            return
        now = perf_counter()
        self._buffer = b""
        self._load.latencies.append(now - self._sent)
        self._load.bytes += int(length[1])
        self._load.failed += data[9:12] != b"200"
        if now < self._load.deadline:
            self._send()
        elif not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up ends the round."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._sent = perf_counter()
        if self._transport:
            self._transport.write(self._load.next_request())


async def _run(arguments: argparse.Namespace) -> LoadResult:
    loop = asyncio.get_running_loop()
    began = perf_counter()
    load = _Load(_requests(arguments), began + arguments.seconds)
    ended: list[asyncio.Future[None]] = []
    transports: list[Any] = []
    for _ in range(arguments.connections):
        done = loop.create_future()
        ended.append(done)
        transport, _ = await loop.create_connection(
            lambda done=done: _Client(load, done),  # type: ignore[misc]
            arguments.host,
            arguments.port,
        )
        transports.append(transport)
    await asyncio.gather(*ended)
    seconds = perf_counter() - began
    for transport in transports:
        transport.abort()
    latencies = sorted(round(latency * 1e6) for latency in load.latencies)
    return LoadResult(len(latencies), seconds, load.failed, load.bytes, latencies)


def _requests(arguments: argparse.Namespace) -> list[bytes]:
    """A thousand requests; `{n}` in the path becomes a number below n."""
    chance = random.Random(arguments.seed)
    paths = [_FIELD.sub(lambda match: str(chance.randrange(int(match[1]))), arguments.path) for _ in range(1_000)]
    return [f"GET {path} HTTP/1.1\r\nhost: {arguments.host}\r\n\r\n".encode() for path in paths]


def main() -> None:
    """Run one round and print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    result = uvloop.run(_run(parser.parse_args()))
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    main()
