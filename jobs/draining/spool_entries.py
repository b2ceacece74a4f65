"""Put drained entries into files of the spool folder, from which they are landed.

A file is named by its stream and by its first and last entry: a batch that is drained
again after a kill overwrites its own file. The file is on the disk, not only handed
to it, before anybody is told.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from jobs.draining.read_stream import Entry, Stream
from reco_contracts.artifacts import replace_file
from reco_contracts.stream_entries import EVENTS_FIELD, RECORDS_FIELD

EVENTS_SUFFIX: Final = ".jsonl"
SERVED_SUFFIX: Final = ".msgpack"
_events_of_entry: Final = msgspec.json.Decoder(list[msgspec.Raw])


def spool_events(folder: Path, stream: Stream) -> Callable[[list[Entry]], None]:
    """What puts away entries of posted events: JSON Lines in the event contract, a line an event.

    Args:
        folder: of the spool.
        stream: where the entries come from.
    """

    def put_away(batch: list[Entry]) -> None:
        _write(folder / _name(stream, batch, EVENTS_SUFFIX), b"".join(line for e in batch for line in _lines(e)))

    return put_away


def spool_served(folder: Path, stream: Stream) -> Callable[[list[Entry]], None]:
    """What puts away entries of served records: their values as they are, in one MessagePack array.

    Args:
        folder: of the spool.
        stream: where the entries come from.
    """

    def put_away(batch: list[Entry]) -> None:
        values = [entry.fields.get(RECORDS_FIELD.encode(), b"") for entry in batch if entry.fields]
        _write(folder / _name(stream, batch, SERVED_SUFFIX), msgspec.msgpack.encode(values) if values else b"")

    return put_away


def _lines(entry: Entry) -> list[bytes]:
    """The events of an entry; what is no array of them becomes a line as it is, for landing to reject and show."""
    if not entry.fields:
        return []
    value = entry.fields.get(EVENTS_FIELD.encode(), b"")
    try:
        events = [bytes(event) for event in _events_of_entry.decode(value)]
    except msgspec.DecodeError:
        events = [value or repr(entry.fields).encode()]
    return [_one_line(event) + b"\n" for event in events]


def _one_line(event: bytes) -> bytes:
    """Line breaks between members are spaces; within a text JSON has none."""
    return event.replace(b"\r", b" ").replace(b"\n", b" ")


def _name(stream: Stream, batch: list[Entry], suffix: str) -> str:
    return f"{stream.shard:02d}-{batch[0].entry_id}-{batch[-1].entry_id}{suffix}"


def _write(path: Path, content: bytes) -> None:
    if not content:  # all of it was deleted before it was drained
        return
    with replace_file(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
