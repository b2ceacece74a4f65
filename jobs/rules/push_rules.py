"""Bring the rules that cannot wait to the API, ahead of the next lists.

Blocks and sold-out items of rules without a `where`, and pins that do not ask who
the user is, of items that everybody may see. The rest of the file asks for things
that only ranking can do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from jobs.publishing.connect_store import Store, open_store
from jobs.publishing.generation_store import read_pointer
from jobs.rules.check_rules import load_rules
from jobs.rules.compile_rules import RuleBook, allowed_to_all
from jobs.rules.generation_rules import rules_of_generation
from jobs.rules.live_store import change_live_rules
from jobs.rules.rule_set import Block, OutOfStock, Pin, Rule
from jobs.rules.select_items import selected
from jobs.rules.taken_down import TakenDown, changing_taken_down
from jobs.warehouse.read_marts import last_interaction_date, read_items, read_users
from reco_contracts.live_rules import LivePin, LiveRules
from reco_contracts.manifests import GenerationManifest
from reco_contracts.settings import Settings


def run(settings: Settings, now: datetime) -> dict[str, Any]:
    """Check the file and write what cannot wait to the store.

    Args:
        settings: where the file, the data and the store are.
        now: UTC; live rules go by the calendar.

    Raises:
        ConfigError: the file is wrong; the store is left as it is.
        EmptyPartitionError: there is a file, and no exported marts to hold it against.
        StoreUnavailableError: the store cannot be reached.
    """
    rules = file_rules(settings, now)
    with open_store(settings.redis) as store:
        live = read_pointer(store, settings.keys).live
        return push(store, settings, rules, live)


def file_rules(settings: Settings, now: datetime) -> LiveRules:
    """What the file asks for at read time, with all pins that everybody may see; nothing is written.

    Args:
        settings: where the file and the data are.
        now: UTC.

    Raises:
        ConfigError: the file is wrong.
        EmptyPartitionError: there is a file, and no exported marts to hold it against.
    """
    pushed_at = now.astimezone(UTC).isoformat(timespec="seconds")
    if not settings.rules_file.exists():
        return LiveRules(pushed_at=pushed_at)
    layout = settings.layout
    items = read_items(layout)
    book = load_rules(settings, items, read_users(layout), last_interaction_date(layout))
    return live_rules(book, now.date(), pushed_at)


def live_rules(book: RuleBook, day: date, pushed_at: str = "") -> LiveRules:
    """The part of the rules that holds at read time.

    A pin of an item that somebody may not see is left to the lists, which know who reads them.

    Args:
        book: checked rules beside the catalogue and the people.
        day: on which they hold.
        pushed_at: ISO time.
    """
    rules, items = book.rules, book.items
    today = replace(book, run_date=day - timedelta(days=1))
    here = [rule for rule in rules.rules if rule.is_in_force(day) and rule.where.is_for_everybody]
    plain = [rule for rule in here if not rule.where.surfaces]
    return LiveRules(
        checksum=rules.checksum,
        pushed_at=pushed_at,
        blocked=_ids(items, [rule for rule in plain if isinstance(rule.action, Block)]),
        out_of_stock=_ids(items, [rule for rule in plain if isinstance(rule.action, OutOfStock)]),
        pins=tuple(pin for pin in _live_pins(here) if allowed_to_all(today, pin.surface, pin.item_id)),
    )


def push(store: Store, settings: Settings, rules: LiveRules, live: GenerationManifest | None) -> dict[str, Any]:
    """Write rules to the store, beside what was taken down by hand.

    An item that was taken down stays down until the file blocks it for everybody, or
    `reco rules unblock`; pins that the live lists have are left to them, because only
    they know who may not see an item again.

    Args:
        store: the connected store.
        settings: the namespace and the data folder.
        rules: of the file.
        live: the generation that they will stand beside.
    """
    made = _pins_of(settings, live)
    wanted = msgspec.structs.replace(rules, pins=tuple(pin for pin in rules.pins if pin not in made))
    covered = {*rules.blocked, *rules.out_of_stock}
    with changing_taken_down(settings.layout) as by_hand:

        def changed(there: LiveRules) -> LiveRules:
            return msgspec.structs.replace(wanted, taken_down=tuple(sorted({*by_hand, *there.taken_down} - covered)))

        written = change_live_rules(store, settings.keys, changed)
        taken_over = sorted(covered & set(by_hand))
        for item_id in taken_over:
            del by_hand[item_id]
        for item_id in written.taken_down:
            by_hand.setdefault(item_id, TakenDown(rules.pushed_at, "found in the store"))
    return describe_live(written) | {"now_in_the_file": taken_over}


def describe_live(rules: LiveRules) -> dict[str, Any]:
    """What holds at read time, for a summary."""
    return {
        "version": rules.version,
        "pushed_at": rules.pushed_at or None,
        "blocked": len(rules.blocked),
        "out_of_stock": len(rules.out_of_stock),
        "taken_down": list(rules.taken_down),
        "pins": [f"{pin.surface} {pin.position}: {pin.item_id}" for pin in rules.pins],
    }


def _ids(items: pl.DataFrame, rules: list[Rule]) -> tuple[str, ...]:
    """Ids of the items that any of some rules selects, sorted."""
    found = np.zeros(len(items), dtype=bool)
    for rule in rules:
        if isinstance(rule.action, Block | OutOfStock):
            found |= selected(rule.action.what, items)
    return tuple(items["item_id"].filter(pl.Series(found)).sort())


def _live_pins(rules: Iterable[Rule]) -> Iterator[LivePin]:
    for rule in rules:
        if isinstance(rule.action, Pin):
            for surface in rule.where.surfaces:
                yield LivePin(surface=surface, item_id=rule.action.item.text, position=rule.action.position)


def _pins_of(settings: Settings, live: GenerationManifest | None) -> set[LivePin]:
    """The pins for everybody that a generation was ranked with."""
    if live is None:
        return set()
    shown_on = date.fromisoformat(live.run_date) + timedelta(days=1)
    rules = rules_of_generation(settings.layout, live.generation).rules
    return set(_live_pins(rule for rule in rules if rule.is_in_force(shown_on) and rule.where.is_for_everybody))
