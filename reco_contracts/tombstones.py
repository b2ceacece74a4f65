"""What is left of an erased user: a keyed hash of the id, by which they are known if they come back.

Without the key nobody can tell from a tombstone whose it is, not even by trying all
ids. The key comes from RECO_ERASURE__KEY, or from a file that only its owner can
read, which is made once. Everybody who erases, lands or publishes needs the same
one: `key_mark` tells two keys apart.
"""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from reco_contracts.artifacts import Layout
from reco_contracts.errors import ConfigError

_HASH_BYTES: Final = 20
_MARK_BYTES: Final = 8
_KEY_BYTES: Final = 32
_MARK_OF_KEY: Final = b"which key is this"
# Beside the tombstones in `NS:forgotten`: the mark of the key that made them.
MARK_PREFIX: Final = "key:"


def tombstone(key: bytes, user_id: str) -> str:
    """The keyed hash of a user's id, hex.

    Args:
        key: from `erasure_key`.
        user_id: any text.

    Source:
        RFC 7693, BLAKE2b with a key, which is a MAC without HMAC's second pass.
    """
    return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), key=key, digest_size=_HASH_BYTES).hexdigest()


def key_mark(key: bytes) -> str:
    """The name of a key, as it stands in `NS:forgotten` and on disk; it says nothing about the key itself."""
    return MARK_PREFIX + hashlib.blake2b(_MARK_OF_KEY, key=key, digest_size=_MARK_BYTES).hexdigest()


def erasure_key(layout: Layout, configured: SecretStr | None) -> bytes:
    """The key of the tombstones; without a configured one the file's, which is made where there is none.

    Args:
        layout: of the data folder.
        configured: erasure.key.

    Raises:
        ConfigError: the file holds no key, or cannot be read or made.
    """
    if configured is not None:
        text = configured.get_secret_value()
        return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()
    path = layout.erasure_key
    try:
        if not path.exists():
            _make_key(path)
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    except OSError as error:
        raise ConfigError(
            f"the key of the tombstones cannot be read ({error}): only the owner of the file can; give everybody else "
            "the same key in RECO_ERASURE__KEY"
        ) from error
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            f"{path} holds no key of {_KEY_BYTES} bytes in hex; restore it from a backup: without it nobody who was "
            "erased is known any more"
        )
    return key


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it in, so that of two processes one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        os.link(beside, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        beside.unlink()
