"""What one process does with accepted events: into the stream, then into the users' recent items."""

import asyncio
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Final

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.event_checks import CheckedEvent
from reco_contracts.settings import Settings
from serving_api.erasure import Eraser
from serving_api.event_stream import EventStream
from serving_api.generation import Generation
from serving_api.recent_writer import RecentWriter
from serving_api.redis_pipe import RedisPipe
from serving_api.store_address import parse_address

_MB: Final = 1_048_576
_LOOK_SECONDS: Final = 2.0


class EventIntake:
    """What one process does with posted events.

    Attributes:
        recent: writer of the users' recent items.
        accepted: events that the store has.
        rejected: events that broke the contract, by reason.
        refused: events that were sent back with 503, by cause.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; `start` connects."""
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        options, keys = settings.streams, settings.keys
        self._pipe = RedisPipe(
            parse_address(settings.redis),
            options.write_timeout_seconds,
            settings.redis.connect_timeout_seconds,
            "events",
        )
        self.stream = EventStream(self._pipe, keys, options)
        self._eraser = Eraser(settings)
        self.recent = RecentWriter(self._pipe, settings, self._eraser)
        self.max_body_bytes = int(options.max_body_mb * _MB)
        self.retry_after = b"%d" % options.retry_after_seconds
        self.max_future_hours = settings.landing.max_future_hours
        self._watcher: asyncio.Task[None] | None = None
        self._effect_seconds = settings.serving.read_timeout_seconds

    def start(self) -> None:
        """Connect, and stay connected."""
        self._pipe.start()
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Finish what is under way, and close."""
        if self._watcher:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        await self.recent.close()
        await self._pipe.close()

    async def take(self, generation: Generation, events: list[CheckedEvent], now_ms: float) -> None:
        """Hand events to the store, and let them be seen in the next lists.

        Args:
            generation: the live one.
            events: at least one.
            now_ms: milliseconds since 1970.

        Raises:
            StreamFullError: there is no room; nothing was taken.
            StoreUnavailableError: the store did not answer in time.
        """
        users = {checked.event.user_id for checked in events}
        looked = asyncio.ensure_future(self._eraser.erased_among(self._pipe, users))
        await self.stream.append([checked.event for checked in events], monotonic())
        self.accepted += len(events)
        # Landing rejects what an erased user did; here it must not become a key of theirs again.
        erased = await looked
        noted = self.recent.write(generation, [one for one in events if one.event.user_id not in erased], now_ms)
        # A slow store does not hold the answer up: the events are safe already.
        await asyncio.wait({noted}, timeout=self._effect_seconds)

    async def _watch(self) -> None:
        """Look how long the streams are, for the metrics of a process to which nobody posts."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with suppress(StoreUnavailableError):  # the pipe reports it
                await self.stream.look(monotonic())
