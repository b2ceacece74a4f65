"""Hold rules against the catalogue and against each other: what can only be seen with the data at hand."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations

import polars as pl

from jobs.evaluation.ranking_task import available_on
from jobs.rules.compile_rules import OF_CATALOGUE, RuleBook
from jobs.rules.list_audiences import Audience, audiences_of
from jobs.rules.mistakes import Mistake, did_you_mean, raise_mistakes
from jobs.rules.read_rules import read_rules
from jobs.rules.rule_set import Allow, AtMost, Block, Fresh, OutOfStock, Pin, Rule, RuleSet, Word
from jobs.rules.select_items import ages_in_days, selected
from jobs.rules.taken_down import read_taken_down
from reco_contracts.settings import Settings
from reco_contracts.surfaces import HOME, SURFACES


def load_rules(settings: Settings, items: pl.DataFrame, people: pl.DataFrame, run_date: date) -> RuleBook:
    """Read the rules and refuse them if anything is wrong; what was taken down by hand counts with them.

    Args:
        settings: [rules], validate.min_list_length and paths.
        items: dim_items; row number = item index.
        people: dim_users.
        run_date: the last day of the data.

    Raises:
        ConfigError: names every mistake with its line.
    """
    rules = read_rules(settings.rules_file)
    book = open_book(rules, tuple(read_taken_down(settings.layout)), items, people, run_date, settings)
    raise_mistakes(rules.file, check_rules(book, settings.validate_.min_list_length, list_lengths(settings)))
    return book


def open_book(
    rules: RuleSet,
    taken_down: tuple[str, ...],
    items: pl.DataFrame,
    people: pl.DataFrame,
    run_date: date,
    settings: Settings,
) -> RuleBook:
    """Rules beside a catalogue, as it is at the end of a run date.

    Args:
        rules: of a file.
        taken_down: ids.
        items: dim_items; row number = item index.
        people: dim_users.
        run_date: the last day of the data.
        settings: [rules].
    """
    with_hand = RuleSet(rules.file, rules.text, rules.checksum, rules.rules, taken_down)
    return RuleBook(with_hand, items, people, available_on(items, run_date), run_date, settings.rules.unknown_age)


def list_lengths(settings: Settings) -> dict[str, int]:
    """Items that the lists of each surface hold at most."""
    return {surface: getattr(settings.surfaces, surface).k for surface in SURFACES}


def check_rules(book: RuleBook, min_list_length: int, lengths: Mapping[str, int]) -> list[Mistake]:
    """Everything that is wrong with rules for this catalogue and these people.

    Args:
        book: rules, catalogue and people.
        min_list_length: items that must be left for everybody who has them without the rules.
        lengths: items that the lists of each surface hold at most.
    """
    rules = book.rules.rules
    return [
        *_unknown_names(rules, book.items, book.people),
        *_contradictory_pins(rules),
        *_forbidden_pins(rules, book),
        *_idle_pins(book, lengths),
        *_too_little_left(book, min_list_length),
    ]


def _unknown_names(rules: Sequence[Rule], items: pl.DataFrame, people: pl.DataFrame) -> Iterator[Mistake]:
    known: dict[str, list[str]] = {
        "item": items["item_id"].to_list(),
        "category": _names(items["categories"].explode()),
        "brand": _names(items["brand"]),
        "seller": _names(items["seller"]),
        "market": _names(pl.concat([items["markets"].explode(), people["market"]])),
        "segment": _names(people["segment"]),
    }
    sets = {kind: set(names) for kind, names in known.items()}
    for rule in rules:
        for kind, words in _named(rule):
            for word in words:
                if word.text not in sets[kind]:
                    there = f"{len(known[kind]):,} are known" if known[kind] else "none is known"
                    text = f"unknown {kind} {word.text!r} ({there}){did_you_mean(word.text, known[kind])}"
                    yield Mistake(word.line, rule.name, text)


def _named(rule: Rule) -> Iterator[tuple[str, tuple[Word, ...]]]:
    yield from (("market", rule.where.markets), ("segment", rule.where.segments))
    if isinstance(rule.action, Pin):
        yield "item", (rule.action.item,)
    elif not isinstance(rule.action, AtMost):
        yield from zip(("item", "category", "brand", "seller"), rule.action.what, strict=True)


def _names(values: pl.Series) -> list[str]:
    return values.drop_nulls().unique().sort().to_list()


def _contradictory_pins(rules: Sequence[Rule]) -> Iterator[Mistake]:
    """Two items on one place, or one item on two, where some list is meant by both on some day."""
    pins = [(rule, rule.action) for rule in rules if isinstance(rule.action, Pin)]
    for (first, one), (second, other) in combinations(pins, 2):
        if not (first.where.meets(second.where) and first.is_in_force_with(second)):
            continue
        if one.item.text == other.item.text:
            yield Mistake(
                second.line,
                second.name,
                f"pins {other.item.text!r} to position {other.position}, and rule {first.name!r} on line {first.line} "
                f"pins it to position {one.position} for some of the same lists; once is possible",
            )
        elif one.position == other.position:
            yield Mistake(
                second.line,
                second.name,
                f"pins {other.item.text!r} to position {other.position}, where rule {first.name!r} on line "
                f"{first.line} pins {one.item.text!r} for some of the same lists; one position, one item",
            )


def _forbidden_pins(rules: Sequence[Rule], book: RuleBook) -> Iterator[Mistake]:
    """Pins of what another rule takes away from all who are to see it."""
    items = {word: row for row, word in enumerate(book.items["item_id"])}
    pins = [(rule, rule.action) for rule in rules if isinstance(rule.action, Pin)]
    for rule, pin in pins:
        row = items.get(pin.item.text)
        if row is None:
            continue
        if pin.item.text in book.rules.taken_down:
            text = f"pins {pin.item.text!r}, which was taken down by hand; `reco rules unblock` brings it back"
            yield Mistake(rule.line, rule.name, text)
        item = book.items[row : row + 1]
        for other in rules:
            if other.where.covers(rule.where) and other.is_in_force_with(rule) and _takes_away(other, item, book):
                text = f"pins {pin.item.text!r}, which rule {other.name!r} ({other.kind}) on line {other.line} forbids"
                yield Mistake(rule.line, rule.name, text)


def _idle_pins(book: RuleBook, lengths: Mapping[str, int]) -> Iterator[Mistake]:
    """Pins behind the end of their lists; those whose days are over are left alone, as other rules are.

    A pin of an item that is not on sale is none: items come and go by themselves, and a file that
    nobody touched must not stop a day's run.
    """
    for rule in book.rules.rules:
        if not isinstance(rule.action, Pin) or (rule.until is not None and rule.until < book.shown_on):
            continue
        pin = rule.action
        for surface in rule.where.surfaces:
            if pin.position > lengths[surface]:
                text = (
                    f"pins {pin.item.text!r} to position {pin.position}, and {surface} lists have {lengths[surface]} "
                    f"(surfaces.{surface}.k)"
                )
                yield Mistake(rule.line, rule.name, text)


def _takes_away(rule: Rule, item: pl.DataFrame, book: RuleBook) -> bool:
    """Whether a rule keeps one item from everybody whom it addresses."""
    match rule.action:
        case Block(what) | OutOfStock(what):
            return bool(selected(what, item)[0])
        case Allow(what):
            return not selected(what, item)[0]
        case Fresh(what, days):
            return bool(selected(what, item)[0] and ages_in_days(item, book.run_date)[0] > days)
    return False


def _too_little_left(book: RuleBook, least: int) -> Iterator[Mistake]:
    """The rule with which, after those above it, too few items are left for somebody."""
    lines = {rule.name: rule.line for rule in book.in_force}
    users, _ = audiences_of(book.people["user_id"], book.people, book.apart, book.shown_on)
    everybody = Audience(age=book.apart.unknown_age)
    # Without a rule for certain surfaces they are all alike.
    surfaces = tuple(SURFACES) if any(rule.where.surfaces for rule in book.in_force) else (HOME,)
    told: set[str] = set()
    for surface in surfaces:
        for audience in dict.fromkeys([*users, everybody]):
            left = book.is_available
            for name, kind, removed in book.removals(surface, audience):
                before, left = int(left.sum()), left & ~removed
                after = int(left.sum())
                if name in OF_CATALOGUE or after >= least or before < least:
                    continue
                if name not in told:
                    told.add(name)
                    yield Mistake(
                        lines.get(name, 0),
                        name,
                        f"{kind}: leaves {after} of {before} items for {audience} on {surface} lists; "
                        f"at least {least} must be left (validate.min_list_length)",
                    )
                break
