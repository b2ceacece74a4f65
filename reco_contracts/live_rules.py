"""Rules that cannot wait for the next lists: what the API leaves out and puts in while it answers.

One string key holds them as JSON. The version stands first and follows from the
rest, so that a reader learns from a few bytes whether anything changed.
"""

from hashlib import sha256
from typing import Final

import msgspec

from reco_contracts.errors import ContractError

# So many bytes of the value hold its version: {"version":"<16 hex digits>"
VERSION_BYTES: Final = 29
_VERSION_DIGITS: Final = 16


class LivePin(msgspec.Struct, frozen=True, kw_only=True):
    """An item at a fixed place of every list of a surface.

    Attributes:
        surface: where.
        item_id: what.
        position: 1-based.
    """

    surface: str
    item_id: str
    position: int


class LiveRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules for everybody, whatever lists are live.

    Attributes:
        version: digest of all else.
        checksum: of the rules file that they come from; "" = there was none.
        pushed_at: ISO time, UTC.
        blocked: ids of items that the file blocks.
        out_of_stock: ids of items that the file says are sold out.
        taken_down: ids of items that somebody took down by hand; no push takes them out while the file lacks them.
        pins: those that the live generation's lists do not have yet.
    """

    version: str = ""
    checksum: str = ""
    pushed_at: str = ""
    blocked: tuple[str, ...] = ()
    out_of_stock: tuple[str, ...] = ()
    taken_down: tuple[str, ...] = ()
    pins: tuple[LivePin, ...] = ()

    @property
    def hidden(self) -> frozenset[str]:
        """Ids of all items that no list shows."""
        return frozenset((*self.blocked, *self.out_of_stock, *self.taken_down))


def encode_live_rules(rules: LiveRules) -> bytes:
    """JSON with the version of this content in front.

    Args:
        rules: their version is made anew.
    """
    digest = sha256(msgspec.json.encode(msgspec.structs.replace(rules, version=""))).hexdigest()[:_VERSION_DIGITS]
    return msgspec.json.encode(msgspec.structs.replace(rules, version=digest))


def decode_live_rules(value: bytes) -> LiveRules:
    """Read `NS:rules`.

    Raises:
        ContractError: the bytes are not such rules, or their version is not that of the content.
    """
    try:
        rules = msgspec.json.decode(value, type=LiveRules)
    except msgspec.DecodeError as error:
        raise ContractError(f"live rules: {error}; write them again with `reco rules push`") from error
    expected = encode_live_rules(rules)[:VERSION_BYTES]
    if value[:VERSION_BYTES] != expected:
        raise ContractError(
            f"live rules: {expected.decode()} expected first, got {value[:VERSION_BYTES]!r}; "
            "write them again with `reco rules push`"
        )
    return rules
