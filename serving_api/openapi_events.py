"""How the OpenAPI description describes posted events."""

from typing import Final

from reco_contracts.events import IMPRESSION_CONTEXT, MAX_EVENTS_A_REQUEST, MAX_RATING_STARS, EventType
from serving_api import schemas
from serving_api.openapi_parts import ID, NO_CONTROLS, Json, described, response

_NAMES: Final = ("event_id", "currency", "request_id", "surface", "experiment", "variant", "generation")
_REQUIRED: Final = ("user_id", "item_id", "event_type")
_TIME: Final = "ISO 8601 (no zone = UTC), or seconds or milliseconds since 1970; the time of arrival without it."
_VALUE: Final = "Stars of a rating (0 to 10), units of a purchase or return, dwell seconds of a view; else none."
_POST: Final = (
    "One event, or an array of them. 202 once the store has those that keep the contract; the others are told with "
    "their reasons. The user's next list shows it. Send an event again whenever the answer is lost or a 503: by its "
    "`event_id`, else by its content with its `occurred_at`, else by the header `Idempotency-Key`, it is the same "
    "event."
)

# Spaces around a text do not count.
_TEXT: Final[Json] = ID | {"pattern": r"^(?! *$)[^\u0000-\u001f\u007f-\u009f]+$"}
_OPTIONAL_ID: Final[Json] = {"type": ["string", "null"], "maxLength": ID["maxLength"], "pattern": NO_CONTROLS}
# What each type asks for beyond that.
_KINDS: Final[list[Json]] = [
    {"properties": {"event_type": {"enum": ["click", "add_to_cart", "dismiss"]}}},
    {"properties": {"event_type": {"const": "view"}, "value": {"type": ["number", "null"], "minimum": 0}}},
    {
        "properties": {
            "event_type": {"const": "rating"},
            "value": {"type": "number", "minimum": 0, "maximum": MAX_RATING_STARS},
        },
        "required": ["value"],
    },
    {
        "properties": {
            "event_type": {"enum": ["purchase", "return"]},
            "value": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "number", "exclusiveMaximum": 0}]},
        },
        "required": ["value"],
    },
    {
        "properties": {
            "event_type": {"const": "impression"},
            "request_id": _TEXT,
            "surface": _TEXT,
            "position": {"type": "integer"},
        },
        "required": list(IMPRESSION_CONTEXT),
    },
]
EVENT: Final[Json] = {
    "type": "object",
    "required": list(_REQUIRED),
    "properties": {
        "user_id": _TEXT,
        "item_id": _TEXT,
        "event_type": {"type": "string", "enum": [kind.value for kind in EventType]},
        "value": {"type": ["number", "null"], "description": _VALUE},
        "occurred_at": {"type": ["string", "number", "null"], "description": _TIME},
        "price": {"type": ["number", "null"], "minimum": 0},
        "position": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**31 - 1, "description": "From 1."},
        "propensity": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
        **dict.fromkeys(_NAMES, _OPTIONAL_ID),
    },
    "anyOf": _KINDS,
    "description": "An impression also needs request_id, surface and position; a rating, purchase or return a value.",
    "example": {
        "user_id": "u-17",
        "item_id": "i-4",
        "event_type": "click",
        "occurred_at": "2024-05-01T12:00:00Z",
        "request_id": "3ac67df988a3-7",
    },
}
_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes the same request, sent again, the same events, where they have neither id nor time.",
    "schema": ID,
}


def post_events() -> Json:
    """The operation of POST /v1/events."""
    one = {"$ref": "#/components/schemas/Event"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS_A_REQUEST}
    full = response("The stream is full, or the store is down; send them again.", schemas.Error)
    full["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    responses = {
        "202": response("What was taken.", schemas.EventsAnswer),
        "400": response("No event could be taken; `error` tells of the first.", schemas.Error),
        "413": response("The body is too large.", schemas.Error),
        "503": full,
    }
    return described("Post events", _POST, [_KEY], responses, {"oneOf": [one, many]})
