"""API keys: made, listed and taken back, by their hash alone; the text of a key is shown once and kept nowhere."""

from datetime import datetime
from typing import Any

import msgspec

from jobs.publishing.connect_store import Store, open_store
from reco_contracts.api_keys import WRITTEN, ApiKey, KeyAccess, decode_keys, encode_key, make_key, parse_key_line
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings


def add_key(
    settings: Settings, name: str, access: tuple[KeyAccess, ...], rate: float | None, now: datetime
) -> dict[str, Any]:
    """Make a key, and put its hash into the store.

    Args:
        settings: where the store is.
        name: whose key it is.
        access: what it opens.
        rate: its own limit, requests a second in each process; None = that of [doors].
        now: UTC.

    Returns:
        Summary with the key itself, the only time that it is shown, and its line for `doors.keys`.

    Raises:
        ContractError: there is a key of this name, or the name is none.
        StoreUnavailableError: the store cannot be reached; no key was made.
    """
    new = make_key(name, access, rate, now.isoformat(timespec="seconds"))
    if name in {key.name for key in map(parse_key_line, settings.doors.keys)}:
        raise ContractError(f"doors.keys has a key {name!r} already; choose another name, or take that line out first")
    hashed = settings.keys.api_keys()
    with open_store(settings.redis) as store:
        if not store.hsetnx(hashed, name, encode_key(new.stored)):  # type: ignore[arg-type]  # bytes are a value
            raise ContractError(
                f"there is a key {name!r} already; choose another name, or `reco keys revoke {name}` first"
            )
        store.hset(hashed, WRITTEN, "1")
    return {"key": new.text, **_shown(new.stored), "for_doors_keys": new.stored.line}


def list_keys(settings: Settings) -> list[dict[str, Any]]:
    """What is known of each key, in order of name; those of the settings are marked.

    Raises:
        StoreUnavailableError: the store cannot be reached.
        ContractError: a stored key cannot be read.
    """
    with open_store(settings.redis) as store:
        stored = _read(store, settings)
    fixed = {key.name: key for key in map(parse_key_line, settings.doors.keys)}
    rows = [_shown(key) | {"in": "store"} for name, key in stored.items() if name not in fixed]
    rows += [_shown(key) | {"in": "settings"} for key in fixed.values()]
    return sorted(rows, key=lambda row: str(row["name"]))


def revoke_key(settings: Settings, name: str) -> dict[str, Any]:
    """Take a key back; every process refuses it within serving.poll_seconds.

    Raises:
        ContractError: there is no such key in the store.
        StoreUnavailableError: the store cannot be reached; the key still opens.
    """
    if name in {key.name for key in map(parse_key_line, settings.doors.keys)}:
        raise ContractError(f"the key {name!r} stands in doors.keys of the settings: take it out there, and restart")
    with open_store(settings.redis) as store:
        store.hset(settings.keys.api_keys(), WRITTEN, "1")  # first: without it the last key's going looks like a loss
        if name == WRITTEN or not store.hdel(settings.keys.api_keys(), name):
            known = ", ".join(sorted(_read(store, settings))) or "none"
            raise ContractError(f"there is no key {name!r} in the store; there are: {known}")
        left = len(_read(store, settings))
    return {"revoked": name, "keys_left": left}


def _read(store: Store, settings: Settings) -> dict[str, ApiKey]:
    fields: Any = store.hgetall(settings.keys.api_keys())
    return decode_keys(fields) or {}


def _shown(key: ApiKey) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(key)
    del shown["digest"]
    return shown | {"created_at": key.created_at or None}
