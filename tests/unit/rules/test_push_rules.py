"""Pins at read time: only what everybody may see; the rest is left to the lists, which know their readers."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from jobs.landing.landed_schema import polars_schema
from jobs.rules.check_rules import open_book
from jobs.rules.push_rules import live_rules
from jobs.rules.read_rules import parse_rules
from reco_contracts.columns import DIM_ITEMS, DIM_USERS
from reco_contracts.live_rules import LivePin
from reco_contracts.settings import Settings

RUN_DATE, TODAY = date(2026, 3, 31), date(2026, 4, 1)
ITEMS = [
    {"item_id": "gin", "min_age": 18},
    {"item_id": "gone", "available_until": datetime(2026, 3, 1, tzinfo=UTC)},
    {"item_id": "lamp", "brand": "Glow"},
    {"item_id": "lefse", "markets": ["NO"]},
    {"item_id": "vase", "brand": "Clay"},
]
PEOPLE = [
    {"user_id": "a", "market": "SE", "segment": "new", "birth_year": 2015},
    {"user_id": "b", "market": "NO", "segment": "old", "birth_year": 1980},
]
PIN = "- {{name: pin, pin: {{item: {}, position: 2}}}}\n"


def pins_of(text: str, unknown_age: str = "child") -> tuple[LivePin, ...]:
    items, people = (
        pl.DataFrame([dict.fromkeys(table.column_names) | row for row in rows], schema=polars_schema(table))
        for table, rows in ((DIM_ITEMS, ITEMS), (DIM_USERS, PEOPLE))
    )
    settings = Settings.model_validate({"rules": {"unknown_age": unknown_age}})
    return live_rules(open_book(parse_rules(text), (), items, people, RUN_DATE, settings), TODAY).pins


@pytest.mark.parametrize("unknown_age", ["child", "adult"])
@pytest.mark.parametrize("item", ["gin", "lefse", "gone"])
def test_what_not_everybody_may_see_is_not_pinned_for_everybody(item: str, unknown_age: str) -> None:
    """For adults, for the market NO, and off sale; that strangers count as adults makes nobody older."""
    assert pins_of(PIN.format(item), unknown_age) == ()
    assert pins_of(PIN.format("vase"), unknown_age) == (LivePin(surface="home", item_id="vase", position=2),)


@pytest.mark.parametrize(
    ("rule", "is_pinned"),
    [
        ("block: {brands: [Clay]}, where: {markets: [SE]}", False),
        ("block: {brands: [Clay]}, where: {segments: [old]}", False),
        ("allow: {brands: [Glow]}, where: {segments: [new]}", False),
        ("min_age: {items: [vase], years: 16}", False),
        ("block: {brands: [Clay]}, where: {surfaces: [popular]}", True),
        ("block: {brands: [Clay]}, where: {segments: [old]}, until: 2026-03-31", True),
        ("block: {brands: [Glow]}, where: {segments: [old]}", True),
    ],
)
def test_a_pin_of_what_is_kept_from_somebody_is_left_to_the_lists(rule: str, is_pinned: bool) -> None:
    assert bool(pins_of(PIN.format("vase") + f"- {{name: other, {rule}}}\n")) is is_pinned
