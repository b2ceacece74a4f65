"""The breaker: opens after late replies in a row, closes when a probe is answered in time."""

import asyncio

from reco_contracts.doors_settings import BreakerSection
from reco_contracts.errors import StoreUnavailableError
from serving_api.store_watch import ROUND_TRIP_BOUNDS, StoreWatch

SECTION = BreakerSection(late_replies=3, open_seconds=0.01)


def test_late_replies_in_a_row_open_it_and_one_in_time_between_them_does_not() -> None:
    watch = StoreWatch(SECTION)
    watch.late(2)
    watch.replied(0.001)
    watch.late(2)
    assert not watch.is_open
    watch.late(1)
    assert (watch.is_open, watch.times_opened, watch.late_replies) == (True, 1, 5)
    watch.late(10)
    assert watch.times_opened == 1


def test_it_closes_when_a_probe_is_answered_and_no_sooner() -> None:
    answers = iter([False, False, True])
    asked: list[bool] = []

    async def probe() -> None:
        asked.append(watch.is_open)
        if not next(answers):
            raise StoreUnavailableError("late")

    async def scene() -> None:
        mending = asyncio.create_task(watch.mend(probe))
        watch.late(3)
        async with asyncio.timeout(10):
            while watch.is_open:  # noqa: ASYNC110 - it is the task that closes it
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
        mending.cancel()

    watch = StoreWatch(SECTION)
    asyncio.run(scene())
    assert asked == [True, True, True]


def test_round_trips_are_counted_by_how_long_they_took() -> None:
    watch = StoreWatch(SECTION)
    for seconds in (0.00005, 0.0003, 0.0003, 9.0):
        watch.replied(seconds)
    assert len(watch.round_trips) == len(ROUND_TRIP_BOUNDS) + 1
    assert (watch.round_trips[0], watch.round_trips[2], watch.round_trips[-1]) == (1, 2, 1)
    assert watch.round_trip_seconds == 0.00005 + 0.0006 + 9.0
