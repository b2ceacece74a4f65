"""Check one posted event against `reco_contracts.events`, as landing checks a line of a file.

What passes here passes there, to the same event with the same id. The door is
stricter in one thing: a number must come as a number and an id as text, where a
file knows only text.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from reco_contracts.events import (
    CONTENT_FIELDS,
    CONTENT_SEPARATOR,
    EARLIEST_TIME,
    FIRST_MILLISECONDS,
    IMPRESSION_CONTEXT,
    MAX_ID_LENGTH,
    MAX_RATING_STARS,
    OPTIONAL_VALUE_UNIT,
    RETURNED_BELOW_ZERO,
    VALUE_UNIT,
    EventType,
    RejectReason,
    content_id,
)


class PostedEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An event of the contract; as JSON a line of a log. The time is ISO 8601, UTC, to the microsecond."""

    event_id: str = ""
    user_id: str
    item_id: str
    event_type: str
    value: float | None = None
    occurred_at: str
    price: float | None = None
    currency: str | None = None
    request_id: str | None = None
    surface: str | None = None
    experiment: str | None = None
    variant: str | None = None
    generation: str | None = None
    position: int | None = None
    propensity: float | None = None


class CheckedEvent(NamedTuple):
    """An event and its time in microseconds since 1970."""

    event: PostedEvent
    micros: int


class EventRejectedError(Exception):
    """An event breaks the contract.

    Args:
        reason: code, as in quarantine.
        field: that is wrong.
        message: what was expected and what came.
    """

    def __init__(self, reason: RejectReason, field: str, message: str) -> None:
        """See the class."""
        super().__init__(message)
        self.reason, self.field, self.message = reason, field, message


def check_event(posted: Any, now: datetime, max_future_hours: int, source_key: str = "") -> CheckedEvent:
    """Check one decoded JSON value.

    Args:
        posted: what was posted.
        now: the time of an event that has none, UTC.
        max_future_hours: how far ahead of it an event may lie.
        source_key: tells an event without id and time from its equals; the same when it is sent again.

    Raises:
        EventRejectedError: it is no event of the contract; the first reason that applies.
    """
    if not isinstance(posted, dict):
        raise EventRejectedError(RejectReason.MALFORMED_ROW, "", "an event must be a JSON object")
    texts = {name: _text(posted, name) for name in _TEXTS}
    numbers = {name: _number(posted, name) for name in _NUMBERS}
    _check_ids(texts)
    kind, value = _kind_and_value(texts["event_type"], numbers["value"])
    sent_at = posted.get("occurred_at")
    micros = _micros(now) if sent_at is None else _occurred_at(sent_at, now + timedelta(hours=max_future_hours))
    _check_value(kind, value)
    position = _check_numbers(numbers)
    if kind == EventType.IMPRESSION and (position is None or not (texts["request_id"] and texts["surface"])):
        raise _rejected(RejectReason.MISSING_CONTEXT, "", "an impression needs " + ", ".join(IMPRESSION_CONTEXT))
    fields: dict[str, Any] = {**texts, "event_type": kind, "value": value if kind in _VALUED else None}
    fields |= {"price": numbers["price"], "propensity": numbers["propensity"], "position": position}
    if not texts["event_id"]:
        fields["event_id"] = _derived_id(fields, "" if sent_at is None and source_key else str(micros), source_key)
    return CheckedEvent(PostedEvent(**fields, occurred_at=_iso(micros)), micros)


def ignored_fields(posted: Any) -> frozenset[str]:
    """The fields of a posted event that the contract does not have."""
    return frozenset(posted) - _KNOWN if isinstance(posted, dict) else frozenset()


_TEXTS: Final = tuple(
    name for name, hint in PostedEvent.__annotations__.items() if hint in (str, str | None) and name != "occurred_at"
)
_NUMBERS: Final = ("value", "price", "position", "propensity")
_KNOWN: Final = frozenset(PostedEvent.__struct_fields__)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPES: Final = frozenset(kind.value for kind in EventType)
_VALUED: Final = frozenset((*VALUE_UNIT, *OPTIONAL_VALUE_UNIT))
_LARGEST_POSITION: Final = 2**31 - 1
_SHOWN_CHARACTERS: Final = 80
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:[Zz]|UTC|([+-])([01][0-9]):?([0-5][0-9])?)?)?"
)
_EPOCH: Final = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,9})?")
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _rejected(reason: RejectReason, field: str, message: str) -> EventRejectedError:
    return EventRejectedError(reason, field, message)


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN_CHARACTERS]


def _text(posted: dict[str, Any], name: str) -> str | None:
    value = posted.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _rejected(RejectReason.MALFORMED_ROW, name, f"{name} must be text, got {_shown(value)}")
    return value.strip(" ") or None


def _number(posted: dict[str, Any], name: str) -> float | None:
    value = posted.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _rejected(RejectReason.MALFORMED_ROW, name, f"{name} must be a number, got {_shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _check_ids(texts: dict[str, str | None]) -> None:
    for name, reason in (("user_id", RejectReason.MISSING_USER), ("item_id", RejectReason.MISSING_ITEM)):
        if not texts[name]:
            raise _rejected(reason, name, f"{name} is empty")
    named = [(name, value) for name, value in texts.items() if value and name != "event_type"]
    for name, value in named:
        if len(value) > MAX_ID_LENGTH:
            said = f"{name} has {len(value)} characters, {MAX_ID_LENGTH} are allowed"
            raise _rejected(RejectReason.ID_TOO_LONG, name, said)
    for name, value in named:
        if not value.isprintable() and _CONTROL.search(value):
            raise _rejected(RejectReason.CONTROL_CHARACTER, name, f"{name} has control characters")


def _kind_and_value(kind: str | None, value: float | None) -> tuple[str, float | None]:
    """The event type and its value; units below zero are units that came back."""
    if kind not in _TYPES:
        known = ", ".join(EventType)
        raise _rejected(
            RejectReason.UNKNOWN_EVENT_TYPE, "event_type", f"event_type must be one of {known}, got {_shown(kind)}"
        )
    if kind in RETURNED_BELOW_ZERO and value is not None and value < 0:
        return EventType.RETURN.value, -value
    return kind, value


def _check_value(kind: str, value: float | None) -> None:
    if kind not in _VALUED:
        return
    if value is None:
        if kind in VALUE_UNIT:
            raise _rejected(RejectReason.MISSING_VALUE, "value", f"a {kind} needs a value")
        return
    has_units = VALUE_UNIT.get(EventType(kind)) == "units"
    is_small = value <= 0 if has_units else value < 0
    if not math.isfinite(value) or is_small or (kind == EventType.RATING and value > MAX_RATING_STARS):
        raise _rejected(RejectReason.BAD_VALUE, "value", f"{value!r} is no value of a {kind}")


def _check_numbers(numbers: dict[str, float | None]) -> int | None:
    price, position, propensity = numbers["price"], numbers["position"], numbers["propensity"]
    if price is not None and not (math.isfinite(price) and price >= 0):
        raise _rejected(RejectReason.BAD_NUMBER, "price", f"price must not be negative, got {price!r}")
    if position is not None and not (1 <= position <= _LARGEST_POSITION and position == int(position)):
        raise _rejected(RejectReason.BAD_NUMBER, "position", f"position is a whole number from 1, got {position!r}")
    if propensity is not None and not 0 < propensity <= 1:
        raise _rejected(RejectReason.BAD_NUMBER, "propensity", f"propensity is above 0, up to 1, got {propensity!r}")
    return None if position is None else int(position)


def _occurred_at(sent: Any, latest: datetime) -> int:
    """A sent time in microseconds since 1970."""
    micros = _parsed(sent.strip(" ") if isinstance(sent, str) else sent)
    if micros is None or micros < _micros(EARLIEST_TIME):
        raise _rejected(
            RejectReason.BAD_TIME,
            "occurred_at",
            f"occurred_at must be ISO 8601 (no zone = UTC), or seconds or milliseconds since 1970, got {_shown(sent)}",
        )
    if micros > _micros(latest):
        raise _rejected(RejectReason.FUTURE_TIME, "occurred_at", f"occurred_at {_shown(sent)} is from the future")
    return micros


def _parsed(sent: Any) -> int | None:
    if isinstance(sent, bool) or not isinstance(sent, str | int | float):
        return None
    text = sent if isinstance(sent, str) else repr(sent)
    if _EPOCH.fullmatch(text):
        count = float(text)
        return round(count * (1e6 if count < FIRST_MILLISECONDS else 1e3))
    found = _ISO.fullmatch(text) if isinstance(sent, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = found.groups("0")
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    ahead = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    parts = timedelta(microseconds=int(fraction.ljust(9, "0")[:6]))
    return _micros(whole) + (parts + (ahead if sign == "-" else -ahead)) // _MICROSECOND


def _micros(time: datetime) -> int:
    return (time - _START) // _MICROSECOND


def _iso(micros: int) -> str:
    return (_START + micros * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _derived_id(fields: dict[str, Any], time: str, source_key: str) -> str:
    parts = [time if name == "occurred_at" else _as_text(fields[name]) for name in CONTENT_FIELDS]
    return content_id(CONTENT_SEPARATOR.join((*parts, source_key if not time else "")))


def _as_text(value: Any) -> str:
    """As Polars writes it, since landing derives ids with Polars."""
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else str(value)
    if not isinstance(value, float) or "e" not in text:
        return text
    mantissa, _, exponent = text.partition("e")
    return f"{Decimal(text):f}" if exponent == "-05" else f"{mantissa}e{int(exponent):+d}"
