"""Take users out of the store: lists, contributors, recent items, features, streams; and leave tombstones.

The tombstone comes first. Whoever publishes reads the tombstones before writing and
again before the pointer moves, so that a list is either taken out here, in a generation
that is recorded, or left out there.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from jobs.forgetting.erase_streams import erase_streams
from jobs.forgetting.tombstone_file import Forgotten, add_tombstones, read_forgotten, read_tombstones
from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import bucket_key, known_generations, sizes_of, tables
from reco_contracts.columns import USER_FEATURES
from reco_contracts.errors import ConfigError
from reco_contracts.feast_wire import entity_key
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_bucket
from reco_contracts.settings import Settings
from reco_contracts.surfaces import SubjectKind, subject_kind
from reco_contracts.tombstones import MARK_PREFIX, erasure_key, key_mark

_COMMANDS_A_BATCH: Final = 1_000


class StoreCounts(msgspec.Struct, kw_only=True):
    """What the store holds, or held, of users.

    Attributes:
        lists: of every generation that is recorded.
        why: contributors of lists.
        recent: keys of recent items.
        features: hashes of online features.
        stream_entries: entries of streams that name them.
    """

    lists: int = 0
    why: int = 0
    recent: int = 0
    features: int = 0
    stream_entries: int = 0


def exchange_tombstones(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Bring the tombstones of the store to disk, and those of the disk to the store.

    Returns:
        The hashes that the disk did not know.

    Raises:
        ConfigError: the store's were made with another key.
    """
    found: Any = store.smembers(settings.keys.forgotten())
    members = {member.decode() for member in found}
    marks = {member for member in members if member.startswith(MARK_PREFIX)}
    known = read_tombstones(settings.layout)
    if not members and (known is None or not known.users):
        return []
    mark = key_mark(erasure_key(settings.layout, settings.erasure.key))
    if marks - {mark}:
        raise ConfigError(
            f"{settings.keys.forgotten()} holds tombstones of another key ({', '.join(sorted(marks))}) than the one in "
            f"force here ({mark}): the API and the jobs need the same. Give both the same RECO_ERASURE__KEY"
        )
    new = add_tombstones(settings, members - marks, now)
    store.sadd(settings.keys.forgotten(), mark, *(known.users if known else ()))
    return new


def bring_tombstones(store: Store, settings: Settings) -> None:
    """Let the store hold every tombstone of the disk; the mark of their key with them."""
    forgotten = read_forgotten(settings)
    known = read_tombstones(settings.layout)
    if forgotten and known:
        store.sadd(settings.keys.forgotten(), known.key_mark, *known.users)


def erase_store(store: Store, settings: Settings, users: frozenset[str]) -> StoreCounts:
    """Remove everything that the store holds of users, streams too.

    Args:
        store: the connected store.
        settings: the namespace and the shards.
        users: ids.
    """
    keys = settings.keys
    counts = StoreCounts(stream_entries=erase_streams(store, settings, users))
    for manifest in filter(None, known_generations(store, keys).values()):
        counts.lists += erase_lists(store, keys, manifest, users, "lists")
        counts.why += erase_lists(store, keys, manifest, users, "why")
    for user in sorted(users):
        counts.recent += int(_integer(store.unlink(keys.recent(user))))
        counts.features += int(_integer(store.unlink(_features_key(keys, user))))
    return counts


def count_store(store: Store, settings: Settings, users: frozenset[str]) -> StoreCounts:
    """What the store holds of users."""
    keys = settings.keys
    counts = StoreCounts(stream_entries=erase_streams(store, settings, users, is_counted_only=True))
    for manifest in filter(None, known_generations(store, keys).values()):
        for kind in ("lists", "why"):
            found = _each_list(store, keys, manifest, users, kind, "HEXISTS")
            setattr(counts, kind, getattr(counts, kind) + found)
    for user in users:
        counts.recent += _integer(store.exists(keys.recent(user)))
        counts.features += _integer(store.exists(_features_key(keys, user)))
    return counts


def erase_lists(
    store: Store, keys: RedisKeys, manifest: GenerationManifest, users: Iterable[str], kind: Any = "lists"
) -> int:
    """Take the lists of users, or their contributors, out of one generation; gives how many there were."""
    return _each_list(store, keys, manifest, users, kind, "HDEL")


def forgotten_in(store: Store, settings: Settings) -> Forgotten:
    """Everybody whom the disk or the store knows as erased.

    Raises:
        ConfigError: the store's tombstones were made with another key.
    """
    exchange_tombstones(store, settings, datetime.now().astimezone())
    return read_forgotten(settings)


def _each_list(
    store: Store, keys: RedisKeys, manifest: GenerationManifest, users: Iterable[str], kind: Any, command: str
) -> int:
    of_users = [
        (surface, variant, sizes_of(manifest, kind)[surface][variant].buckets)
        for held, surface, variant in tables(manifest)
        if held == kind and subject_kind(surface) == SubjectKind.USER
    ]
    calls = [
        (bucket_key(keys, manifest, surface, variant, list_bucket(user, buckets), kind), user)
        for surface, variant, buckets in of_users
        for user in sorted(users)
    ]
    return _run(store, command, calls)


def _run(store: Store, command: str, calls: list[tuple[str, str]]) -> int:
    done = 0
    for start in range(0, len(calls), _COMMANDS_A_BATCH):
        with store.pipeline(transaction=False) as pipe:
            for key, field in calls[start : start + _COMMANDS_A_BATCH]:
                pipe.execute_command(command, key, field)  # type: ignore[no-untyped-call]
            done += sum(map(int, pipe.execute()))
    return done


def _features_key(keys: RedisKeys, user: str) -> bytes:
    return entity_key(keys.namespace, USER_FEATURES.key[0], user)


def _integer(reply: Any) -> int:
    return int(reply)
