"""Contributors with the names of things: titles, what the user did with an item and when, shares of the score."""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec
import numpy as np
import polars as pl

from jobs.explaining.user_lists import UserLists
from jobs.models.base import Contributors, Signal

# How a signal without an item of the user's reads.
_SAID: Final = {
    Signal.PEOPLE: "people who choose alike",
    Signal.POPULARITY: "popular with everybody",
    Signal.SEGMENT: "popular in the segment",
    Signal.OTHER: "other features of user and item",
    Signal.BASE: "what every candidate gets",
}
_COUNTED: Final = (
    ("purchases", "bought"),
    ("returns", "returned"),
    ("add_to_carts", "put into the cart"),
    ("clicks", "clicked"),
    ("views", "viewed"),
    ("dismissals", "dismissed"),
)


class Deed(msgspec.Struct, frozen=True):
    """What a user did with an item.

    Attributes:
        text: in words.
        last: the day of the last event.
    """

    text: str
    last: date


class NamedContributor(msgspec.Struct, frozen=True):
    """A summand of a score, with names.

    Attributes:
        signal: name in lower case, base.Signal.
        what: the title of the user's own item, or how the signal reads.
        item_id: of the own item.
        did: what the user did with it.
        last: when, the last time.
        contribution: on the scale of the score.
        share: of the score; None where the score is not positive.
    """

    signal: str
    what: str
    item_id: str | None
    did: str | None
    last: date | None
    contribution: float
    share: float | None


def tell_contributors(
    lists: UserLists, parts: Contributors, at: int, score: float, done: Mapping[str, Deed]
) -> list[NamedContributor]:
    """Name the contributors of one item.

    Args:
        lists: the user's.
        parts: of shape (k, m), seeds as indices of the generation.
        at: row of the parts.
        score: that they sum to, or whose share they are.
        done: what the user did, by item id.
    """
    told = []
    for place in np.flatnonzero(parts.signals[at] != Signal.NONE):
        signal, seed = Signal(parts.signals[at, place]), int(parts.seeds[at, place])
        contribution = float(parts.contributions[at, place])
        item_id, what = _name(lists, signal, seed)
        deed = done.get(item_id) if item_id else None
        told.append(
            NamedContributor(
                signal=signal.name.lower(),
                what=what,
                item_id=item_id,
                did=deed.text if deed else None,
                last=deed.last if deed else None,
                contribution=contribution,
                share=contribution / score if score > 0 else None,
            )
        )
    return told


def deeds(history: pl.DataFrame) -> dict[str, Deed]:
    """What a user did with each item, in words.

    Args:
        history: rows of fct_interactions of one user.
    """
    counts = [pl.col(name).sum() for name, _ in _COUNTED]
    rated = pl.col("rating").drop_nulls().last()
    rows = history.sort("event_date").group_by("item_id").agg(*counts, rated, pl.col("event_date").max())
    return {row["item_id"]: Deed(_in_words(row), row["event_date"]) for row in rows.iter_rows(named=True)}


def _in_words(row: dict[str, float | None]) -> str:
    words = [f"rated {row['rating']:g}"] if row["rating"] is not None else []
    for name, verb in _COUNTED:
        count = int(row[name] or 0)
        if count:
            words.append(verb if count == 1 else f"{verb} {count} times")
    return ", ".join(words)


def _name(lists: UserLists, signal: Signal, seed: int) -> tuple[str | None, str]:
    if seed < 0:
        return None, _SAID.get(signal, "an item that left the catalogue")
    return lists.catalogue["item_id"][seed], title_of(lists, seed)


def title_of(lists: UserLists, item: int) -> str:
    """An item's title, or its id where it has none.

    Args:
        lists: of a generation.
        item: its index there.
    """
    return str(lists.catalogue["title"][item] or lists.catalogue["item_id"][item])
