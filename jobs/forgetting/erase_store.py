"""Take users out of the store: lists, contributors, recent items, features.

Their tombstones are there already. Whoever publishes reads those before writing and
again before the pointer moves, so that a list is either taken out here, in a generation
that is recorded, or left out there.
"""

import time
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import redis

from jobs.draining.read_stream import streams_there
from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import bucket_key, known_generations, sizes_of, tables
from reco_contracts.columns import USER_FEATURES
from reco_contracts.errors import ContractError
from reco_contracts.feast_wire import entity_key
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_bucket
from reco_contracts.served_codec import decode_records
from reco_contracts.settings import Settings
from reco_contracts.stream_entries import EVENTS_FIELD, RECORDS_FIELD
from reco_contracts.surfaces import SubjectKind, subject_kind

_COMMANDS_A_BATCH: Final = 1_000
_REWRITE_SECONDS: Final = 60.0


class _Event(msgspec.Struct):
    """What is looked at of a posted event."""

    user_id: str | None = None


_events: Final = msgspec.json.Decoder(list[_Event])


class StoreCounts(msgspec.Struct, kw_only=True):
    """What the store holds, or held, of users.

    Attributes:
        lists: of every generation that is recorded.
        why: contributors of lists.
        recent: keys of recent items.
        features: hashes of online features.
        stream_records: events and served lists in streams that wait to be drained.
    """

    lists: int = 0
    why: int = 0
    recent: int = 0
    features: int = 0
    stream_records: int = 0


def erase_store(store: Store, settings: Settings, users: frozenset[str]) -> StoreCounts:
    """Remove everything that the store holds of users, but for the streams, which are drained.

    Args:
        store: the connected store.
        settings: the namespace.
        users: ids.
    """
    keys, counts = settings.keys, StoreCounts()
    for manifest in filter(None, known_generations(store, keys).values()):
        counts.lists += erase_lists(store, keys, manifest, users, "lists")
        counts.why += erase_lists(store, keys, manifest, users, "why")
    for user in sorted(users):
        counts.recent += int(_integer(store.unlink(keys.recent(user))))
        counts.features += int(_integer(store.unlink(features_key(keys, user))))
    return counts


def count_store(store: Store, settings: Settings, users: frozenset[str]) -> StoreCounts:
    """What the store holds of users."""
    keys, counts = settings.keys, StoreCounts(stream_records=_in_streams(store, settings.keys, users))
    for manifest in filter(None, known_generations(store, keys).values()):
        for kind in ("lists", "why"):
            found = _each_list(store, keys, manifest, users, kind, "HEXISTS")
            setattr(counts, kind, getattr(counts, kind) + found)
    for user in users:
        counts.recent += _integer(store.exists(keys.recent(user)))
        counts.features += _integer(store.exists(features_key(keys, user)))
    return counts


def erase_lists(
    store: Store, keys: RedisKeys, manifest: GenerationManifest, users: Iterable[str], kind: Any = "lists"
) -> int:
    """Take the lists of users, or their contributors, out of one generation; gives how many there were."""
    return _each_list(store, keys, manifest, users, kind, "HDEL")


def settle_files(store: Store) -> str:
    """Let the servers write their own files anew, in which deleted values still stand; gives what was done, in words.

    A server that is somebody else's may not allow it; then its next rewrite does it.
    """
    try:
        done = sorted({name for server in _servers(store) for name in _rewrite(server)})
    except (redis.ResponseError, redis.exceptions.NoPermissionError) as error:
        return f"the server's own files were not written anew ({error}); its next rewrite does it"
    return f"{' and '.join(done)} written anew" if done else "the server keeps no files"


def _servers(store: Any) -> list[Any]:
    """The client of each server; of a cluster one a node."""
    if not isinstance(store, redis.RedisCluster):
        return [store]
    nodes = store.get_nodes()  # type: ignore[no-untyped-call]
    return [store.get_redis_connection(node) for node in nodes]


def _rewrite(server: Any) -> list[str]:
    done = []
    if int(server.info("persistence")["aof_enabled"]):
        server.execute_command("BGREWRITEAOF")
        _wait_while(server, "aof_rewrite_in_progress", "aof_rewrite_scheduled")
        done.append("append-only file")
    if server.config_get("save").get("save"):
        server.bgsave()
        _wait_while(server, "rdb_bgsave_in_progress")
        done.append("snapshot")
    return done


def _wait_while(server: Any, *flags: str) -> None:
    deadline = time.monotonic() + _REWRITE_SECONDS
    while time.monotonic() < deadline:
        persistence = server.info("persistence")
        if not any(int(persistence[flag]) for flag in flags):
            return
        time.sleep(0.05)


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


def _in_streams(store: Store, keys: RedisKeys, users: frozenset[str]) -> int:
    """Events and served records of users that nobody has drained yet."""
    found = 0
    for kind, name in ((EVENTS_FIELD, keys.events), (RECORDS_FIELD, keys.served)):
        for stream in streams_there(store, name):
            entries: Any = store.xrange(stream.key)
            found += sum(_users_of(kind, fields).count(user) for _, fields in entries for user in users)
    return found


def _users_of(kind: str, fields: dict[bytes, bytes]) -> list[str | None]:
    """Whose the events or records of an entry are; nobody's where it cannot be read."""
    value = fields.get(kind.encode(), b"")
    try:
        if kind == RECORDS_FIELD:
            return [record.user_id for record in decode_records(value)]
        return [event.user_id for event in _events.decode(value)]
    except (msgspec.DecodeError, ContractError):
        return []


def features_key(keys: RedisKeys, user: str) -> bytes:
    """The hash of a user's features."""
    return entity_key(keys.namespace, USER_FEATURES.key[0], user)


def _integer(reply: Any) -> int:
    return int(reply)
