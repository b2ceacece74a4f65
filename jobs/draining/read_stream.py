"""Take entries out of one stream, through a consumer group: an entry is gone once its batch was put away.

The order is what makes it safe to be killed anywhere. Entries are read into the
group's pending list, their file is put into place, they are acknowledged, and only
then removed. Who was killed before the acknowledgement finds the same entries pending
and writes the same file again; who was killed after it has left entries behind that
nobody will read, and the next drain removes them.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import redis

from jobs.publishing.connect_store import Store
from reco_contracts.stream_entries import DRAIN_GROUP, MAX_SHARDS

# One name for whoever drains: what a killed drain had read is pending for the next one, and needs no claiming.
_CONSUMER: Final = "drain"
_ENTRIES_A_READ: Final = 50
_BYTES_A_BATCH: Final = 32 << 20
_IDS_A_COMMAND: Final = 1_000


class Entry(NamedTuple):
    """One entry of a stream.

    Attributes:
        entry_id: `<milliseconds>-<number>`, rising.
        fields: by name; empty where the entry was deleted after it had been read.
    """

    entry_id: str
    fields: dict[bytes, bytes]


class Stream(NamedTuple):
    """A stream and its place among the shards."""

    key: str
    shard: int


def streams_there(store: Store, name: Callable[[int], str]) -> list[Stream]:
    """The streams of a kind that exist, whatever the settings say of shards today.

    Args:
        store: the connected store.
        name: shard -> key.
    """
    streams = [Stream(name(shard), shard) for shard in range(MAX_SHARDS)]
    with store.pipeline(transaction=False) as pipe:
        for stream in streams:
            pipe.exists(stream.key)
        return [stream for stream, exists in zip(streams, pipe.execute(), strict=True) if exists]


def drain_stream(store: Store, key: str, put_away: Callable[[list[Entry]], None]) -> int:
    """Hand every entry of a stream to `put_away`, in batches, and remove what it took.

    Entries that come while this runs stay for the next time: it ends.

    Args:
        store: the connected store.
        key: of the stream.
        put_away: returns when a batch is where it survives; called again with the same batch after a kill.

    Returns:
        How many entries were taken.
    """
    _make_group(store, key)
    last = _last_entry(store, key)
    taken = 0
    for batch in (_pending(store, key), *_new_batches(store, key, last)):
        if batch:
            put_away(batch)
            _acknowledge(store, key, batch)
            taken += len(batch)
    _remove_acknowledged(store, key)
    return taken


def _make_group(store: Store, key: str) -> None:
    try:
        store.xgroup_create(key, DRAIN_GROUP, id="0")
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _last_entry(store: Store, key: str) -> tuple[int, int]:
    found: Any = store.xrevrange(key, count=1)
    return _number(found[0][0].decode()) if found else (0, 0)


def _pending(store: Store, key: str) -> list[Entry]:
    """What an earlier drain had read and not put away."""
    batch: list[Entry] = []
    while read := _read(store, key, batch[-1].entry_id if batch else "0"):
        batch += read
    return batch


def _new_batches(store: Store, key: str, last: tuple[int, int]) -> Iterator[list[Entry]]:
    """Batches of bounded size up to the entry that was the last one when the drain began."""
    batch: list[Entry] = []
    size = 0
    while read := _read(store, key, ">"):
        batch += read
        size += sum(len(value) for entry in read for value in entry.fields.values())
        is_last = _number(read[-1].entry_id) >= last
        if size >= _BYTES_A_BATCH or is_last:
            yield batch
            batch, size = [], 0
        if is_last:
            return
    if batch:
        yield batch


def _read(store: Store, key: str, after: str) -> list[Entry]:
    reply: Any = store.xreadgroup(DRAIN_GROUP, _CONSUMER, {key: after}, count=_ENTRIES_A_READ)
    entries = reply[0][1] if reply else []
    return [Entry(entry_id.decode(), fields or {}) for entry_id, fields in entries]


def _acknowledge(store: Store, key: str, batch: list[Entry]) -> None:
    ids = [entry.entry_id for entry in batch]
    for first in range(0, len(ids), _IDS_A_COMMAND):
        store.xack(key, DRAIN_GROUP, *ids[first : first + _IDS_A_COMMAND])
    _remove_acknowledged(store, key)


def _remove_acknowledged(store: Store, key: str) -> None:
    """Remove what the group has read in order and acknowledged, also what a drain left that was killed before this."""
    pending: Any = store.xpending(key, DRAIN_GROUP)
    if pending["pending"]:  # of another drain, on another machine
        store.xtrim(key, minid=pending["min"].decode(), approximate=False)
        return
    groups: Any = store.xinfo_groups(key)
    delivered = next(group["last-delivered-id"] for group in groups if group["name"] == DRAIN_GROUP.encode())
    milliseconds, number = _number(delivered.decode())
    store.xtrim(key, minid=f"{milliseconds}-{number + 1}", approximate=False)


def _number(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
