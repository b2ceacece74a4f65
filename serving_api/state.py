"""What state this process is in, since when, and one line in the log for each change."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from reco_contracts.logs import get_logger

if TYPE_CHECKING:
    from serving_api.live import Live

_log = get_logger(__name__)


class State(StrEnum):
    """How lists are answered."""

    STARTING = "starting"  # with nothing: neither a generation nor the copy on disk
    READY = "ready"  # from the store
    DEGRADED = "degraded"  # from the memory of this process: the store is down, late or empty
    FALLBACK = "fallback"  # from the copy on disk


class StoreState(StrEnum):
    """How the store does."""

    UP = "up"
    LATE = "late"
    EMPTY = "empty"  # it came back without its data: no generation is live in it
    DOWN = "down"


class Seen(NamedTuple):
    """Both at one time."""

    state: State
    store: StoreState


def look(live: "Live") -> Seen:
    """The state of now."""
    store = _look_at_store(live)
    if not live.is_ready:
        return Seen(State.STARTING, store)
    if live.generation.manifest is None:
        return Seen(State.FALLBACK, store)
    return Seen(State.READY if store is StoreState.UP else State.DEGRADED, store)


def _look_at_store(live: "Live") -> StoreState:
    if not live.pipe.is_up:
        return StoreState.DOWN
    if live.watch.is_open:
        return StoreState.LATE
    return StoreState.EMPTY if live.is_store_empty else StoreState.UP


class StateLog:
    """Changes of state, counted and written down.

    Attributes:
        seen: the last state.
        since: when it began, UTC.
        changes: how many there were.
    """

    def __init__(self) -> None:
        """Begin as a process begins."""
        self.seen = Seen(State.STARTING, StoreState.DOWN)
        self.since = datetime.now(UTC)
        self.changes = 0

    def note(self, seen: Seen, generation: str | None) -> None:
        """Compare with the state before, and say once what is different."""
        if seen == self.seen:
            return
        now = datetime.now(UTC)
        write = _log.info if seen.state is State.READY else _log.warning
        write(
            "the API's state changed",
            state=seen.state.value,
            store=seen.store.value,
            before=self.seen.state.value,
            store_before=self.seen.store.value,
            after_seconds=round((now - self.since).total_seconds(), 3),
            generation=generation,
        )
        self.seen, self.since = seen, now
        self.changes += 1
