"""Write packed lists into buckets: multi-field HSETs, pipelined, with bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import Kind, bucket_key, sizes_of
from jobs.publishing.read_back import Sample
from jobs.publishing.read_lists import PackedBatch, table_stream
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_buckets

# Lists held at once, about 200 MB with 50 items each. Up to here a bucket is one HSET;
# larger files take one a bucket and window, which costs time and no memory.
WINDOW_LISTS = 400_000
_BYTES_A_FLUSH = 1 << 20


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where a generation is written.

    Attributes:
        store: the connected store.
        keys: the namespace.
        manifest: the generation's layout.
        expire_at: when its keys go by themselves; Unix time, seconds.
    """

    store: Store
    keys: RedisKeys
    manifest: GenerationManifest
    expire_at: int


def write_catalogue(target: WriteTarget, chunks: list[bytes]) -> None:
    """Write the catalogue's chunks, one key each.

    Args:
        target: where to.
        chunks: encoded, in order.
    """
    for number, chunk in enumerate(chunks):
        key = target.keys.catalogue(target.manifest.generation, number)
        with target.store.pipeline(transaction=False) as pipe:
            pipe.set(key, chunk)
            pipe.expireat(key, target.expire_at)
            pipe.execute()


def write_lists(
    target: WriteTarget,
    path: Path,
    surface: str,
    variant: str,
    sample: Sample,
    advance: Callable[[int], None],
    kind: Kind = "lists",
) -> int:
    """Write one file of lists, or of their contributors.

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
    manifest = target.manifest
    buckets = sizes_of(manifest, kind)[surface][variant].buckets
    written = 0
    for window in _windows(table_stream(kind, path, manifest.n_items)):
        sample.take(window.subjects, window.values)
        for commands, lists, size in _flushes(window, buckets):
            with target.store.pipeline(transaction=False) as pipe:
                for bucket, fields in commands:
                    key = bucket_key(target.keys, manifest, surface, variant, bucket, kind)
                    pipe.execute_command("HSET", key, *fields)  # type: ignore[no-untyped-call]
                    pipe.expireat(key, target.expire_at)
                pipe.execute()
            written += size
            advance(lists)
    return written


def _windows(batches: Iterator[PackedBatch]) -> Iterator[PackedBatch]:
    window = PackedBatch([], [])
    for batch in batches:
        window.subjects.extend(batch.subjects)
        window.values.extend(batch.values)
        if len(window.subjects) >= WINDOW_LISTS:
            yield window
            window = PackedBatch([], [])
    if window.subjects:
        yield window


def _flushes(window: PackedBatch, buckets: int) -> Iterator[tuple[list[tuple[int, list[Any]]], int, int]]:
    """Group a window by bucket, and the buckets into flushes of about a megabyte.

    Yields:
        (bucket, its fields and values in turn), the number of lists, their bytes.
    """
    commands: list[tuple[int, list[Any]]] = []
    lists = size = 0
    encoded = [subject.encode() for subject in window.subjects]
    for bucket, rows in _by_bucket(encoded, buckets):
        subjects = [encoded[row] for row in rows]
        values = [window.values[row] for row in rows]
        fields: list[Any] = [b""] * (2 * len(rows))
        fields[0::2], fields[1::2] = subjects, values
        commands.append((bucket, fields))
        lists += len(rows)
        size += sum(map(len, fields))
        if size >= _BYTES_A_FLUSH:
            yield commands, lists, size
            commands, lists, size = [], 0, 0
    if commands:
        yield commands, lists, size


def _by_bucket(subjects: list[bytes], buckets: int) -> Iterator[tuple[int, list[int]]]:
    """Rows of each bucket that occurs, in order of bucket."""
    numbers = list_buckets(subjects, buckets)
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        yield int(numbers[rows[0]]), rows.tolist()
