"""Write packed lists into buckets: one HSET a bucket and window, with bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jobs.publishing.bulk_writer import Argument, BulkWriter
from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import Kind, bucket_key, sizes_of
from jobs.publishing.read_back import Sample
from jobs.publishing.read_lists import PackedBatch, table_stream
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_buckets

# Subjects and packed lists held at once, bytes; Python's own share comes on top. Up to here a
# bucket is one HSET; larger files take one a bucket and window, which costs time and no memory.
WINDOW_BYTES = 256 << 20


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
    """Rows that are written together: subjects in UTF-8 and their packed values, parallel."""

    subjects: list[bytes]
    values: list[bytes]


def write_catalogue(target: WriteTarget, chunks: list[bytes]) -> None:
    """Write the catalogue's chunks, one key each.

    Args:
        target: where to.
        chunks: encoded, in order.
    """
    with BulkWriter(target.store, target.connections) as writer:
        for number, chunk in enumerate(chunks):
            key = target.keys.catalogue(target.manifest.generation, number)
            writer.add(("SET", key, chunk), ("EXPIREAT", key, target.expire_at))


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
        for window, size in _windows(batches, sample):
            for bucket, fields in _by_bucket(window, buckets):
                key = bucket_key(target.keys, manifest, surface, variant, bucket, kind)
                writer.add(("HSET", key, *fields), ("EXPIREAT", key, target.expire_at))
                advance(len(fields) // 2)
            written += size
    return written


def _windows(batches: Iterator[PackedBatch], sample: Sample) -> Iterator[tuple[_Window, int]]:
    """Batches put together, and the bytes of subjects and values in them."""
    window, size = _Window([], []), 0
    for batch in batches:
        sample.take(batch.subjects, batch.values)
        subjects = [subject.encode() for subject in batch.subjects]
        window.subjects.extend(subjects)
        window.values.extend(batch.values)
        size += sum(map(len, subjects)) + sum(map(len, batch.values))
        if size >= WINDOW_BYTES:
            yield window, size
            window, size = _Window([], []), 0
    if window.subjects:
        yield window, size


def _by_bucket(window: _Window, buckets: int) -> Iterator[tuple[int, list[Argument]]]:
    """Each bucket that occurs, in order, with its fields and values in turn."""
    numbers = list_buckets(window.subjects, buckets)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    ends = [*starts[1:].tolist(), len(order)]
    rows = order.tolist()
    for bucket, start, end in zip(numbers[order[starts]].tolist(), starts.tolist(), ends, strict=True):
        fields: list[Argument] = [b""] * (2 * (end - start))
        fields[0::2] = [window.subjects[row] for row in rows[start:end]]
        fields[1::2] = [window.values[row] for row in rows[start:end]]
        yield bucket, fields
