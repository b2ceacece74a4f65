"""Who was erased, on disk: data/erasure/tombstones.json, changed under a lock and moved in whole.

A tombstone is *pending* until its user was erased everywhere; whoever was killed on
the way finds it pending and does all of it again. So long, and no longer, it may hold
the id: of what is left the last may not say whose it is.
"""

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec
import polars as pl

from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.settings import Settings
from reco_contracts.tombstones import erasure_key, key_mark, tombstone

# A job that read its input before an erasure may end after it; no run lasts so long.
_LOOKED_FOR_AGAIN: Final = timedelta(days=3)


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """One erased user.

    Attributes:
        asked_at: ISO time, UTC, when somebody asked for it here, or the store's tombstone was read.
        erased_at: ISO time, UTC, when nothing was left; None = pending.
        user_id: while it is pending, the id, where it is known.
    """

    asked_at: str
    erased_at: str | None = None
    user_id: str | None = None


class Tombstones(msgspec.Struct, frozen=True, kw_only=True):
    """The file.

    Attributes:
        key_mark: of the key that made the hashes.
        users: keyed hash of the id -> what is known of it.
    """

    key_mark: str
    users: dict[str, Tombstone] = {}

    @property
    def pending(self) -> list[str]:
        """The hashes of users who are not erased yet, in order."""
        return sorted(name for name, user in self.users.items() if user.erased_at is None)

    def young(self, now: datetime) -> list[str]:
        """The hashes of users who were erased so lately that a job of then may have written them anew."""
        since = (now - _LOOKED_FOR_AGAIN).isoformat(timespec="seconds")
        return sorted(
            name for name, user in self.users.items() if user.erased_at is not None and user.erased_at > since
        )


class Forgotten:
    """Tells who was erased.

    Args:
        key: of the tombstones.
        hashes: tombstones.

    Attributes:
        hashes: the same, each once.
    """

    def __init__(self, key: bytes = b"", hashes: Iterable[str] = ()) -> None:
        """See the class; without arguments nobody was erased."""
        self._key = key
        self.hashes = frozenset(hashes)

    def __len__(self) -> int:
        """How many were erased; false where it is nobody, so that nothing need be hashed."""
        return len(self.hashes)

    def __contains__(self, user_id: str) -> bool:
        """Whether a user was erased."""
        return bool(self.hashes) and tombstone(self._key, user_id) in self.hashes

    def but(self, others: "Forgotten") -> "Forgotten":
        """Those of them who are not among others."""
        return Forgotten(self._key, self.hashes - others.hashes)

    def among(self, user_ids: Iterable[str]) -> list[str]:
        """Those of some users who were erased, in order; about a microsecond each."""
        return sorted({user_id for user_id in user_ids if user_id in self}) if self.hashes else []

    def holds(self, column: str) -> pl.Expr:
        """Whether the user of a row was erased; null counts as no."""
        if not self.hashes:
            return pl.lit(value=False)

        def judge(users: pl.Series) -> pl.Series:
            return users.is_in(self.among(users.drop_nulls().unique())).fill_null(value=False)

        return pl.col(column).map_batches(judge, return_dtype=pl.Boolean)


NOBODY: Final = Forgotten()
_decoder = msgspec.json.Decoder(Tombstones)


def read_tombstones(layout: Layout) -> Tombstones | None:
    """The file; None where nobody was ever erased.

    Raises:
        ContractError: it cannot be read.
    """
    path = layout.tombstones
    if not path.exists():
        return None
    try:
        return _decoder.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{path} does not hold tombstones: {error}; restore it from a backup, or erase again whoever was erased"
        ) from error


def read_forgotten(settings: Settings) -> Forgotten:
    """Everybody who was erased or is to be, as far as the data folder knows.

    Raises:
        ConfigError: the key is another one than that of the tombstones.
    """
    found = read_tombstones(settings.layout)
    if found is None or not found.users:
        return NOBODY
    return Forgotten(_key_of(settings, found), found.users)


def add_tombstones(
    settings: Settings, asked: Mapping[str, str | None], now: datetime, *, again: bool = False
) -> list[str]:
    """Note users who are to be erased.

    Args:
        settings: where the data folder and the key are.
        asked: tombstone -> the id, where it is known.
        now: UTC.
        again: those who were erased already become pending too.

    Returns:
        The hashes that were not known.

    Raises:
        ConfigError: the key is another one than that of the tombstones.
    """
    with _changing(settings.layout):
        found = read_tombstones(settings.layout)
        mark = key_mark(_key_of(settings, found) if found else erasure_key(settings.layout, settings.erasure.key))
        users = dict(found.users) if found else {}
        new = sorted(asked.keys() - users.keys())
        at = now.isoformat(timespec="seconds")
        users |= {name: Tombstone(asked_at=at, user_id=asked[name]) for name in (asked if again else new)}
        if asked:
            _write(settings.layout, Tombstones(key_mark=mark, users=users))
    return new


def settle_tombstones(layout: Layout, hashes: Iterable[str], now: datetime) -> None:
    """Note that nothing is left of some users."""
    with _changing(layout):
        found = read_tombstones(layout)
        if found is None:
            return
        users = dict(found.users)
        for name in users.keys() & set(hashes):
            at = now.isoformat(timespec="seconds")
            users[name] = msgspec.structs.replace(users[name], erased_at=at, user_id=None)
        _write(layout, msgspec.structs.replace(found, users=users))


def _key_of(settings: Settings, found: Tombstones) -> bytes:
    key = erasure_key(settings.layout, settings.erasure.key)
    if key_mark(key) != found.key_mark:
        raise ConfigError(
            f"{settings.layout.tombstones} was made with another key ({found.key_mark}) than the one in force "
            f"({key_mark(key)}), so that nobody who was erased would be known; give RECO_ERASURE__KEY, or "
            f"{settings.layout.erasure_key}, its old value"
        )
    return key


@contextmanager
def _changing(layout: Layout) -> Iterator[None]:
    folder = layout.tombstones.parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(layout: Layout, tombstones: Tombstones) -> None:
    with replace_file(layout.tombstones, mode=0o600) as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(tombstones, order="sorted"), indent=2) + b"\n")
