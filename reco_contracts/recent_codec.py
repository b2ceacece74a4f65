"""What `NS:recent:<user>` holds: a hash with a field for each item, so that writers need not read it first.

Three kinds of fields of items, told apart by their first letter, the item's id behind it:

    b<item_id>  bought or rated
    d<item_id>  dismissed
    s<item_id>  a seed: viewed, clicked, put into the basket, bought or liked

and `f<surface>`, a list that was folded in since (`folded_codec`).

Every value begins with the codec's version (u8) and the event's time in milliseconds
since 1970 (u64), little endian without padding. A seed goes on with

    u8   kind, a code of `Reason`
    u32  the item's index, NO_INDEX where its generation does not have it
    u16  n, neighbours
    u8   length of the generation's name in UTF-8, and the name
    u32 x n  item indices of that generation, most alike first
    u16 x n  their scores, the bits of a float16, as in a packed list

A value that cannot be read is as good as none: the hash is a cache, and goes by itself.
"""

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from reco_contracts.folded_codec import FoldedList, unpack_folded
from reco_contracts.list_codec import PackedHead

RECENT_VERSION: Final = 1
BOUGHT: Final = "b"
DISMISSED: Final = "d"
SEED: Final = "s"
NO_INDEX: Final = 2**32 - 1

_HEAD: Final = struct.Struct("<BQ")
_SEED_HEAD: Final = struct.Struct("<BQBIHB")


class Seed(NamedTuple):
    """An item that a user just had to do with, and what is like it.

    Attributes:
        item_id: its id.
        kind: a code of `Reason`.
        at_ms: milliseconds since 1970.
        item: its index in the generation; NO_INDEX = it is not there.
        generation: whose indices these are.
        neighbours: item indices, most alike first.
        score_codes: of the neighbours, as the bits of a float16.
    """

    item_id: str
    kind: int
    at_ms: int
    item: int
    generation: str
    neighbours: Sequence[int]
    score_codes: Sequence[int]


class Recent(NamedTuple):
    """What a user did lately.

    Attributes:
        bought: ids of items that were bought or rated.
        dismissed: ids of items that were dismissed.
        seeds: what interests the user, in no order; never dismissed.
        folded: surface -> the list that was made of what the user did since the generation was ranked.
    """

    bought: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()
    seeds: tuple[Seed, ...] = ()
    folded: Mapping[str, FoldedList] = MappingProxyType({})

    def folded_list(self, surface: str, generation: str | None) -> bytes | None:
        """The packed list that takes the stored one's place; None = there is none of this generation."""
        found = self.folded.get(surface)
        return found.value if found and found.generation == generation else None

    def hidden(self, *, exclude_seen: bool | None) -> frozenset[str]:
        """Ids of the items that no list of this user shows now.

        Args:
            exclude_seen: None = those that were bought or dismissed, True = all of them, False = the dismissed ones.
        """
        if exclude_seen is None:
            return self.bought | self.dismissed
        return self.bought | self.dismissed | {seed.item_id for seed in self.seeds} if exclude_seen else self.dismissed


NOTHING_RECENT: Final = Recent()


def pack_mark(at_ms: int) -> bytes:
    """The value of a field that only says when."""
    return _HEAD.pack(RECENT_VERSION, at_ms)


def pack_seed(seed: Seed) -> bytes:
    """The value of a seed's field."""
    count, generation = len(seed.neighbours), seed.generation.encode()
    head = _SEED_HEAD.pack(RECENT_VERSION, seed.at_ms, seed.kind, seed.item, count, len(generation))
    return b"".join(
        (head, generation, struct.pack(f"<{count}I", *seed.neighbours), struct.pack(f"<{count}H", *seed.score_codes))
    )


def with_neighbours(seed: Seed, generation: str, item: int, neighbours: PackedHead) -> Seed:
    """The seed with what is like it in a generation."""
    return seed._replace(
        generation=generation, item=item, neighbours=neighbours.items, score_codes=neighbours.score_codes
    )


def unpack_recent(flat: Sequence[bytes]) -> Recent:
    """Read the whole hash.

    Args:
        flat: fields and values in turn, as HGETALL gives them; what cannot be read is left out.
    """
    if not flat:
        return NOTHING_RECENT
    bought: set[str] = set()
    dismissed: set[str] = set()
    seeds: list[Seed] = []
    folded: dict[str, FoldedList] = {}
    for field, value in zip(flat[0::2], flat[1::2], strict=True):
        kind, item_id = field[:1], field[1:].decode(errors="replace")
        if kind == b"s":
            seed = _unpack_seed(item_id, value)
            if seed:
                seeds.append(seed)
        elif kind == b"f":
            if found := unpack_folded(value):
                folded[item_id] = found
        elif value[:1] == _VERSION_BYTE:
            (bought if kind == b"b" else dismissed).add(item_id)
    wanted = tuple(seed for seed in seeds if seed.item_id not in dismissed)
    return Recent(frozenset(bought), frozenset(dismissed), wanted, folded)


def field_time(value: bytes) -> int:
    """When the event of a field was, in milliseconds since 1970; 0 where the value cannot be read."""
    return _HEAD.unpack_from(value)[1] if len(value) >= _HEAD.size and value[:1] == _VERSION_BYTE else 0


def _unpack_seed(item_id: str, value: bytes) -> Seed | None:
    try:
        version, at_ms, kind, index, count, length = _SEED_HEAD.unpack_from(value)
        at = _SEED_HEAD.size + length
        if version != RECENT_VERSION or len(value) != at + 6 * count:
            return None
        generation = value[_SEED_HEAD.size : at].decode()
        neighbours = struct.unpack_from(f"<{count}I", value, at)
        codes = struct.unpack_from(f"<{count}H", value, at + 4 * count)
    except (struct.error, UnicodeDecodeError):
        return None
    return Seed(item_id, kind, at_ms, index, generation, neighbours, codes)


_VERSION_BYTE: Final = bytes([RECENT_VERSION])
