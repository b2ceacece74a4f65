"""Take items down by hand, for the minutes until the rules file says it; and bring them back."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from jobs.publishing.connect_store import open_store
from jobs.rules.live_store import change_live_rules
from jobs.rules.mistakes import did_you_mean
from jobs.rules.taken_down import TakenDown, changing_taken_down
from jobs.warehouse.read_marts import read_items
from reco_contracts.columns import DIM_ITEMS
from reco_contracts.errors import ConfigError
from reco_contracts.live_rules import LiveRules
from reco_contracts.settings import Settings


def take_down(settings: Settings, items: list[str], now: datetime, note: str = "") -> dict[str, Any]:
    """Take items out of all answers, at once and until further notice.

    The data folder is written first: should the store be out of reach, the next push
    and the next ranking know of it.

    Args:
        settings: where the data and the store are.
        items: ids.
        now: UTC.
        note: why.

    Raises:
        ConfigError: an item is not known.
        StoreUnavailableError: the store cannot be reached; the items are noted all the same.
    """
    is_checked = _check_known(settings, items)
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    with changing_taken_down(settings.layout) as by_hand:
        by_hand.update({item_id: TakenDown(at, note) for item_id in items})
    with open_store(settings.redis) as store:
        written = change_live_rules(
            store,
            settings.keys,
            lambda rules: msgspec.structs.replace(rules, taken_down=tuple(sorted({*rules.taken_down, *items}))),
        )
    return {
        "blocked": items,
        "names_checked": is_checked,
        "gone_within_seconds": settings.serving.poll_seconds,
        "lasts": "until the rules file blocks them and is pushed or published, or `reco rules unblock`",
        "to_do": f"block them in {settings.rules_file}, so that the reason is on record",
        "taken_down": list(written.taken_down),
    }


def bring_back(settings: Settings, items: list[str]) -> dict[str, Any]:
    """Let items be shown again that were taken down by hand.

    Args:
        settings: where the data and the store are.
        items: ids.

    Raises:
        ConfigError: one of them was not taken down.
        StoreUnavailableError: the store cannot be reached; nothing has changed.
    """
    with changing_taken_down(settings.layout) as by_hand, open_store(settings.redis) as store:

        def changed(rules: LiveRules) -> LiveRules:
            down = {*rules.taken_down, *by_hand}
            strange = [item_id for item_id in items if item_id not in down]
            if strange:
                there = ", ".join(sorted(down)) or "none"
                raise ConfigError(f"{', '.join(strange)}: not taken down by hand; items that are: {there}")
            return msgspec.structs.replace(rules, taken_down=tuple(sorted(down - set(items))))

        written = change_live_rules(store, settings.keys, changed)
        for item_id in items:
            by_hand.pop(item_id, None)
    return {
        "unblocked": items,
        "still_blocked_by_the_file": sorted(set(items) & {*written.blocked, *written.out_of_stock}),
        "back_in_lists": "with the next ranking that was not told to leave them out",
        "taken_down": list(written.taken_down),
    }


def _check_known(settings: Settings, items: list[str]) -> bool:
    """Refuse ids that no item has; gives whether there was a catalogue to ask."""
    if not settings.layout.export(DIM_ITEMS.name).exists():
        return False
    known = read_items(settings.layout)["item_id"].to_list()
    unknown = sorted(set(items) - set(known))
    if unknown:
        named = "; ".join(f"{item_id!r}{did_you_mean(item_id, known)}" for item_id in unknown)
        raise ConfigError(f"unknown item {named}. Nothing was blocked")
    return True
