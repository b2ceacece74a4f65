"""As much load as an HTTP server takes, in a process of its own: keep-alive connections, one request each at a time.

Run by the serving benchmark as `python -m benchmarks.load_generator`; prints one JSON line.
"""

import argparse
import asyncio
import sys
from itertools import count
from time import perf_counter
from typing import Any, cast

import msgspec
import uvloop

from benchmarks.http_target import LoadResult, Target, answer_length, is_failed, make_requests, target_arguments


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
        body = answer_length(data)
        if body is None:
            self._buffer = data
            return
        now = perf_counter()
        self._buffer = b""
        self._load.latencies.append(now - self._sent)
        self._load.bytes += body[1]
        self._load.failed += is_failed(data)
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


async def _run(target: Target, arguments: argparse.Namespace) -> LoadResult:
    loop = asyncio.get_running_loop()
    began = perf_counter()
    load = _Load(make_requests(target, arguments.seed), began + arguments.seconds)
    ended: list[asyncio.Future[None]] = []
    transports: list[Any] = []
    for _ in range(arguments.connections):
        done = loop.create_future()
        ended.append(done)
        transport, _ = await loop.create_connection(
            lambda done=done: _Client(load, done),  # type: ignore[misc]
            target.host,
            target.port,
        )
        transports.append(transport)
    await asyncio.gather(*ended)
    seconds = perf_counter() - began
    for transport in transports:
        transport.abort()
    latencies = sorted(round(latency * 1e6) for latency in load.latencies)
    return LoadResult(len(latencies), seconds, load.failed, load.bytes, latencies)


def main() -> None:
    """Run one round and print what it measured."""
    arguments = target_arguments(__doc__).parse_args()
    result = uvloop.run(_run(msgspec.json.decode(arguments.target, type=Target), arguments))
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
