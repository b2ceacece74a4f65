"""How the store does: how long its replies take, and whether it is asked at all.

A store that is late costs every request its whole deadline. After so many late
replies in a row the watch opens like a fuse: lookups are refused at once and
answered from memory, while one probe after the other finds out when the store is in
time again.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Final

from reco_contracts.doors_settings import BreakerSection
from reco_contracts.errors import StoreUnavailableError

ROUND_TRIP_BOUNDS: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0)


class StoreWatch:
    """A circuit breaker, and a histogram of round trips.

    Args:
        section: the [breaker] settings.

    Attributes:
        is_open: whether the store is left alone.
        times_opened: how often that began.
        late_replies: all that came too late or not at all.
        round_trips: counts by upper bound, `ROUND_TRIP_BOUNDS` and one above.
        round_trip_seconds: their sum.
    """

    def __init__(self, section: BreakerSection) -> None:
        """Begin closed."""
        self.is_open = False
        self.times_opened = 0
        self.late_replies = 0
        self.round_trips = [0] * (len(ROUND_TRIP_BOUNDS) + 1)
        self.round_trip_seconds = 0.0
        self._late_in_a_row = 0
        self._section = section
        self._opened = asyncio.Event()

    def replied(self, seconds: float) -> None:
        """A reply came in time; seconds since its command was sent."""
        self._late_in_a_row = 0
        self.round_trips[bisect_left(ROUND_TRIP_BOUNDS, seconds)] += 1
        self.round_trip_seconds += seconds

    def late(self, count: int) -> None:
        """So many more replies did not come in time."""
        self.late_replies += count
        self._late_in_a_row += count
        if self._late_in_a_row >= self._section.late_replies and not self.is_open:
            self.is_open = True
            self.times_opened += 1
            self._opened.set()

    def close(self) -> None:
        """The store is in time again."""
        self.is_open = False
        self._late_in_a_row = 0
        self._opened.clear()

    async def mend(self, probe: Callable[[], Awaitable[object]]) -> None:
        """Close again whenever a probe is answered in time; runs until it is cancelled.

        Args:
            probe: asks the store something small, also while the watch is open; raises where the reply is late.
        """
        while True:
            await self._opened.wait()
            await asyncio.sleep(self._section.open_seconds)
            try:
                await probe()
            except StoreUnavailableError:
                continue
            self.close()
