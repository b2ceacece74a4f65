"""The API keys that this process knows: from the settings, from the store, and from disk while there is no store."""

import asyncio
from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

import msgspec

from reco_contracts.api_keys import ApiKey, decode_keys, find_key, parse_key_line
from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ContractError
from reco_contracts.redis_keys import RedisKeys
from serving_api.redis_pipe import RedisPipe

_OWNER_ONLY: Final = 0o600


class KeyRing:
    """Keys by name; what the settings hold wins.

    Args:
        lines: `doors.keys`.
        path: the copy on disk.
    """

    def __init__(self, lines: tuple[str, ...], path: Path) -> None:
        """Begin with what the settings hold."""
        self._fixed = {key.name: key for key in map(parse_key_line, lines)}
        self._stored: dict[str, ApiKey] | None = None
        self._known = dict(self._fixed)
        self._accepted: dict[str, tuple[str, ApiKey]] = {}
        self._path = path

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._known)

    @property
    def is_from_store(self) -> bool:
        """Whether the store's keys are known, of now or of an earlier time."""
        return self._stored is not None

    def find(self, text: str) -> ApiKey | None:
        """The key of this text; None = it is none. Takes the same time whatever is wrong.

        A key that was accepted before is compared with its text of then, in constant time as well: the hash
        costs a tenth of a whole lookup.
        """
        if not text.isascii():
            return None
        accepted = self._accepted.get(text.partition(".")[0])
        if accepted and compare_digest(accepted[0], text):
            return accepted[1]
        key = find_key(self._known, text)
        if key:
            self._accepted[key.name] = (text, key)
        return key

    async def refresh(self, pipe: RedisPipe, keys: RedisKeys) -> None:
        """Read the store's keys. A store without any, not even taken back ones, has lost them: those known stay.

        Raises:
            StoreUnavailableError: the store does not answer; what is known stays.
            ContractError: a key cannot be read; what is known stays.
            OSError: the copy on disk cannot be written; what was read holds.
        """
        flat: Any = await pipe.send("HGETALL", keys.api_keys())
        found = decode_keys(dict(zip(flat[0::2], flat[1::2], strict=True)))
        if found is None or found == self._stored:
            return
        self._hold(found)
        await asyncio.to_thread(_write, self._path, found)

    async def read_copy(self) -> bool:
        """Take the keys of the copy on disk; tells whether there is one.

        Raises:
            ContractError: the file is damaged.
        """
        found = await asyncio.to_thread(_read, self._path)
        if found is not None:
            self._hold(found)
        return found is not None

    def _hold(self, stored: Mapping[str, ApiKey]) -> None:
        self._stored = dict(stored)
        self._known = self._stored | self._fixed
        self._accepted.clear()


def _write(path: Path, keys: Mapping[str, ApiKey]) -> None:
    with replace_file(path, mode=_OWNER_ONLY) as temporary:
        temporary.write_bytes(msgspec.json.encode(list(keys.values())))


def _read(path: Path) -> dict[str, ApiKey] | None:
    try:
        return {key.name: key for key in msgspec.json.decode(path.read_bytes(), type=list[ApiKey])}
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ContractError(f"{path}: {error}; it is written again when the store answers, or remove it") from error
