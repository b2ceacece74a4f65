"""Rules against a catalogue and against each other: what cannot be meant is said, what can be is not."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from jobs.landing.landed_schema import polars_schema
from jobs.rules.check_rules import check_rules, list_lengths, open_book
from jobs.rules.compile_rules import compile_rules
from jobs.rules.mistakes import did_you_mean
from jobs.rules.read_rules import parse_rules
from reco_contracts.columns import DIM_ITEMS, DIM_USERS
from reco_contracts.settings import load_settings
from reco_contracts.surfaces import SURFACES

RUN_DATE = date(2026, 3, 31)
ITEMS = [
    {"item_id": "lamp", "categories": ["Home", "Lamps"], "brand": "Glow", "seller": "One"},
    {"item_id": "lamp-2", "categories": ["Home", "Lamps"], "brand": "Glow", "seller": "Two"},
    {"item_id": "vase", "categories": ["Home"], "brand": "Clay", "seller": "One"},
    {"item_id": "gin", "categories": ["Drinks"], "min_age": 18, "markets": ["SE"]},
]
LENGTHS = dict.fromkeys(SURFACES, 20)
USERS = [
    {"user_id": "a", "market": "SE", "segment": "new", "birth_year": 1990},
    {"user_id": "b", "market": "NO", "segment": "old", "birth_year": None},
]


def frame(table, rows) -> pl.DataFrame:
    return pl.DataFrame([dict.fromkeys(table.column_names) | row for row in rows], schema=polars_schema(table))


def book_of(text: str, taken_down: tuple[str, ...] = ()):
    items = frame(DIM_ITEMS, sorted(ITEMS, key=lambda item: item["item_id"]))
    return open_book(parse_rules(text), taken_down, items, frame(DIM_USERS, USERS), RUN_DATE, load_settings())


def said(text: str, **more) -> list[str]:
    return [
        f"{mistake.line} {mistake.rule}: {mistake.text}" for mistake in check_rules(book_of(text, **more), 1, LENGTHS)
    ]


def test_unknown_names_are_said_with_their_line_and_what_looks_like_them() -> None:
    text = """
- name: a
  block:
    items: [lamp, lmap]
    categories: [Home,
                 lamps]
    brands: [Glo]
    sellers: [Three]
  where: {markets: [DK], segments: [newer]}
"""
    assert sorted(said(text)) == [
        "4 a: unknown item 'lmap' (4 are known); did you mean 'lamp'?",
        "6 a: unknown category 'lamps' (3 are known); did you mean 'Lamps'?",
        "7 a: unknown brand 'Glo' (2 are known); did you mean 'Glow'?",
        "8 a: unknown seller 'Three' (2 are known)",
        "9 a: unknown market 'DK' (2 are known)",
        "9 a: unknown segment 'newer' (2 are known); did you mean 'new'?",
    ]


PINS = "- {{name: a, pin: {{item: lamp, position: 1}}{}}}\n- {{name: b, pin: {{item: {}, position: {}}}{}}}\n"


@pytest.mark.parametrize(
    ("pins", "count"),
    [
        (PINS.format("", "vase", 1, ""), 1),
        (PINS.format("", "lamp", 2, ""), 1),
        (PINS.format("", "vase", 2, ""), 0),
        (PINS.format(", where: {markets: [SE]}", "vase", 1, ", where: {markets: [NO]}"), 0),
        (PINS.format(", where: {markets: [SE]}", "vase", 1, ", where: {segments: [new]}"), 1),
        (PINS.format(", where: {surfaces: [home]}", "vase", 1, ", where: {surfaces: [popular]}"), 0),
        (PINS.format(", until: 2026-04-30", "vase", 1, ", from: 2026-05-01"), 0),
        (PINS.format(", until: 2026-05-01", "vase", 1, ", from: 2026-05-01"), 1),
    ],
)
def test_pins_contradict_each_other_where_a_list_can_meet_both(pins: str, count: int) -> None:
    found = said(pins)
    assert len(found) == count
    assert all(line.startswith("2 b: pins ") and "line 1" in line for line in found)


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("{name: b, block: {brands: [Clay]}}", 1),
        ("{name: b, allow: {categories: [Lamps]}}", 1),
        ("{name: b, out_of_stock: [vase]}", 1),
        ("{name: b, block: {items: [lamp]}}", 0),
        ("{name: b, block: {brands: [Clay]}, where: {markets: [SE]}}", 0),
        ("{name: b, block: {brands: [Clay]}, where: {surfaces: [popular]}}", 0),
        ("{name: b, block: {brands: [Clay]}, until: 2026-01-01}", 1),
        ("{name: b, block: {brands: [Clay]}, from: 2026-02-01, until: 2026-03-01}", 1),
    ],
)
def test_a_pin_of_what_all_its_lists_may_not_show_is_refused(rule: str, count: int) -> None:
    found = said(f"- {{name: a, pin: {{item: vase, position: 1}}}}\n- {rule}\n")
    assert len(found) == count
    assert all(line.startswith("1 a: pins 'vase', which rule 'b'") for line in found)


def test_a_pin_of_what_was_taken_down_is_refused() -> None:
    (found,) = said("- {name: a, pin: {item: vase, position: 1}}", taken_down=("vase",))
    assert "taken down by hand" in found


def test_a_pin_behind_the_end_of_its_lists_is_refused() -> None:
    text = "- name: a\n  pin: {item: vase, position: 20}\n- name: b\n  pin: {item: lamp, position: 21}\n"
    assert said(text) == ["3 b: pins 'lamp' to position 21, and home lists have 20 (surfaces.home.k)"]
    assert said(text + "  until: 2026-03-31\n") == []
    assert list_lengths(load_settings())["again"] == load_settings().surfaces.again.k


def test_a_pin_of_what_is_not_on_sale_waits() -> None:
    gone = {"item_id": "gone", "available_until": datetime(2026, 3, 1, tzinfo=UTC)}
    rules = parse_rules("- {name: a, pin: {item: gone, position: 1}}")
    book = open_book(rules, (), frame(DIM_ITEMS, [*ITEMS, gone]), frame(DIM_USERS, USERS), RUN_DATE, load_settings())
    assert check_rules(book, 1, LENGTHS) == []
    (pin,) = compile_rules(book, "home", pl.Series(["a", "b"])).pins
    assert not pin.audiences.any()


def test_the_rule_that_leaves_too_little_is_named_with_those_whom_it_hits() -> None:
    (found,) = said(
        "- {name: a, block: {brands: [Glow]}}\n- {name: b, block: {brands: [Clay]}, where: {markets: [NO]}}\n"
    )
    assert found == (
        "2 b: block: leaves 0 of 1 items for market NO, segment any other, age 0 or more on home lists; "
        "at least 1 must be left (validate.min_list_length)"
    )


def test_what_only_the_catalogue_forbids_is_no_mistake_of_the_file() -> None:
    """Without gin nothing is left for the lists of everybody either: not by a rule."""
    items = pl.concat([book_of("[]").items.filter(pl.col("item_id") == "gin")])
    book = open_book(parse_rules("[]"), (), items, frame(DIM_USERS, USERS), RUN_DATE, load_settings())
    assert check_rules(book, 1, LENGTHS) == []


def test_boosts_multiply_and_limits_carry_the_codes_of_their_kind() -> None:
    book = book_of(
        """
- {name: a, boost: {categories: [Home], by: 2}}
- {name: b, boost: {brands: [Glow], by: 0.25}, where: {markets: [SE]}}
- {name: c, limit: {by: seller, most: 1, first: 5}}
"""
    )
    rules = compile_rules(book, "home", pl.Series(["a", "b"]))
    names = book.items["item_id"].to_list()
    boosts = {
        user: dict(zip(names, rules.boosts[rules.audiences[row]].tolist(), strict=True))
        for row, user in enumerate("ab")
    }
    assert boosts["a"] == {"gin": 1.0, "lamp": 0.5, "lamp-2": 0.5, "vase": 2.0}
    assert boosts["b"] == {"gin": 1.0, "lamp": 2.0, "lamp-2": 2.0, "vase": 2.0}
    (limit,) = rules.limits
    assert (limit.name, limit.most, limit.first) == ("c", 1, 5)
    assert limit.codes.tolist() == [-1, 0, 1, 0]


def test_the_rules_that_keep_an_item_from_somebody_are_named() -> None:
    book = book_of(
        "- {name: a, block: {brands: [Glow]}, where: {markets: [NO]}}\n- {name: b, out_of_stock: [lamp, gin]}\n"
    )
    rules, names = compile_rules(book, "home", pl.Series(["a", "b"])), book.items["item_id"].to_list()
    found = {
        (user, item): rules.against(int(rules.audiences[row]), names.index(item))
        for row, user in enumerate("ab")
        for item in ("lamp", "gin", "vase")
    }
    assert (found["a", "lamp"], found["b", "lamp"], found["a", "vase"]) == (("b",), ("a", "b"), ())
    assert found["b", "gin"] == ("(age ratings)", "(markets of items)", "b")


def test_users_are_told_apart_only_where_a_rule_or_an_item_does() -> None:
    everybody = pl.Series(["a", "b", "stranger"])
    plain = frame(DIM_ITEMS, ITEMS[:3])
    book = open_book(parse_rules("[]"), (), plain, frame(DIM_USERS, USERS), RUN_DATE, load_settings())
    apart = compile_rules(book, "home", everybody)
    # Of markets that no rule names there is the one that is known, and the one that is not.
    assert apart.audiences.tolist() == [1, 1, 0]
    assert len(set(compile_rules(book_of("[]"), "home", everybody).audiences.tolist())) == 3


def test_names_among_very_many_are_compared_with_the_likely_ones() -> None:
    known = [f"item-{number:06d}" for number in range(30_000)]
    assert did_you_mean("item-00012", known) != ""
    assert did_you_mean("nothing like it", known) == ""
