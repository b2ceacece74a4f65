"""Pages of a list: cursors, and the generation that all pages of one cursor are from.

A cursor is opaque to clients. It names the generation and the variant of the first
page and what the pages so far have shown: as a number where they were the head of the
stored list, which most are, else item by item. So no item comes twice, whatever rules,
exclusions and recent events do to the list in between, and a swap changes nothing.

Layout, base64url without padding: u32 check, u8 flags, u16 items of the stored list's
head, u8 length and UTF-8 of the generation, the same of the variant, u32 x n item
indices. The check covers the rest and what the list is of, so that a cursor of another
list, or a mistyped one, is told from a good one; it is no secret.
"""

import asyncio
import struct
from binascii import Error, a2b_base64, b2a_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import mmh3

from reco_contracts.surfaces import DEFAULT_VARIANT
from serving_api.catalogue import MAX_SHOWN
from serving_api.generation import Generation
from serving_api.parameters import BadRequestError

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_HEAD: Final = struct.Struct("<IBH")
_CHECKED_FROM: Final = 4
_IS_OWN: Final = 1
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_MAX_TEXT: Final = 12_000
# Another process may know a new generation for a moment longer than this one.
_WAITS: Final = 24
_WAIT_SECONDS: Final = 0.05


class Page(NamedTuple):
    """Which part of a list is asked for.

    Attributes:
        generation: that all pages are from.
        of: what the list is of: its surface and what narrows it.
        skip: items at the head of the stored list that were shown.
        shown: other item indices that were shown.
        is_own: whether items of a stored list were shown.
        variant: that all pages are from.
    """

    generation: Generation
    of: bytes
    skip: int = 0
    shown: tuple[int, ...] = ()
    is_own: bool = False
    variant: str = DEFAULT_VARIANT

    @property
    def is_first(self) -> bool:
        """Whether nothing was shown before."""
        return not (self.skip or self.shown)

    @property
    def first_rank(self) -> int:
        """The rank of this page's first item."""
        return 1 + self.skip + len(self.shown)

    def next_plain(self, count: int) -> bytes:
        """The cursor after `count` more items of the stored list's head, as JSON."""
        name = self.generation.name or ""
        return _plain(name, self.variant, self.of, self.skip + count)

    def next_listed(self, items: tuple[int, ...], *, is_own: bool, skip: int = 0) -> bytes:
        """The cursor after these items, with all that were shown so far, as JSON.

        Args:
            items: indices of all that this and the former pages show, in any order.
            is_own: whether some of them come from a stored list.
            skip: items of the stored list's head that were shown and are not named, for it cannot be read.
        """
        return _encode(self.generation.name or "", self.variant, self.of, skip, items, is_own=is_own)


async def find_page(api: "LookupApi", text: str | None, of: bytes) -> Page:
    """The page that a request asks for.

    Args:
        api: the process's state.
        text: the cursor; None = the first page.
        of: what the list is of.

    Raises:
        BadRequestError: it is no cursor of this list, or its generation is gone (410).
    """
    if text is None:
        return Page(api.live.generation, of)
    name, variant, skip, shown, is_own = _decode(text, of)
    for _ in range(_WAITS):
        generation = api.live.known(name)
        if generation:
            return Page(generation, of, skip, shown, is_own, variant)
        if name <= (api.live.generation.name or ""):
            break
        await asyncio.sleep(_WAIT_SECONDS)
    raise expired()


def expired() -> BadRequestError:
    """What is said of a cursor whose lists are no longer there."""
    message = "the lists that this cursor was made for are gone; ask again without it"
    return BadRequestError("cursor_expired", message, "cursor", status=410)


@lru_cache(maxsize=4_096)
def _plain(name: str, variant: str, of: bytes, skip: int) -> bytes:
    """Most answers end like this: few texts, each made once."""
    return _encode(name, variant, of, skip, (), is_own=True)


def _encode(name: str, variant: str, of: bytes, skip: int, shown: tuple[int, ...], *, is_own: bool) -> bytes:
    tail = b"".join((_text(name), _text(variant), struct.pack(f"<{len(shown)}I", *shown)))
    raw = _HEAD.pack(0, _IS_OWN if is_own else 0, skip) + tail
    raw = _check(raw, of) + raw[_CHECKED_FROM:]
    return b'"%b"' % b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def _decode(text: str, of: bytes) -> tuple[str, str, int, tuple[int, ...], bool]:
    wrong = BadRequestError("invalid_cursor", "this is no cursor of this list; send one as it was given", "cursor")
    if len(text) > _MAX_TEXT or not text.isascii():
        raise wrong
    try:
        encoded = text.encode().translate(_FROM_URL)
        raw = a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)
        _, flags, skip = _HEAD.unpack_from(raw)
        if raw[:_CHECKED_FROM] != _check(raw, of):
            raise wrong
        name, at = _read_text(raw, _HEAD.size)
        variant, at = _read_text(raw, at)
        shown = struct.unpack_from(f"<{(len(raw) - at) // 4}I", raw, at)
    except (Error, struct.error, IndexError, ValueError) as error:
        raise wrong from error
    if len(shown) + skip > MAX_SHOWN:
        raise wrong
    return name, variant, skip, shown, bool(flags & _IS_OWN)


def _check(raw: bytes, of: bytes) -> bytes:
    return mmh3.hash_bytes(raw[_CHECKED_FROM:] + of)[:_CHECKED_FROM]


def _text(name: str) -> bytes:
    encoded = name.encode()
    return bytes([len(encoded)]) + encoded


def _read_text(raw: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + raw[at]
    return raw[at + 1 : end].decode(), end
