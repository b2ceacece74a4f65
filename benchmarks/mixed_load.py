"""Reads and events at a constant rate, in a process of its own, each answer checked for a mixture of generations.

Run as `python -m benchmarks.mixed_load`; prints one JSON line. A request is due at its
planned time whether or not a connection is free, and its latency counts from there: a
server that stands still is not spared the requests that would have come meanwhile.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import deque
from time import monotonic
from typing import cast

import msgspec
import uvloop

from benchmarks.http_target import answer_length
from benchmarks.list_folder import FolderShape, home_items, item_id

_TITLE = b'"title":"'
_GENERATION = b'"generation":"'
_CHECKED_WHOLE = 20  # every so many lists are held against the formula, item by item


class MixedLoad(msgspec.Struct, kw_only=True):
    """What to ask.

    Attributes:
        port: of the API on loopback.
        seconds: how long.
        rate: requests a second.
        event_share: of them that post a click.
        users: with a list; the upper half posts, the lower half only reads.
        items: of the catalogue.
        shifts: generation -> shift of its lists.
        connections: at most.
    """

    port: int
    seconds: float
    rate: float
    event_share: float
    users: int
    items: int
    shifts: dict[str, int]
    connections: int = 64


class MixedResult(msgspec.Struct, kw_only=True):
    """What came back.

    Attributes:
        began: monotonic time of the first request.
        at_ms: planned time of each read, milliseconds since then.
        latency_us: of each read, from its planned time.
        generation: index into `generations` of each read.
        generations: names, in order of appearance.
        event_us: latency of each post.
        errors: answers that were neither 200 nor 202, and connections that broke; some of them.
        n_errors: all of them.
        mixed: answers that hold parts of two generations.
        sources: lists by source.
    """

    began: float
    at_ms: list[int]
    latency_us: list[int]
    generation: list[int]
    generations: list[str]
    event_us: list[int]
    errors: list[str]
    n_errors: int
    mixed: int
    sources: dict[str, int]


class _Asked(msgspec.Struct):
    planned: float
    user: int
    is_event: bool
    request: bytes


class _Load:
    """Requests by the clock, and what their answers say."""

    def __init__(self, load: MixedLoad) -> None:
        self.load = load
        self.result = MixedResult(
            began=0.0,
            at_ms=[],
            latency_us=[],
            generation=[],
            generations=[],
            event_us=[],
            errors=[],
            n_errors=0,
            mixed=0,
            sources={},
        )
        self.waiting: deque[_Asked] = deque()
        self.free: list[_Client] = []
        self.open = 0
        self._chance = random.Random(1)

    async def run(self) -> MixedResult:
        """Ask until the time is over and every answer is there."""
        loop = asyncio.get_running_loop()
        for _ in range(self.load.connections):
            await loop.create_connection(lambda: _Client(self), "127.0.0.1", self.load.port)
        self.result.began = began = monotonic()
        for number in range(round(self.load.seconds * self.load.rate)):
            planned = began + number / self.load.rate
            if (pause := planned - monotonic()) > 0:
                await asyncio.sleep(pause)
            elif number % 100 == 0:
                await asyncio.sleep(0)
            self.waiting.append(self._next(planned))
            self.send_waiting()
        deadline = monotonic() + 10
        while (self.waiting or len(self.free) < self.open) and monotonic() < deadline:  # noqa: ASYNC110 - many may end it
            await asyncio.sleep(0.01)
        if self.waiting or len(self.free) < self.open:
            self.fail("unanswered at the end")
        return self.result

    def send_waiting(self) -> None:
        """Hand what is due to free connections."""
        while self.waiting and self.free:
            self.free.pop().ask(self.waiting.popleft())

    def fail(self, what: str) -> None:
        """Note an error."""
        self.result.n_errors += 1
        if len(self.result.errors) < 20:
            self.result.errors.append(what)

    def take(self, asked: _Asked, status: bytes, body: bytes) -> None:
        """Look at an answer."""
        microseconds = round((monotonic() - asked.planned) * 1e6)
        if status != (b"202" if asked.is_event else b"200"):
            self.fail(f"{status.decode()} {body[:200].decode(errors='replace')}")
        elif asked.is_event:
            self.result.event_us.append(microseconds)
        else:
            self.result.at_ms.append(round((asked.planned - self.result.began) * 1e3))
            self.result.latency_us.append(microseconds)
            self.result.generation.append(self._check(asked.user, body))

    def _check(self, user: int, body: bytes) -> int:
        start = body.find(_GENERATION) + len(_GENERATION)
        name = body[start : body.find(b'"', start)]
        if name.decode() not in self.load.shifts or body.count(_TITLE) != body.count(_TITLE + name + b" "):
            self.result.mixed += 1
        elif len(self.result.at_ms) % _CHECKED_WHOLE == 0:
            self._check_whole(user, name.decode(), body)
        if name.decode() not in self.result.generations:
            self.result.generations.append(name.decode())
        return self.result.generations.index(name.decode())

    def _check_whole(self, user: int, name: str, body: bytes) -> None:
        answer = json.loads(body)
        source = answer["source"]
        self.result.sources[source] = self.result.sources.get(source, 0) + 1
        if source != "personal" or user >= self.load.users // 2:
            return
        shape = FolderShape(items=self.load.items, shift=self.load.shifts[name])
        wanted = [item_id(item) for item in home_items(user, shape)]
        shown = [item["item_id"] for item in answer["items"]]
        self.result.mixed += shown != wanted[: len(shown)]

    def _next(self, planned: float) -> _Asked:
        if self._chance.random() < self.load.event_share:
            user = self._chance.randrange(self.load.users // 2, self.load.users)
            item = item_id(self._chance.randrange(self.load.items))
            event = {"user_id": f"user-{user}", "item_id": item, "event_type": "click"}
            body = json.dumps(event).encode()
            head = b"POST /v1/events HTTP/1.1\r\nhost: reco\r\ncontent-length: %d\r\n\r\n" % len(body)
            return _Asked(planned, user, is_event=True, request=head + body)
        user = self._chance.randrange(self.load.users)
        request = b"GET /v1/users/user-%d/recommendations HTTP/1.1\r\nhost: reco\r\n\r\n" % user
        return _Asked(planned, user, is_event=False, request=request)


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._asked: _Asked | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be used."""
        self._transport = cast("asyncio.Transport", transport)
        self._load.open += 1
        self._load.free.append(self)

    def ask(self, asked: _Asked) -> None:
        """Send a request."""
        self._asked = asked
        assert self._transport is not None
        self._transport.write(asked.request)

    def data_received(self, data: bytes) -> None:
        """Collect one answer."""
        self._buffer += data
        found = answer_length(self._buffer)
        if found is None or self._asked is None:
            return
        answer, self._buffer, asked = self._buffer, b"", self._asked
        self._asked = None
        self._load.take(asked, answer[9:12], answer[found[0] :])
        self._load.free.append(self)
        self._load.send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up; with a request under way that is an error."""
        self._load.open -= 1
        if self in self._load.free:
            self._load.free.remove(self)
        elif self._asked:
            self._load.fail(f"the connection broke: {exc}")


def main() -> None:
    """Run and print what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", required=True, help="MixedLoad as JSON")
    load = msgspec.json.decode(parser.parse_args().load, type=MixedLoad)
    result = uvloop.run(_Load(load).run())
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    main()
