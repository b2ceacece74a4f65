"""The log of served lists: packed as they are served, sent to a stream a few times a second, best effort.

Nothing of it is in a request's way. What cannot be sent waits in a bounded queue and
is sent again; a record that the stream took twice has the same content twice, and is
one impression in the warehouse. What is lost (the queue or the stream is full) is
counted.
"""

import asyncio
import os
from contextlib import suppress
from itertools import count
from time import time
from typing import Final

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.logs import get_logger
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.served_codec import encode_record, join_records
from reco_contracts.serving_settings import ServedSection
from reco_contracts.stream_entries import ENTRY_VERSION, RECORDS_FIELD, VERSION_FIELD
from serving_api.answers import Answer
from serving_api.redis_pipe import RedisPipe
from serving_api.request import Request

_log = get_logger(__name__)

NO_LOG_HEADER: Final = "x-reco-no-log"
_RECORDS_AN_ENTRY: Final = 100
_OK: Final = 200
# How long a stopping process tries to send what waits.
_LAST_SECONDS: Final = 1.0


class ServedLog:
    """What one process served, on its way to the store.

    Attributes:
        logged: records that a stream took.
        lost: records that were given up, by reason.
        stream_entries: entries of the stream that was written last, as it said then.
    """

    def __init__(self, pipe: RedisPipe, keys: RedisKeys, options: ServedSection) -> None:
        """Prepare; `start` begins to send.

        Args:
            pipe: a connection of its own, so that no lookup waits behind a flush.
            keys: the namespace.
            options: limits and pace.
        """
        self.logged = 0
        self.lost = {"queue_full": 0, "stopped": 0}
        self.stream_entries = 0
        self._pipe = pipe
        self._keys = [keys.served(shard) for shard in range(options.shards)]
        self._turns = count(os.getpid())  # processes begin with different shards
        self._options = options
        self._waiting: list[bytes] = []
        self._sender: asyncio.Task[None] | None = None
        self._is_loss_told = False

    @property
    def waiting(self) -> int:
        """Records that were not sent yet."""
        return len(self._waiting)

    def add(self, request: Request, answer: Answer) -> None:
        """Log what an answer shows, if it is shown: a HEAD, a 304 and a caller who asks for it log nothing."""
        if not self._options.is_logged or answer.status != _OK or request.method != "GET":
            return
        if request.header(NO_LOG_HEADER) is not None:
            return
        if len(self._waiting) + len(answer.served) > self._options.queue_records:
            self._lose("queue_full", len(answer.served))
            return
        now_ms = int(time() * 1000)
        generation = answer.generation.decode()
        for user, surface, variant, items, first_position, experiment, propensity in answer.served:
            self._waiting.append(
                encode_record(
                    now_ms,
                    request.request_id,
                    user,
                    surface,
                    variant,
                    experiment,
                    generation,
                    first_position,
                    propensity,
                    items,
                )
            )

    def start(self) -> None:
        """Connect, and send until `close`."""
        if self._options.is_logged and self._sender is None:
            self._pipe.start()
            self._sender = asyncio.get_running_loop().create_task(self._send_for_ever())

    async def close(self) -> None:
        """Send what waits, for a second at most; the rest is lost and counted."""
        if self._sender is None:
            return
        self._sender.cancel()
        with suppress(asyncio.CancelledError):
            await self._sender
        self._sender = None
        with suppress(StoreUnavailableError, TimeoutError):
            await asyncio.wait_for(self._send_waiting(), _LAST_SECONDS)
        if self._waiting:
            self._lose("stopped", len(self._waiting))
        await self._pipe.close()

    async def _send_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.flush_seconds)
            with suppress(StoreUnavailableError):  # the pipe reports it; what waits is sent at another turn
                await self._send_waiting()

    async def _send_waiting(self) -> None:
        while self._waiting:
            records = self._waiting[:_RECORDS_AN_ENTRY]
            key = self._keys[next(self._turns) % len(self._keys)]
            if self.stream_entries >= self._options.max_entries:
                # A stream that nobody drains takes no more; what waits meanwhile fills the queue.
                self.stream_entries = await self._pipe.send("XLEN", key)
                if self.stream_entries >= self._options.max_entries:
                    return
            add = ("XADD", key, "*", RECORDS_FIELD, join_records(records), VERSION_FIELD, ENTRY_VERSION)
            added, length = await self._pipe.send_together(add, ("XLEN", key))
            if isinstance(added, StoreUnavailableError):
                raise added
            del self._waiting[: len(records)]
            self.logged += len(records)
            if isinstance(length, StoreUnavailableError):
                raise length
            self.stream_entries = length
            self._is_loss_told = False

    def _lose(self, reason: str, records: int) -> None:
        self.lost[reason] += records
        if not self._is_loss_told:
            self._is_loss_told = True
            _log.warning("served records are lost; counted from now on", reason=reason)
