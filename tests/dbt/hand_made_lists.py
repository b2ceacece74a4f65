"""Three lists that were shown, and what came of them: rows whose sessions, impressions and reports are known by hand.

The first day is a Monday. Anna sees three items shortly before midnight and goes on after it; bert clicks a day later,
once to the second within 24 hours and once a second too late; carl sees one item outside of the experiment, and buys
the same thing a week later in two currencies; dora comes on that day shortly after midnight.
"""

from datetime import UTC, date, datetime, time
from typing import Any

from hand_made_shop import DAY_1, DAY_2, DAY_3, event, land

from reco_contracts.artifacts import Layout

DAY_7, DAY_8 = date(2024, 4, 7), date(2024, 4, 8)
HOME_A = {"request_id": "r1", "surface": "home", "experiment": "ranking", "variant": "a"}
HOME_B = {"request_id": "r2", "surface": "home", "experiment": "ranking", "variant": "b"}
MAIL = {"request_id": "r3", "surface": "mail"}
EUR, GBP = {"price": 10.5, "currency": "EUR"}, {"price": 5.0, "currency": "GBP"}


def timed(
    event_id: str, user: str, item: str, event_type: str, day: date, clock: str, value: float | None = None,
    **context: Any,
) -> dict[str, Any]:  # fmt: skip
    """One valid event row at a time of day."""
    occurred_at = datetime.combine(day, time.fromisoformat(clock), UTC)
    return {**event(event_id, user, item, event_type, day, value=value), "occurred_at": occurred_at, **context}


def write_listed_shop(layout: Layout) -> None:
    """Land the log and a snapshot of two of the three items."""
    land(layout, "events", "lists", [
        timed("a1", "anna", "lamp", "impression", DAY_1, "23:40", position=1, propensity=0.5, **HOME_A),
        timed("a2", "anna", "book", "impression", DAY_1, "23:40", position=2, propensity=0.25, **HOME_A),
        timed("a3", "anna", "vase", "impression", DAY_1, "23:40", position=3, **HOME_A),
        timed("a4", "anna", "lamp", "click", DAY_1, "23:45", **HOME_A),
        timed("a5", "anna", "lamp", "click", DAY_1, "23:46", **HOME_A),
        timed("a6", "anna", "lamp", "add_to_cart", DAY_1, "23:50", **HOME_A),
        timed("a7", "anna", "lamp", "impression", DAY_2, "00:05", position=1, **HOME_A),
        timed("a8", "anna", "book", "click", DAY_2, "00:10", **HOME_A),
        timed("a9", "anna", "lamp", "purchase", DAY_2, "00:15", value=2, **HOME_A, **EUR),
        timed("b1", "bert", "lamp", "impression", DAY_2, "10:00", position=1, **HOME_B),
        timed("b2", "bert", "book", "impression", DAY_2, "10:00", position=2, **HOME_B),
        timed("b3", "bert", "lamp", "click", DAY_3, "10:00", **HOME_B),
        timed("b4", "bert", "book", "click", DAY_3, "10:00:01", **HOME_B),
        timed("c1", "carl", "vase", "impression", DAY_2, "12:00", position=1, **MAIL),
        timed("c2", "carl", "vase", "purchase", DAY_8, "09:00", value=1, **GBP),
        timed("d1", "dora", "lamp", "impression", DAY_8, "00:05", position=1, **{**MAIL, "request_id": "r4"}),
        timed("d2", "dora", "lamp", "view", DAY_8, "00:15"),
        timed("c3", "carl", "vase", "purchase", DAY_8, "09:10", value=1, **EUR),
    ])  # fmt: skip
    land(layout, "items", "catalogue", [
        {"item_id": "lamp", "title": "Lamp", "categories": ["home", "light"], "event_date": DAY_1},
        {"item_id": "book", "categories": ["media", "print", "novel", "crime"], "event_date": DAY_1,
         "available_until": datetime(2024, 4, 5, tzinfo=UTC)},
    ])  # fmt: skip


def land_late_days(layout: Layout) -> None:
    """Two more days: a click on the vase of the day before, anna stays longer, and dora had come before midnight."""
    land(layout, "events", "late", [
        timed("l1", "anna", "vase", "click", DAY_2, "00:20", **HOME_A),
        timed("l2", "anna", "vase", "view", DAY_2, "00:50"),
        timed("l3", "dora", "lamp", "impression", DAY_7, "23:50", position=1, **{**MAIL, "request_id": "r4"}),
    ], landed_hour=20)  # fmt: skip
