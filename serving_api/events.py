"""The route that takes events: checked, appended to the stream, and seen in the user's next list."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.event_checks import CheckedEvent, EventRejectedError, check_event, ignored_fields
from reco_contracts.events import MAX_EVENTS_A_REQUEST, MAX_ID_LENGTH
from reco_contracts.logs import get_logger
from serving_api.answers import Answer, json_answer
from serving_api.event_intake import EventIntake
from serving_api.event_stream import StreamFullError
from serving_api.parameters import BadRequestError, check_id, read_query
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_log = get_logger(__name__)

IDEMPOTENCY_HEADER: Final = "idempotency-key"
_ACCEPTED: Final = 202
_UNAVAILABLE: Final = 503
_EVENTS_A_PAUSE: Final = 50
_SHOWN_FIELDS: Final = 20


class _Rejection(NamedTuple):
    """An event that is not taken."""

    place: int
    error: EventRejectedError

    def told(self) -> dict[str, Any]:
        """As JSON."""
        error = self.error
        return {
            "index": self.place,
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
        await intake.take(api.live.generation, accepted, now.timestamp() * 1_000)
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
