"""Pins keep their places, whatever else is in a list: against a plain list, item by item."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.reranking.draft import Draft, Source
from jobs.rules.apply_pins import put_items
from jobs.rules.list_rules import PinnedItem

K = 6


def plainly(items: list[int], pins: dict[int, int]) -> list[int]:
    """The same with lists of Python."""
    rest = [item for item in items if item not in pins.values()]
    for place, item in sorted(pins.items()):
        rest.insert(place, item)
    return rest[:K]


@given(
    st.lists(st.integers(0, 11), max_size=K, unique=True),
    st.dictionaries(st.integers(0, K + 1), st.integers(0, 11), max_size=4),
)
def test_pins_are_what_inserting_them_one_by_one_gives(items: list[int], pins: dict[int, int]) -> None:
    pins = {place: item for place, item in pins.items() if list(pins.values()).count(item) == 1}
    padded = np.array([items + [-1] * (K - len(items))], dtype=np.int32)
    draft = Draft(["user"], padded, padded.astype(np.float32), np.where(padded >= 0, 1, 0).astype(np.uint8))
    places = sorted(pins)
    pinned = tuple(PinnedItem("pin", pins[place], place, np.ones(1, dtype=bool)) for place in places)
    wanted = np.array([[pins[place] for place in places]], dtype=np.int32)
    done = put_items(draft, wanted, wanted.astype(np.float32), pinned)
    inside = {place: item for place, item in pins.items() if place < K}
    expected = plainly(items, inside)
    assert done.items[0].tolist() == expected + [-1] * (K - len(expected))
    used = done.items[0] >= 0
    assert done.scores[0][used].tolist() == done.items[0][used].tolist()
    is_pinned = np.isin(done.items[0], list(inside.values())) & used
    assert (done.sources[0] == np.where(is_pinned, Source.PINNED, used)).all()
