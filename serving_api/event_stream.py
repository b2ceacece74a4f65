"""The way of accepted events into the store: appended to a stream, and accepted once the store says so.

A stream that is full takes nothing more: its senders are told to come again, and
nothing is lost in silence. How durable an entry is follows from the store's
append-only file (`appendfsync`).
"""

import os
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import msgspec

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.event_checks import PostedEvent
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.serving_settings import StreamsSection
from reco_contracts.stream_entries import ENTRY_VERSION, EVENTS_FIELD, VERSION_FIELD
from serving_api.redis_pipe import Command, RedisPipe

_MB: Final = 1_048_576
# How often a stream is weighed, seconds; its length is known from every append.
_WEIGH_SECONDS: Final = 1.0
_SAMPLES: Final = 16


class StreamFullError(Exception):
    """The stream has no room until it is drained."""


class _Shard:
    """What is known of one stream."""

    __slots__ = ("bytes", "entries", "key", "weighed_at")

    def __init__(self, key: str) -> None:
        self.key = key
        self.entries = 0
        self.bytes = 0
        self.weighed_at = float("-inf")


class EventStream:
    """Appends events; each request's to one stream, in turn."""

    def __init__(self, pipe: RedisPipe, keys: RedisKeys, options: StreamsSection) -> None:
        """Prepare.

        Args:
            pipe: for writing, with the deadline of writes.
            keys: the namespace.
            options: shards and limits.
        """
        self._pipe = pipe
        self._options = options
        self._shards = [_Shard(keys.events(number)) for number in range(options.event_shards)]
        self._turns = count(os.getpid())  # processes begin with different shards

    @property
    def entries(self) -> int:
        """Undrained requests in all streams, as they were when last looked at."""
        return sum(shard.entries for shard in self._shards)

    @property
    def bytes(self) -> int:
        """Memory of all streams, as it was when last looked at."""
        return sum(shard.bytes for shard in self._shards)

    async def append(self, events: Sequence[PostedEvent], now: float) -> None:
        """Append events as one entry; when this returns, the store has them.

        Args:
            events: at least one.
            now: a clock in seconds that never goes back.

        Raises:
            StreamFullError: there is no room; nothing was appended.
            StoreUnavailableError: the store did not answer in time, or refused; whether it has them is not known.
        """
        shard = self._shards[next(self._turns) % len(self._shards)]
        if self._is_full(shard):
            await self._send(shard, now, ())
            if self._is_full(shard):
                raise StreamFullError
        packed = msgspec.json.encode(events)
        shard.bytes += len(packed)  # until it is weighed again
        await self._send(shard, now, (("XADD", shard.key, "*", VERSION_FIELD, ENTRY_VERSION, EVENTS_FIELD, packed),))

    async def look(self, now: float) -> None:
        """Learn how long the streams are.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        for shard in self._shards:
            await self._send(shard, now, ())

    def _is_full(self, shard: _Shard) -> bool:
        return shard.entries >= self._options.max_entries or shard.bytes >= self._options.max_mb * _MB

    async def _send(self, shard: _Shard, now: float, commands: tuple[Command, ...]) -> None:
        """Send commands, and learn what the stream holds after them."""
        is_weighed = now - shard.weighed_at >= _WEIGH_SECONDS or self._is_full(shard)
        weigh: tuple[Command, ...] = (("MEMORY", "USAGE", shard.key, "SAMPLES", _SAMPLES),) if is_weighed else ()
        replies: list[Any] = await self._pipe.send_together(*commands, ("XLEN", shard.key), *weigh)
        for reply in replies[: len(commands) + 1]:
            if isinstance(reply, StoreUnavailableError):
                raise reply
        shard.entries = replies[len(commands)]
        if is_weighed:  # a user of the store who may not ask for memory is limited by entries alone
            shard.weighed_at, shard.bytes = now, replies[-1] if isinstance(replies[-1], int) else 0
