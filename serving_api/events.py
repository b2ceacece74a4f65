"""The route that takes events: checked, appended to the stream, and seen in the user's next list."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.event_checks import CheckedEvent, EventRejectedError, check_event, ignored_fields
from reco_contracts.events import MAX_EVENTS_A_REQUEST, MAX_ID_LENGTH
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from serving_api.answers import Answer, json_answer
from serving_api.event_stream import EventStream, StreamFullError
from serving_api.parameters import BadRequestError, check_id, read_query
from serving_api.recent_writer import RecentWriter
from serving_api.redis_pipe import RedisPipe
from serving_api.request import Request
from serving_api.store_address import parse_address

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_log = get_logger(__name__)

IDEMPOTENCY_HEADER: Final = "idempotency-key"
_MB: Final = 1_048_576
_ACCEPTED: Final = 202
_UNAVAILABLE: Final = 503
_EVENTS_A_PAUSE: Final = 100
_SHOWN_FIELDS: Final = 20


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
        self.recent = RecentWriter(self._pipe, settings)
        self.max_body_bytes = int(options.max_body_mb * _MB)
        self.retry_after = b"%d" % options.retry_after_seconds
        self.max_future_hours = settings.landing.max_future_hours
        self._effect_seconds = settings.serving.read_timeout_seconds

    def start(self) -> None:
        """Connect, and stay connected."""
        self._pipe.start()

    async def close(self) -> None:
        """Finish what is under way, and close."""
        await self.recent.close()
        await self._pipe.close()

    async def take(self, api: "LookupApi", events: list[CheckedEvent], now_ms: float) -> None:
        """Hand events to the store, and let them be seen in the next lists.

        Raises:
            StreamFullError: there is no room; nothing was taken.
            StoreUnavailableError: the store did not answer in time.
        """
        await self.stream.append([checked.event for checked in events], monotonic())
        self.accepted += len(events)
        noted = self.recent.write(api.live.generation, events, now_ms)
        # A slow store does not hold the answer up: the events are safe already.
        await asyncio.wait({noted}, timeout=self._effect_seconds)

    def collect(self, pid: str) -> Iterable[Metric]:
        """Its metrics."""
        accepted = CounterMetricFamily("reco_events_accepted", "Posted events that the store has.", labels=["pid"])
        accepted.add_metric([pid], self.accepted)
        yield accepted
        rejected = CounterMetricFamily("reco_events_rejected", "Posted events, broken.", labels=["reason", "pid"])
        for reason, number in self.rejected.items():
            rejected.add_metric([reason, pid], number)
        yield rejected
        refused = CounterMetricFamily("reco_events_refused", "Events answered with 503.", labels=["cause", "pid"])
        for cause, number in self.refused.items():
            refused.add_metric([cause, pid], number)
        yield refused
        failed = CounterMetricFamily("reco_recent_writes_failed", "Recent items not written.", labels=["pid"])
        failed.add_metric([pid], self.recent.failed)
        yield failed
        entries = GaugeMetricFamily("reco_event_stream_entries", "Undrained requests with events.", labels=["pid"])
        entries.add_metric([pid], self.stream.entries)
        yield entries
        size = GaugeMetricFamily("reco_event_stream_bytes", "Memory of the streams of events.", labels=["pid"])
        size.add_metric([pid], self.stream.bytes)
        yield size


class _Rejection(NamedTuple):
    """An event that is not taken."""

    index: int
    error: EventRejectedError

    def told(self) -> dict[str, Any]:
        """As JSON."""
        error = self.error
        return {
            "index": self.index,
            "reason": error.reason.value,
            "field": error.field or None,
            "message": error.message,
        }


async def post_events(api: "LookupApi", request: Request) -> Answer:
    """Take one event, or an array of up to 1,000; 202 once the store has those that keep the contract.

    An event that breaks it is told with its reason; where none keeps it, the answer is
    400. Sent again, an event is the same event: by its own id, else by its content with
    its time, else by the header Idempotency-Key and its place in the request.

    Args:
        api: the process's state.
        request: a JSON object or array in the body.

    Raises:
        BadRequestError: the body is no such thing, or too large.
    """
    read_query(request.query_string, ())
    intake = api.events
    posted = _decode(await request.read_body(intake.max_body_bytes))
    now = datetime.now(UTC)
    accepted, rejections = await _check(posted, now, intake.max_future_hours, _source_key(request))
    intake.rejected.update(rejection.error.reason.value for rejection in rejections)
    if not accepted:
        return _none_accepted(request, posted, rejections)
    try:
        await intake.take(api, accepted, now.timestamp() * 1_000)
    except StreamFullError:
        return _refused(intake, len(accepted), "stream_full", "the stream of events is full until it is drained")
    except StoreUnavailableError as error:
        _log.debug("events were not taken", error=str(error))
        return _refused(intake, len(accepted), "store_unavailable", "the store does not take events now")
    return json_answer(_told(request, posted, accepted, rejections), _ACCEPTED)


def _decode(body: bytes) -> list[Any]:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError("invalid_json", f"the body must be JSON: {error}") from error
    posted = content if isinstance(content, list) else [content]
    if not posted or not isinstance(content, list | dict):
        raise BadRequestError("invalid_events", "the body must be an event, or an array of at least one")
    if len(posted) > MAX_EVENTS_A_REQUEST:
        said = f"{len(posted):,} events, at most {MAX_EVENTS_A_REQUEST:,} are taken at once"
        raise BadRequestError("too_many_events", said)
    return posted


def _source_key(request: Request) -> str:
    key = request.header(IDEMPOTENCY_HEADER)
    return "" if key is None else check_id(key, "Idempotency-Key")


async def _check(
    posted: list[Any], now: datetime, max_future_hours: int, source_key: str
) -> tuple[list[CheckedEvent], list[_Rejection]]:
    accepted, rejections = [], []
    for index, content in enumerate(posted):
        try:
            key = f"{source_key}:{index}" if source_key else ""
            accepted.append(check_event(content, now, max_future_hours, key))
        except EventRejectedError as error:
            rejections.append(_Rejection(index, error))
        if index % _EVENTS_A_PAUSE == _EVENTS_A_PAUSE - 1:
            await asyncio.sleep(0)  # requests that wait get their turn
    return accepted, rejections


def _told(
    request: Request, posted: list[Any], accepted: list[CheckedEvent], rejections: list[_Rejection]
) -> dict[str, Any]:
    ignored = sorted({name[:MAX_ID_LENGTH] for content in posted for name in ignored_fields(content)})
    return {
        "request_id": request.request_id,
        "accepted": len(accepted),
        "rejected": len(rejections),
        "rejections": [rejection.told() for rejection in rejections],
        "ignored_fields": ignored[:_SHOWN_FIELDS],
    }


def _none_accepted(request: Request, posted: list[Any], rejections: list[_Rejection]) -> Answer:
    first = rejections[0].error
    which = "" if len(posted) == 1 else f"none of {len(posted)} events can be taken; the first: "
    error = {"code": first.reason.value, "message": which + first.message, "field": first.field or None}
    return json_answer({"error": error, **_told(request, posted, [], rejections)}, 400)


def _refused(intake: EventIntake, events: int, cause: str, message: str) -> Answer:
    intake.refused[cause] += events
    error = {"code": cause, "message": f"{message}; send them again", "field": None}
    return json_answer({"error": error}, _UNAVAILABLE)._replace(headers=((b"retry-after", intake.retry_after),))
