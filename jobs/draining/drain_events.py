"""`reco drain-events`: take posted events and served records out of the store, and land them."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs.draining.land_spool import POSTED, SERVED, land_spool
from jobs.draining.read_stream import Entry, Stream, drain_stream, streams_there
from jobs.draining.spool_entries import spool_events, spool_served
from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.one_at_a_time import one_at_a_time
from jobs.publishing.connect_store import Store, open_store
from reco_contracts.settings import Settings

Spooler = Callable[[Path, Stream], Callable[[list[Entry]], None]]


def run(settings: Settings, now: datetime) -> dict[str, Any]:
    """Drain every stream into files, then land the files; also those that an earlier run left.

    Args:
        settings: the store, the data folder, and what landing needs.
        now: UTC; becomes `landed_at`.

    Returns:
        The summary: entries taken, and what became of their rows.

    Raises:
        StoreUnavailableError: the store does not answer; what had been drained before is landed all the same.
        ContractError: a drained file cannot be read at all; the others are landed.
    """
    with one_at_a_time(settings.layout.spool(POSTED).parent / ".drain.lock", "drain"):
        try:
            with open_store(settings.redis) as store:
                exchange_tombstones(store, settings, now)  # who was erased since, landing rejects
                posted = _drain(settings, store, settings.keys.events, POSTED, spool_events)
                served = _drain(settings, store, settings.keys.served, SERVED, spool_served)
        finally:
            _, landed = land_spool(settings, now)
    return {"event_entries": posted, "served_entries": served, **landed}


def _drain(settings: Settings, store: Store, name: Callable[[int], str], origin: str, spool: Spooler) -> int:
    folder = settings.layout.spool(origin)
    return sum(drain_stream(store, stream.key, spool(folder, stream)) for stream in streams_there(store, name))
