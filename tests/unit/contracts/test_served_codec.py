"""Served records survive the way through a stream entry, and nothing else passes for them."""

from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reco_contracts.errors import ContractError
from reco_contracts.served_codec import decode_records, encode_record, join_records

_TEXT = st.text(max_size=40)
_RECORD = st.tuples(
    st.integers(0, 2**53),
    _TEXT,
    _TEXT,
    _TEXT,
    _TEXT,
    _TEXT,
    _TEXT,
    st.integers(1, 10**6),
    st.floats(0, 1),
    st.lists(st.integers(0, 2**32 - 1), max_size=60).map(tuple),
)


@settings(deadline=None)
@given(st.lists(_RECORD, max_size=20))
def test_records_come_back_as_they_were(records) -> None:
    found = decode_records(join_records([encode_record(*record) for record in records]))
    shown = [
        (r.served_at_ms, r.request_id, r.user_id, r.surface, r.variant, r.experiment, r.generation, r.first_position,
         r.propensity, r.items)
        for r in found
    ]  # fmt: skip
    assert shown == records


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_other_bytes_are_refused_in_words(value: bytes) -> None:
    with pytest.raises(ContractError, match=f"{len(value)} bytes") if not _is_empty_array(value) else nullcontext():
        decode_records(value)


def _is_empty_array(value: bytes) -> bool:
    return value in (b"\x90", b"\xdc\0\0", b"\xdd\0\0\0\0")


def test_half_an_item_is_refused() -> None:
    packed = encode_record(1, "r", "u", "s", "v", "", "g", 1, 1.0, (1, 2))
    assert packed.endswith(b"\xc4\x08" + bytes([1, 0, 0, 0, 2, 0, 0, 0]))
    with pytest.raises(ContractError, match="part of an item"):
        decode_records(join_records([packed[:-10] + b"\xc4\x03" + bytes(3)]))
