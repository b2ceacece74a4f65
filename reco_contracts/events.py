"""The event contract: what one line of an interaction log may say.

Landing checks it (vectorised), the API checks it one event at a time
(`event_checks`; a test holds the two against each other), and dbt trusts it.
Change it here and nowhere else.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import md5
from typing import Final


class EventType(StrEnum):
    """What a user did, or was shown."""

    IMPRESSION = "impression"
    VIEW = "view"
    CLICK = "click"
    ADD_TO_CART = "add_to_cart"
    PURCHASE = "purchase"
    RETURN = "return"
    RATING = "rating"
    DISMISS = "dismiss"


class RejectReason(StrEnum):
    """Why a row went to quarantine. Codes are stable: reports count them."""

    MALFORMED_ROW = "malformed_row"
    BAD_ENCODING = "bad_encoding"
    MISSING_USER = "missing_user"
    MISSING_ITEM = "missing_item"
    ID_TOO_LONG = "id_too_long"
    CONTROL_CHARACTER = "control_character"
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    BAD_VALUE = "bad_value"
    MISSING_VALUE = "missing_value"
    BAD_NUMBER = "bad_number"
    MISSING_CONTEXT = "missing_context"
    NOT_A_PRODUCT = "not_a_product"
    CANCELLED_WITHOUT_RETURN = "cancelled_without_return"
    FORGOTTEN_USER = "forgotten_user"


# Event types whose `value` is required, and its unit.
VALUE_UNIT: Final[dict[EventType, str]] = {
    EventType.RATING: "stars",
    EventType.PURCHASE: "units",
    EventType.RETURN: "units",
}
# A view may carry its dwell time; every other type has no value.
OPTIONAL_VALUE_UNIT: Final[dict[EventType, str]] = {EventType.VIEW: "dwell_seconds"}

# Units below zero are units that came back, whichever of the two the source calls it; not an error.
RETURNED_BELOW_ZERO: Final = (EventType.PURCHASE, EventType.RETURN)
# Reasons that the reader or an importer finds: the fields of the row alone do not show them again.
FOUND_BEFORE_THE_FIELDS: Final = (
    RejectReason.MALFORMED_ROW,
    RejectReason.BAD_ENCODING,
    RejectReason.NOT_A_PRODUCT,
    RejectReason.CANCELLED_WITHOUT_RETURN,
)

MAX_ID_LENGTH: Final = 256
MAX_FUTURE_HOURS: Final = 24
MAX_RATING_STARS: Final = 10.0
# Nobody logged before this; earlier times are a zero that stands for "unknown", or a wrong unit.
EARLIEST_TIME: Final = datetime(1971, 1, 1, tzinfo=UTC)
# As seconds this is the year 5138, as milliseconds 1973.
FIRST_MILLISECONDS: Final = 1e11
# Context without which an impression cannot be joined to its list.
IMPRESSION_CONTEXT: Final = ("request_id", "surface", "position")

# What makes an event the same event where the source has no id of its own.
CONTENT_FIELDS: Final = ("user_id", "item_id", "event_type", "occurred_at", "value", "price", "request_id", "position")
CONTENT_SEPARATOR: Final = "\x1f"
MAX_EVENTS_A_REQUEST: Final = 1_000


def content_id(content: str) -> str:
    """The id of an event whose source gives none, so that exact duplicates share it.

    Args:
        content: `CONTENT_FIELDS` as text ("" = null, the time in microseconds since 1970) and the key that the
            source tells equal events apart by, with `CONTENT_SEPARATOR` between.
    """
    return md5(content.encode(), usedforsecurity=False).hexdigest()


def content_ids(contents: Iterable[str]) -> list[str]:
    """`content_id` of many."""
    return [content_id(content) for content in contents]
