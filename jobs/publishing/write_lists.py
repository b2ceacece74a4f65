"""Write packed lists into buckets: one HSET a bucket and window, with bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hiredis import pack_command

from jobs.publishing.bulk_writer import BulkWriter, frame_pairs, hset_framed
from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import Kind, bucket_key, sizes_of
from jobs.publishing.read_back import Sample
from jobs.publishing.read_lists import PackedBatch, table_stream
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_buckets

# Memory of the rows that are held at once. Up to here a bucket is one HSET; larger files
# take one a bucket and window, which costs a little time.
WINDOW_BYTES = 192 << 20
# Python's own share of a row: the object, its place in a list, the bucket's number.
_BYTES_A_ROW = 80


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where a generation is written.

    Attributes:
        store: the connected store.
        keys: the namespace.
        manifest: the generation's layout.
        expire_at: when its keys go by themselves; Unix time, seconds.
        connections: to each server of the store.
    """

    store: Store
    keys: RedisKeys
    manifest: GenerationManifest
    expire_at: int
    connections: int = 1


class _Window(NamedTuple):
    """Rows that are written together.

    Attributes:
        pairs: subject and packed value of each row, framed for a command.
        buckets: the bucket of each row; int64.
        size: bytes of subjects and values.
    """

    pairs: list[bytes]
    buckets: npt.NDArray[np.int64]
    size: int


def write_catalogue(target: WriteTarget, chunks: list[bytes]) -> None:
    """Write the catalogue's chunks, one key each.

    Args:
        target: where to.
        chunks: encoded, in order.
    """
    with BulkWriter(target.store, target.connections) as writer:
        for number, chunk in enumerate(chunks):
            key = target.keys.catalogue(target.manifest.generation, number).encode()
            writer.add(key, 2, pack_command(("SET", key, chunk)), _expiry(target, key))


def write_lists(
    target: WriteTarget,
    path: Path,
    surface: str,
    variant: str,
    sample: Sample,
    advance: Callable[[int], None],
    kind: Kind = "lists",
) -> int:
    """Write one file of lists, or of their contributors; every command was answered when this returns.

    Args:
        target: where to.
        path: Parquet with `columns.LIST_COLUMNS`, or `columns.WHY_COLUMNS`.
        surface: the lists' surface.
        variant: the lists' variant.
        sample: takes the lists that will be compared afterwards.
        advance: told how many lists are done.
        kind: what the file holds.

    Returns:
        Bytes of subjects and packed values.
    """
    batches = table_stream(kind, path, target.manifest.n_items)
    return write_batches(target, batches, surface, variant, sample, advance, kind)


def write_batches(
    target: WriteTarget,
    batches: Iterator[PackedBatch],
    surface: str,
    variant: str,
    sample: Sample,
    advance: Callable[[int], None],
    kind: Kind = "lists",
) -> int:
    """Write lists that are packed already; see `write_lists`."""
    manifest = target.manifest
    buckets = sizes_of(manifest, kind)[surface][variant].buckets
    written = 0
    with BulkWriter(target.store, target.connections) as writer:
        for window in _windows(batches, buckets, sample):
            for bucket, pairs in _by_bucket(window):
                key = bucket_key(target.keys, manifest, surface, variant, bucket, kind).encode()
                writer.add(key, 2, *hset_framed(key, pairs), _expiry(target, key))
                advance(len(pairs))
            written += window.size
            del window  # else it would live on while the next one is made
    return written


def _windows(batches: Iterator[PackedBatch], buckets: int, sample: Sample) -> Iterator[_Window]:
    """Batches, framed and put together."""
    pairs: list[bytes] = []
    numbers: list[npt.NDArray[np.int64]] = []
    size = 0
    for batch in batches:
        sample.take(batch.subjects, batch.values)
        subjects = [subject.encode() for subject in batch.subjects]
        pairs += frame_pairs(subjects, batch.values)
        numbers.append(list_buckets(subjects, buckets))
        size += sum(map(len, subjects)) + sum(map(len, batch.values))
        if size + len(pairs) * _BYTES_A_ROW >= WINDOW_BYTES:
            yield _Window(pairs, np.concatenate(numbers), size)
            pairs, numbers, size = [], [], 0
    if pairs:
        yield _Window(pairs, np.concatenate(numbers), size)


def _by_bucket(window: _Window) -> Iterator[tuple[int, list[bytes]]]:
    """Each bucket that occurs, in order, with its rows."""
    order = np.argsort(window.buckets, kind="stable")
    ordered = window.buckets[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ends = [*starts[1:].tolist(), len(order)]
    rows = order.tolist()
    for bucket, start, end in zip(ordered[starts].tolist(), starts.tolist(), ends, strict=True):
        yield bucket, [window.pairs[row] for row in rows[start:end]]


def _expiry(target: WriteTarget, key: bytes) -> bytes:
    packed: bytes = pack_command(("EXPIREAT", key, target.expire_at))
    return packed
