"""Served records in a stream entry: packed one by one as they are served, joined when they are sent.

The joined value is one MessagePack array. Items are the indices of the record's
generation as little-endian uint32, so that neither side builds an object an item
before it is needed.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from reco_contracts.errors import ContractError

_encode = msgspec.msgpack.encode
_ARRAY_OF_UP_TO_2_32 = b"\xdd"
_ITEM_BYTES = 4


class ServedRecord(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One list that one answer showed.

    Attributes:
        served_at_ms: when; milliseconds since 1970, UTC.
        request_id: of the answer; the lists of one page share it.
        user_id: to whom.
        surface: where.
        variant: of the list.
        experiment: empty = none.
        generation: whose indices the items are.
        first_position: of the first item, 1-based.
        propensity: the chance that this list was chosen.
        packed_items: indices in order, little-endian uint32.
    """

    served_at_ms: int
    request_id: str
    user_id: str
    surface: str
    variant: str
    experiment: str
    generation: str
    first_position: int
    propensity: float
    packed_items: bytes

    @property
    def items(self) -> tuple[int, ...]:
        """Indices of the generation, in order."""
        return _packer(len(self.packed_items) // _ITEM_BYTES).unpack(self.packed_items)


_decoder = msgspec.msgpack.Decoder(list[ServedRecord])


def encode_record(
    served_at_ms: int,
    request_id: str,
    user_id: str,
    surface: str,
    variant: str,
    experiment: str,
    generation: str,
    first_position: int,
    propensity: float,
    items: Sequence[int],
) -> bytes:
    """One record, to be joined with others; the arguments are those of `ServedRecord`, the items not packed.

    It is on the way of every request, so no object is made of them.
    """
    packed = _packer(len(items)).pack(*items)
    return _encode(
        (
            served_at_ms,
            request_id,
            user_id,
            surface,
            variant,
            experiment,
            generation,
            first_position,
            propensity,
            packed,
        )
    )


def join_records(encoded: Sequence[bytes]) -> bytes:
    """Encoded records as the value of one stream entry."""
    return b"".join((_ARRAY_OF_UP_TO_2_32, len(encoded).to_bytes(4, "big"), *encoded))


def decode_records(value: bytes) -> list[ServedRecord]:
    """The records of one stream entry.

    Raises:
        ContractError: it is none of this version.
    """
    try:
        records = _decoder.decode(value)
    except msgspec.DecodeError as error:
        raise ContractError(f"a stream entry of {len(value)} bytes holds no served records: {error}") from error
    if any(len(record.packed_items) % _ITEM_BYTES for record in records):
        raise ContractError(f"a stream entry of {len(value)} bytes holds a served record with a part of an item")
    return records


@lru_cache(maxsize=1_024)
def _packer(items: int) -> struct.Struct:
    return struct.Struct(f"<{items}I")
