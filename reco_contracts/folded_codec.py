"""A list that was folded in after its generation, as a field of `NS:recent:<user>`.

It stands beside what the user did lately, because it is read for the same requests:
in the same round trip, and nothing more for users who have none. The field is the
letter `f` and the surface; no item's field begins so. The value begins like the
others of the hash, little endian without padding:

    u8   version
    u64  when it was made, milliseconds since 1970
    u8   length of the generation's name in UTF-8, and the name
    the packed list, as in `NS:lists`

It holds for its own generation alone, whose indices it has; the next one brings what
was folded in itself.
"""

import struct
from typing import Final, NamedTuple

FOLDED: Final = "f"
FOLDED_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BQB")


class FoldedList(NamedTuple):
    """A list of one user and surface.

    Attributes:
        generation: whose indices it has.
        value: the packed list.
    """

    generation: str
    value: bytes


def folded_field(surface: str) -> str:
    """The field of a surface."""
    return FOLDED + surface


def pack_folded(folded: FoldedList, at_ms: int) -> bytes:
    """The value of a field.

    Args:
        folded: the list.
        at_ms: when it was made, milliseconds since 1970.
    """
    generation = folded.generation.encode()
    return b"".join((_HEAD.pack(FOLDED_VERSION, at_ms, len(generation)), generation, folded.value))


def unpack_folded(value: bytes) -> FoldedList | None:
    """The list of a field; None where it cannot be read."""
    try:
        version, _, length = _HEAD.unpack_from(value)
        generation = value[_HEAD.size : _HEAD.size + length].decode()
    except (struct.error, UnicodeDecodeError):
        return None
    packed = value[_HEAD.size + length :]
    return FoldedList(generation, packed) if version == FOLDED_VERSION and packed else None
