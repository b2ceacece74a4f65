"""Generations in Redis: their keys, their lifetime, and the pointer to the live one.

Lifetime. Every key of a generation carries the same expiry, `publish.safety_ttl_days`
after the last renewal, so that what nobody replaces or renews goes by itself: the
leftovers of a killed publisher, of a retired namespace, of a machine that is gone.
Publishing and rolling back renew the generation that becomes live and the one behind
it, publishing the live one again renews both, and `reco renew-lists` does so alone, for
days on which nothing is released. A daily schedule therefore never lets the live
generation expire, whatever its checks decide, and after a rollback the target has the
full time again: its age does not count. `NS:current`, `NS:generations` and `NS:rules` never expire.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

import redis

from jobs.publishing.connect_store import Store
from reco_contracts.errors import ContractError, PublishError
from reco_contracts.manifests import (
    GenerationManifest,
    SurfaceManifest,
    decode_generation_manifest,
    encode_manifest,
)
from reco_contracts.redis_keys import (
    CURRENT_GENERATION,
    CURRENT_MANIFEST,
    CURRENT_PUBLISHER,
    PREVIOUS_GENERATION,
    PREVIOUS_MANIFEST,
    RedisKeys,
)
from reco_contracts.surfaces import SubjectKind, subject_kind

Kind = Literal["lists", "why"]

_COMMANDS_A_BATCH = 1_000
# Erasing a user takes single lists out of a generation; losing keys takes whole buckets.
_MIN_SHARE_LEFT = 0.99


class Pointer(NamedTuple):
    """What `NS:current` says: the live generation and the one before it.

    Attributes:
        live: None in an empty store.
        previous: None where there is nothing to go back to.
    """

    live: GenerationManifest | None
    previous: GenerationManifest | None


def read_pointer(store: Store, keys: RedisKeys) -> Pointer:
    """Read `NS:current`.

    Raises:
        ContractError: a manifest in it was written by another version.
    """
    fields: Any = store.hmget(keys.current(), [CURRENT_MANIFEST, PREVIOUS_MANIFEST])
    live, previous = (decode_generation_manifest(value) if value else None for value in fields)
    return Pointer(live, previous)


def claim_pointer(store: Store, keys: RedisKeys, seen: Pointer, publisher: str) -> None:
    """Announce a publisher before it removes or writes anything.

    Whoever announced itself before cannot move the pointer any more, so that nobody's
    generation goes live while somebody else takes it for a leftover. The last one to
    come wins; the announcement of a publisher that died is in nobody's way.

    Args:
        store: the connected store.
        keys: the namespace.
        seen: what `read_pointer` gave when the work began.
        publisher: a name that nobody else has.

    Raises:
        PublishError: somebody else moved the pointer meanwhile.
    """
    _change_pointer(store, keys, seen, {CURRENT_PUBLISHER: publisher}, None)


def who_publishes(store: Store, keys: RedisKeys) -> tuple[str, str]:
    """The name of the live generation, and the publisher that announced itself last; "" where there is none."""
    found: Any = store.hmget(keys.current(), [CURRENT_GENERATION, CURRENT_PUBLISHER])
    live, publisher = ((value or b"").decode() for value in found)
    return live, publisher


def move_pointer(store: Store, keys: RedisKeys, seen: Pointer, target: Pointer, publisher: str | None = None) -> None:
    """Move the pointer in one HSET, if it still is where the caller saw it.

    Args:
        store: the connected store.
        keys: the namespace.
        seen: what `read_pointer` gave when the work began.
        target: what the pointer shall say.
        publisher: as given to `claim_pointer`; None for a caller that writes no generation.

    Raises:
        PublishError: somebody else moved it, or began to publish, meanwhile.
    """
    fields: dict[str | bytes, Any] = {
        CURRENT_GENERATION: target.live.generation if target.live else "",
        CURRENT_MANIFEST: encode_manifest(target.live) if target.live else "",
        PREVIOUS_GENERATION: target.previous.generation if target.previous else "",
        PREVIOUS_MANIFEST: encode_manifest(target.previous) if target.previous else "",
    }
    _change_pointer(store, keys, seen, fields, publisher)


def _change_pointer(
    store: Store, keys: RedisKeys, seen: Pointer, fields: dict[str | bytes, Any], publisher: str | None
) -> None:
    expected = [entry.generation if entry else "" for entry in seen]
    with store.pipeline(transaction=True) as transaction:
        transaction.watch(keys.current())  # type: ignore[no-untyped-call]
        found: Any = transaction.hmget(keys.current(), [CURRENT_GENERATION, PREVIOUS_GENERATION, CURRENT_PUBLISHER])
        *now, at_work = ((value or b"").decode() for value in found)
        if now != expected or publisher not in (None, at_work):
            raise PublishError(_disturbed(keys, expected, now))
        transaction.multi()
        transaction.hset(keys.current(), mapping=fields)
        try:
            transaction.execute()
        except redis.WatchError as error:
            raise PublishError(_disturbed(keys, expected, now)) from error


def _disturbed(keys: RedisKeys, expected: list[str], now: list[str]) -> str:
    (live, previous), (live_now, previous_now) = expected, now
    return (
        f"another publish or rollback came in between: {keys.current()} said {live or 'nothing'!r} with "
        f"{previous or 'nothing'!r} behind it when this began, and now {live_now or 'nothing'!r} with "
        f"{previous_now or 'nothing'!r}. Nothing was switched here; run it again, alone."
    )


def known_generations(store: Store, keys: RedisKeys) -> dict[str, GenerationManifest | None]:
    """Every generation with keys in the store; None where its manifest cannot be read any more."""
    entries: Any = store.hgetall(keys.generations())
    known: dict[str, GenerationManifest | None] = {}
    for name, value in entries.items():
        try:
            known[name.decode()] = decode_generation_manifest(value)
        except ContractError:
            known[name.decode()] = None
    return known


def record_generation(store: Store, keys: RedisKeys, manifest: GenerationManifest) -> None:
    """Write a manifest to `NS:generations`, before the generation's first key."""
    store.hset(keys.generations(), manifest.generation, encode_manifest(manifest).decode())


def unlink_generation(store: Store, keys: RedisKeys, generation: str, manifest: GenerationManifest | None) -> None:
    """Remove a generation's keys, then its record; killed half-way, the next run repeats it.

    Without a readable manifest only the record goes, and the keys run into their expiry.
    """
    if manifest:
        _pipelined(store, generation_keys(keys, manifest), lambda pipe, key: pipe.unlink(key))
    store.hdel(keys.generations(), generation)


def renew_generation(store: Store, keys: RedisKeys, manifest: GenerationManifest, expire_at: int) -> None:
    """Let all keys of a generation expire at one moment.

    Args:
        store: the connected store.
        keys: the namespace.
        manifest: the generation.
        expire_at: Unix time, seconds.
    """
    _pipelined(store, generation_keys(keys, manifest), lambda pipe, key: pipe.expireat(key, expire_at))


def generation_keys(keys: RedisKeys, manifest: GenerationManifest) -> Iterator[str]:
    """Every key of a generation, from its manifest alone."""
    for chunk in range(manifest.catalogue_chunks):
        yield keys.catalogue(manifest.generation, chunk)
    for kind, surface, variant in tables(manifest):
        yield from bucket_keys(keys, manifest, surface, variant, kind)


def tables(manifest: GenerationManifest) -> list[tuple[Kind, str, str]]:
    """What a generation holds in buckets: kind, surface and variant of each."""
    kinds: tuple[Kind, ...] = ("lists", "why")
    return [
        (kind, surface, variant)
        for kind in kinds
        for surface, variants in sizes_of(manifest, kind).items()
        for variant in variants
    ]


def sizes_of(manifest: GenerationManifest, kind: Kind) -> dict[str, dict[str, SurfaceManifest]]:
    """The sizes of lists, or of their contributors: surface -> variant -> size."""
    return manifest.surfaces if kind == "lists" else manifest.why


def bucket_key(
    keys: RedisKeys, manifest: GenerationManifest, surface: str, variant: str, bucket: int, kind: Kind = "lists"
) -> str:
    """The key of one bucket."""
    name = keys.lists if kind == "lists" else keys.why
    return name(manifest.generation, surface, variant, bucket)


def bucket_keys(
    keys: RedisKeys, manifest: GenerationManifest, surface: str, variant: str, kind: Kind = "lists"
) -> list[str]:
    """The keys of one surface and variant; position = bucket."""
    buckets = sizes_of(manifest, kind)[surface][variant].buckets
    return [bucket_key(keys, manifest, surface, variant, bucket, kind) for bucket in range(buckets)]


def count_lists(
    store: Store, keys: RedisKeys, manifest: GenerationManifest, surface: str, variant: str, kind: Kind = "lists"
) -> int:
    """Lists, or contributors of lists, that are in the store for one surface and variant."""
    return sum(_fill_of_buckets(store, bucket_keys(keys, manifest, surface, variant, kind)))


def find_losses(store: Store, keys: RedisKeys, manifest: GenerationManifest) -> list[str]:
    """What a generation lacks in the store; empty = it can serve.

    A few single lists of users less are no loss (an erased user's are taken out of both
    generations), whole buckets are, however many users were erased in all the time.
    """
    losses = []
    chunks = [keys.catalogue(manifest.generation, chunk) for chunk in range(manifest.catalogue_chunks)]
    there = sum(_pipelined(store, chunks, lambda pipe, key: pipe.exists(key)))
    erased: Any = store.scard(keys.forgotten())
    if there < len(chunks):
        losses.append(f"catalogue: {there} of {len(chunks)} chunks")
    for kind, surface, variant in tables(manifest):
        expected = sizes_of(manifest, kind)[surface][variant].subjects
        filled = _fill_of_buckets(store, bucket_keys(keys, manifest, surface, variant, kind))
        lists = sum(filled)
        may_lack = erased if subject_kind(surface) == SubjectKind.USER and all(filled) else 0
        if lists < min(expected * _MIN_SHARE_LEFT, expected - may_lack):
            what = "lists" if kind == "lists" else "lists' contributors"
            losses.append(f"{surface}/{variant}: {lists:,} of {expected:,} {what}")
    return losses


def _fill_of_buckets(store: Store, buckets: list[str]) -> list[int]:
    """Lists in each bucket."""
    return _pipelined(store, buckets, lambda pipe, key: pipe.hlen(key))


def _pipelined(store: Store, keys: Iterable[str], command: Callable[[Any, str], Any]) -> list[Any]:
    """Run one command a key, many in one round trip; a key a command keeps a cluster possible."""
    replies: list[Any] = []
    remaining = iter(keys)
    while batch := list(islice(remaining, _COMMANDS_A_BATCH)):
        with store.pipeline(transaction=False) as pipe:
            for key in batch:
                command(pipe, key)
            replies.extend(pipe.execute())
    return replies
