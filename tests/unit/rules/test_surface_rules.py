"""Pins of finished lists: in whose they stand, by the kind of list; and refusals reach the lists of what is due."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from jobs.landing.landed_schema import polars_schema
from jobs.ranking.interaction_matrix import make_interactions
from jobs.ranking.make_surface_lists import SurfaceWork, surface_lists
from jobs.ranking.save_lists import ListBlock
from jobs.rules.check_rules import open_book
from jobs.rules.read_rules import parse_rules
from jobs.rules.surface_rules import SurfaceRules
from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS
from reco_contracts.list_settings import SurfacesSection
from reco_contracts.settings import Settings

RUN_DATE = date(2026, 3, 31)
ITEMS = [
    {"item_id": "lamp", "categories": ["Lamps", "Home"]},
    {"item_id": "milk", "categories": ["Food"]},
    {"item_id": "vase", "categories": None},
]
LAMP, MILK = 0, 1
USERS = pl.Series("user_id", ["a", "b", "c"])
PEOPLE = [{"user_id": "a", "segment": "new"}, {"user_id": "b", "segment": "old"}]


def frame(table, rows) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(table.column_names) | row for row in rows], schema=polars_schema(table))


def rules_of(text: str = "[]") -> SurfaceRules:
    people = frame(DIM_USERS, PEOPLE)
    return SurfaceRules(open_book(parse_rules(text), (), frame(DIM_ITEMS, ITEMS), people, RUN_DATE, Settings()))


def with_lamp_first(rules: SurfaceRules, surface: str, subjects: list[str]) -> list[str]:
    """Subjects whose list of milk alone begins with the lamp once pins are in."""
    items = np.tile(np.array([MILK, -1], dtype=np.int32), (len(subjects), 1))
    shape = items.shape
    block = ListBlock(
        subjects, items, np.ones(shape, np.float32), np.ones(shape, np.uint8), np.full(shape, -1, np.int32)
    )
    (pinned,) = rules.pinned(surface, [block])
    return [subject for subject, row in zip(subjects, pinned.items, strict=True) if row[0] == LAMP]


def test_a_pin_stands_in_the_lists_that_it_is_for() -> None:
    pin = "- {name: a, pin: {item: lamp, position: 1, surfaces: [again, similar, popular, trending]}"
    rules = rules_of(pin + "}")
    for surface in ("similar", "popular", "trending"):
        rules.for_all(surface)
    assert with_lamp_first(rules, "similar", ["lamp", "milk"]) == ["milk"]
    assert with_lamp_first(rules, "popular", ["7|", "7|Home", "7|Food"]) == ["7|", "7|Home"]
    assert with_lamp_first(rules, "trending", ["", "Lamps", "Food"]) == ["", "Lamps"]
    of_segment = rules_of(pin + ", where: {segments: [old]}}")
    of_segment.for_users("again", USERS)
    assert with_lamp_first(of_segment, "again", ["a", "b", "c"]) == ["b"]


def test_what_a_user_dismissed_or_returned_since_is_not_due_again() -> None:
    """Three users buy milk each week; one dismisses it a day after the last time, one returns it, one does neither."""
    bought = [(user, 2 + 7 * week, {"purchases": 1, "is_positive": True}) for user in USERS for week in range(20)]
    refused = [("a", 1, {"dismissals": 1}), ("b", 1, {"returns": 1}), ("c", 3, {"dismissals": 1})]
    zeros = {"weight": 1.0, "is_positive": False, "is_consumed": True, "purchases": 0, "dismissals": 0, "returns": 0}
    history = frame(
        FCT_INTERACTIONS,
        [
            zeros | facts | {"user_id": user, "item_id": "milk", "event_date": RUN_DATE - timedelta(days=age)}
            for user, age, facts in bought + refused
        ],
    ).sort("user_id", "item_id", "event_date")
    items = frame(DIM_ITEMS, ITEMS)
    data, paths = make_interactions(history, USERS, items["item_id"], RUN_DATE), items["categories"]
    work = SurfaceWork(history, USERS, items, paths, data, rules_of(), RUN_DATE, SurfacesSection())
    lists = {name: [subject for block in blocks for subject in block.subjects] for name, blocks in surface_lists(work)}
    assert lists["again"] == ["c"]
