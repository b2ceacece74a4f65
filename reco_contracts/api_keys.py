"""API keys: what a caller sends, and the hash of it that is stored.

A key is its owner's name and 32 random bytes, `shop.kX3...`. The name is no secret: it
finds the entry, tells in a log whose key it was, and lets one key be taken back. A plain
SHA-256 is enough for the rest, because nobody can guess 256 random bits; slow hashes are
for passwords.
"""

import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec

from reco_contracts.errors import ContractError

# In the store's hash beside the keys: says that the hash was written on purpose, even when no key is left in it.
WRITTEN: Final = "*"
MAX_KEY_LENGTH: Final = 200
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NO_DIGEST: Final = "0" * 64
_SECRET_BYTES: Final = 32


class KeyAccess(StrEnum):
    """What a key opens."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"  # everything


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored.

    Attributes:
        name: whose it is.
        digest: SHA-256 of the whole key, hexadecimal.
        access: what it opens.
        requests_per_second: its own limit in each process; None = that of [doors].
        created_at: ISO time, UTC; "" = it stands in the settings.
    """

    name: str
    digest: str
    access: tuple[KeyAccess, ...]
    requests_per_second: float | None = None
    created_at: str = ""

    def opens(self, wanted: str) -> bool:
        """Whether it may do what needs this access."""
        return wanted in self.access or KeyAccess.ADMIN in self.access

    @property
    def line(self) -> str:
        """The same for `doors.keys` in the settings."""
        return f"{self.name} {'+'.join(self.access)} {self.digest}"


class NewKey(NamedTuple):
    """A key that was just made: the only time that its text is known."""

    text: str
    stored: ApiKey


def make_key(
    name: str, access: tuple[KeyAccess, ...], requests_per_second: float | None = None, created_at: str = ""
) -> NewKey:
    """Make a key for a caller.

    Raises:
        ContractError: the name is none, or the key would open nothing.
    """
    _check(name, access)
    text = f"{name}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    stored = ApiKey(
        name=name,
        digest=_digest(text),
        access=access,
        requests_per_second=requests_per_second,
        created_at=created_at,
    )
    return NewKey(text, stored)


def find_key(known: Mapping[str, ApiKey], text: str) -> ApiKey | None:
    """The stored key that a caller's text is; None = it is none.

    An unknown name costs the same hash and the same comparison as a wrong secret.

    Args:
        known: by name.
        text: as it was sent.
    """
    if len(text) > MAX_KEY_LENGTH:
        return None
    found = known.get(text.partition(".")[0])
    is_same = compare_digest(_digest(text), found.digest if found else _NO_DIGEST)
    return found if is_same else None


def parse_key_line(line: str) -> ApiKey:
    """Read an entry of `doors.keys`: name, accesses with a plus between, SHA-256 of the key.

    Raises:
        ContractError: it is none.
    """
    parts = line.split()
    if len(parts) != 3 or not _DIGEST.fullmatch(parts[2]):
        raise ContractError(
            "NAME ACCESS DIGEST expected, as `reco keys add` prints it; the key itself does not belong here"
        )
    try:
        access = tuple(KeyAccess(one) for one in parts[1].split("+"))
    except ValueError as error:
        raise ContractError(f"access is read, write or admin, with a + between: {error}") from error
    _check(parts[0], access)
    return ApiKey(name=parts[0], digest=parts[2], access=access)


def encode_key(key: ApiKey) -> bytes:
    """The value of a key's field in `NS:keys`."""
    return msgspec.json.encode(key)


def decode_keys(fields: Mapping[bytes, bytes]) -> dict[str, ApiKey] | None:
    """Read `NS:keys`.

    Returns:
        Keys by name; None where the hash is not there. That is no decision to have no
        key: a store that lost its data has none either.

    Raises:
        ContractError: a field cannot be read.
    """
    if not fields:
        return None
    try:
        keys = [msgspec.json.decode(value, type=ApiKey) for name, value in fields.items() if name != WRITTEN.encode()]
    except (msgspec.DecodeError, ValueError) as error:
        raise ContractError(f"API keys in the store: {error}; add the key again with `reco keys add`") from error
    return {key.name: key for key in keys}


def _check(name: str, access: tuple[KeyAccess, ...]) -> None:
    if not _NAME.fullmatch(name):
        raise ContractError(f"a key's name has 1 to 40 of a-z, 0-9 and -, got {name[:80]!r}")
    if not access:
        raise ContractError("a key opens something: read, write or admin")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
