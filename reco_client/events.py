"""Events to post: what a user did, or was shown."""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import msgspec

EventType = Literal["impression", "view", "click", "add_to_cart", "purchase", "return", "rating", "dismiss"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event.

    Attributes:
        user_id: who.
        item_id: what.
        event_type: did which.
        value: stars of a rating, units of a purchase or return, dwell seconds of a view.
        occurred_at: when; the time of sending where it is not given.
        event_id: its own id; drawn where it is not given, so that a repeated request is no second event.
        price: of one unit.
        currency: of the price.
        request_id: of the answer that showed the item.
        surface: where it was shown.
        experiment: of that answer.
        variant: of that answer.
        generation: of that answer.
        position: place in the list, from 1.
        propensity: of that answer.
    """

    user_id: str
    item_id: str
    event_type: EventType
    value: float | None = None
    occurred_at: datetime | None = None
    event_id: str | None = None
    price: float | None = None
    currency: str | None = None
    request_id: str | None = None
    surface: str | None = None
    experiment: str | None = None
    variant: str | None = None
    generation: str | None = None
    position: int | None = None
    propensity: float | None = None


def identified(event: Event) -> dict[str, Any]:
    """An event as it is sent, with an id and a time of its own."""
    occurred_at = event.occurred_at or datetime.now(UTC)
    named = msgspec.structs.replace(event, occurred_at=occurred_at, event_id=event.event_id or uuid4().hex)
    content: dict[str, Any] = msgspec.to_builtins(named)
    return content
