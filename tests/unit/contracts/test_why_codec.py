"""Packed contributors: what speaks for an item comes out again, in little room, and damage is always told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.errors import ContractError
from reco_contracts.signals import Signal
from reco_contracts.why_codec import HEAD, NAMED, pack_why, packed_size, unpack_why

_PART = st.tuples(
    st.sampled_from(list(Signal)),
    st.integers(-1, 2**31 - 1),  # seed
    st.floats(-2, 3, width=32),  # share
)
_ITEM = st.lists(_PART, max_size=NAMED)
_LISTS = st.lists(st.lists(_ITEM, max_size=HEAD), max_size=5)


def pack(lists: list[list[list[tuple[int, int, float]]]]) -> list[bytes]:
    """Pack lists of items of (signal, seed, share)."""
    shape = (len(lists), max(map(len, lists), default=0), NAMED)
    signals, seeds = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
    shares = np.zeros(shape, np.float32)
    for row, items in enumerate(lists):
        for at, parts in enumerate(items):
            for place, part in enumerate(parts):
                signals[row, at, place], seeds[row, at, place], shares[row, at, place] = part
    return pack_why(signals, seeds, shares, np.array([len(items) for items in lists], dtype=np.int64))


@given(_LISTS)
def test_what_speaks_for_an_item_comes_out_again(lists: list[list[list[tuple[int, int, float]]]]) -> None:
    packed = pack(lists)
    assert len(packed) == len(lists)
    for items, value in zip(lists, packed, strict=True):
        found = unpack_why(value)
        assert len(found) == len(items)
        assert len(value) <= packed_size(len(items), NAMED)
        for parts, contributors in zip(items, found, strict=True):
            kept = [part for part in parts if part[0] != Signal.NONE and round(part[2] * 200) > 0]
            assert [(one.signal, one.seed) for one in contributors] == [part[:2] for part in kept]
            assert [one.share for one in contributors] == pytest.approx(
                [min(part[2], 1.275) for part in kept], abs=0.0026
            )


def test_a_users_item_is_named_once_whatever_it_speaks_for() -> None:
    often = [[(Signal.OWN_ITEM, 7, 0.5), (Signal.OWN_ITEM, 8, 0.25)]] * HEAD
    (value,) = pack([often])
    assert len(value) == 4 + 2 * 5 + 2 * HEAD * NAMED


@given(_LISTS, st.data())
def test_damage_is_told(lists: list[list[list[tuple[int, int, float]]]], data: st.DataObject) -> None:
    for value in pack(lists):
        length = data.draw(st.integers(0, len(value) - 1))
        with pytest.raises(ContractError):
            unpack_why(value[:length])


def test_another_version_and_an_unknown_entry_are_refused() -> None:
    (value,) = pack([[[(Signal.PEOPLE, 3, 0.5)]]])
    with pytest.raises(ContractError, match="version 1 expected"):
        unpack_why(b"\x02" + value[1:])
    with pytest.raises(ContractError, match="not known"):
        unpack_why(value[:4] + b"\x63" + value[5:])
    with pytest.raises(ContractError, match="not known"):
        unpack_why(value[:9] + b"\x05" + value[10:])


def test_arrays_of_several_shapes_are_refused() -> None:
    three = np.zeros((2, 3, 3), np.uint8)
    with pytest.raises(ContractError, match="one shape"):
        pack_why(three, np.zeros((2, 3, 2), np.int32), np.zeros((2, 3, 3), np.float32), np.zeros(2, np.int64))
