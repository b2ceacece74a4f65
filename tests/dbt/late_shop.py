"""Twenty days of a shop whose files come late, in any order, with copies, and of which some are taken back."""

import random
from datetime import date, timedelta
from typing import Any

import msgspec
from hand_made_shop import event

from jobs.landing.ledger import landing_lock, read_entry, write_entry
from reco_contracts.artifacts import Layout

FIRST_DAY = date(2024, 3, 1)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(20)]
LONELY_DAY = FIRST_DAY - timedelta(days=30)
DUPLICATE_SHARE, LATE_SHARE, MOVED_SHARE = 0.05, 0.03, 0.03
_TYPES = ("impression", "view", "view", "click", "add_to_cart", "purchase", "return", "rating", "dismiss")
_OF_REQUESTS = ("impression", "click", "add_to_cart", "purchase")
_VALUED = {"purchase": 1.0, "return": 1.0, "rating": 4.0}


def day_files(seed: int = 7) -> dict[str, list[dict[str, Any]]]:
    """File name -> rows: one file a day, and one of a day that no other file has.

    Some rows of a day come with a later file, some come twice, and some come
    again with the same id of the source on another day.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable draw
    files: dict[str, list[dict[str, Any]]] = {f"day{day:%m%d}": [] for day in DAYS}
    names = list(files)
    for number, day in enumerate(DAYS):
        for line in range(60):
            row = _row(rng, f"{day:%m%d}-{line}", day)
            is_late = rng.random() < LATE_SHARE
            files[rng.choice(names[number:]) if is_late else names[number]].append(row)
            if rng.random() < DUPLICATE_SHARE:
                files[rng.choice(names[number:])].append(row)
            if rng.random() < MOVED_SHARE:
                files[rng.choice(names)].append(row | {"occurred_at": _on(rng.choice(DAYS), row)})
    files["lonely"] = [_row(rng, f"lonely-{line}", LONELY_DAY) for line in range(5)]
    return files


def take_back(layout: Layout, name: str) -> None:
    """Mark a file in the ledger: its rows no longer count."""
    entry = read_entry(layout, name)
    assert entry is not None
    with landing_lock(layout):
        write_entry(layout, msgspec.structs.replace(entry, state="unlanded"))


def _row(rng: random.Random, event_id: str, day: date) -> dict[str, Any]:
    """Few requests and items, mostly around midnight: answers to lists and sessions often cross it."""
    event_type, request, minute = rng.choice(_TYPES), rng.randrange(10), rng.randrange(60)
    hour = rng.choice((0, 0, 23, 23, rng.randrange(24)))
    shown = {"request_id": f"r{request}", "surface": "home", "position": 1, "experiment": "colour",
             "variant": "blue" if request % 2 else "red"}  # fmt: skip
    row = event(event_id, f"u{request}", f"i{rng.randrange(4)}", event_type, day, hour, _VALUED.get(event_type),
                **(shown if event_type in _OF_REQUESTS else {}))  # fmt: skip
    return row | {"occurred_at": row["occurred_at"].replace(minute=minute)}


def _on(day: date, row: dict[str, Any]) -> Any:
    return row["occurred_at"].replace(year=day.year, month=day.month, day=day.day)
