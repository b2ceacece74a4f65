"""Publish a generation's lists: write it beside the live one, check it, move the pointer last.

The order is the safety. Whatever dies, and wherever, readers stay on the live
generation, and `NS:generations` tells the next run what to remove:

1. the folder and its manifest are complete, and the store can take them;
2. the publisher announces itself, so that of two at once only the last can go on;
   every generation but the live one is unlinked, from its manifest;
3. the new manifest is recorded, then its keys are written, each with an expiry;
4. counts and a sample of lists are read back and compared, byte by byte; users who were erased meanwhile are
   taken out;
5. one HSET makes it live and the old one `previous`;
6. the business rules that hold at read time follow, those of the file that was checked first.

A publisher that is refused on its way (the store is full, a file breaks its contract) removes
what it wrote; one that dies leaves that to the next run. None continues where another stopped:
the next one starts over, from the files and the tombstones as they are then.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import redis
from redis.exceptions import RedisClusterException

from jobs.forgetting.leave_out_lists import leave_out_forgotten, leave_out_latecomers
from jobs.progress import progress_bar
from jobs.publishing.check_store import check_encoding, check_memory, estimate_bytes
from jobs.publishing.connect_store import Store, open_store
from jobs.publishing.generation_store import (
    Kind,
    Pointer,
    claim_pointer,
    find_losses,
    known_generations,
    move_pointer,
    read_pointer,
    record_generation,
    renew_generation,
    tables,
    unlink_generation,
    who_publishes,
)
from jobs.publishing.plan_publication import Publication, expiry, plan
from jobs.publishing.read_back import Sample, check_catalogue, check_lists, check_same_lists
from jobs.publishing.read_lists import read_lists_manifest, stream_catalogue, table_file
from jobs.publishing.write_lists import WriteTarget, write_catalogue, write_lists
from jobs.rules.push_rules import file_rules, push
from reco_contracts.artifacts import record_publication, set_released_model
from reco_contracts.errors import PublishError, RecoError
from reco_contracts.logs import get_logger
from reco_contracts.manifests import GenerationManifest, ListsManifest, encode_catalogue_chunk
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.settings import Settings

_log = get_logger(__name__)

Leaving = dict[str, GenerationManifest | None]


def run(generation: str, settings: Settings, *, is_forced: bool = False) -> dict[str, Any]:
    """Publish a generation from data/lists and make it live.

    Args:
        generation: name of a complete folder.
        settings: where the store and the data are.
        is_forced: publish although the live generation is of a later run date.

    Returns:
        Summary: counts, bytes, seconds, lists a second, and warnings.

    Raises:
        EmptyPartitionError: there is no such folder.
        ContractError: the folder is incomplete or its files break their contract.
        ConfigError: the business rules are wrong.
        PublishError: the store cannot take it, took it wrongly, or a newer one or another one of its name is live.
        StoreUnavailableError: the store cannot be reached.
    """
    started = time.monotonic()
    read_lists_manifest(settings.layout, generation)
    now = datetime.now(UTC)
    rules = file_rules(settings, now)
    with open_store(settings.redis) as store:
        forgotten = leave_out_forgotten(store, settings, generation, now)
        lists = read_lists_manifest(settings.layout, generation)
        publication = plan(lists, settings, now)
        seen = read_pointer(store, settings.keys)
        live = seen.live if seen.live and seen.live.generation == generation else None
        if live:
            check_same_lists(
                store, settings.keys, live, publication.manifest, settings.layout, publication.readback_sample
            )
        if live and not _has_losses(store, settings.keys, live):
            summary = _renew_live(store, publication, seen)
        else:
            check_order(lists, seen, is_forced=is_forced)

            def last_look() -> None:
                leave_out_latecomers(store, settings, publication.manifest, forgotten, now)

            summary = publish(store, publication, seen, last_look)
        summary["rules"] = push(store, settings, rules, publication.manifest)
    record_publication(settings.layout, publication.manifest)
    set_released_model(settings.layout, lists.model_version)
    seconds = time.monotonic() - started
    rate = {"lists_per_second": round(summary["lists"] / seconds)} if summary["state"] == "published" else {}
    return {**summary, "seconds": round(seconds, 3), **rate}


def renew(settings: Settings) -> dict[str, Any]:
    """Give the live generation and the one before it their full lifetime again.

    Raises:
        StoreUnavailableError: the store cannot be reached.
    """
    expire_at = expiry(settings, datetime.now(UTC))
    with open_store(settings.redis) as store:
        reachable = [manifest for manifest in read_pointer(store, settings.keys) if manifest]
        for manifest in reachable:
            renew_generation(store, settings.keys, manifest, expire_at)
    until = datetime.fromtimestamp(expire_at, UTC).isoformat()
    return {"renewed": [manifest.generation for manifest in reachable], "expires_at": until}


def check_order(lists: ListsManifest, seen: Pointer, *, is_forced: bool) -> None:
    """Refuse to move the live generation back in time by publishing.

    Raises:
        PublishError: the live generation's run date is later.
    """
    if seen.live and lists.run_date < seen.live.run_date and not is_forced:
        raise PublishError(
            f"{lists.generation} is of {lists.run_date}, the live generation {seen.live.generation} of "
            f"{seen.live.run_date}. To go back use `reco rollback`; to publish it all the same, --force."
        )


def publish(
    store: Store, publication: Publication, seen: Pointer, last_look: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Write, check and switch; see the module's description for the order.

    Args:
        store: the connected store.
        publication: from `plan`.
        seen: the pointer when the work began.
        last_look: called when all is written and checked, before the pointer moves.

    Returns:
        Summary without times.

    Raises:
        PublishError: as in `run`; the pointer has not moved.
    """
    keys, manifest = publication.keys, publication.manifest
    path = publication.layout.catalogue_file(manifest.generation)
    chunks = [encode_catalogue_chunk(chunk) for chunk in stream_catalogue(path)]
    # Read before the announcement: what comes later belongs to somebody who may make it live.
    leaving = _leaving(store, keys, seen)
    warnings = _check_store(store, publication, leaving, sum(map(len, chunks)))
    publisher = secrets.token_hex(8)
    claim_pointer(store, keys, seen, publisher)
    _make_room(store, keys, seen, leaving)
    # A live generation that lost keys is written again in its own place: nothing is left behind it.
    behind = None if seen.live and seen.live.generation == manifest.generation else seen.live
    record_generation(store, keys, manifest)
    try:
        written = _write(store, publication, chunks)
        last_look()
        move_pointer(store, keys, Pointer(seen.live, None), Pointer(manifest, behind), publisher)
    except (RecoError, redis.RedisError, RedisClusterException):
        _clean_up(store, keys, manifest, publisher)
        raise
    if behind:
        renew_generation(store, keys, behind, publication.expire_at)
    return _summary("published", publication, behind) | {
        "bytes": sum(written.values()) + sum(map(len, chunks)),
        "why_bytes": sum(size for (kind, *_), size in written.items() if kind == "why"),
        "unlinked": sorted(leaving),
        "warnings": warnings,
    }


def _leaving(store: Store, keys: RedisKeys, seen: Pointer) -> Leaving:
    """Every generation but the live one."""
    live = seen.live.generation if seen.live else None
    return {name: entry for name, entry in known_generations(store, keys).items() if name != live}


def _check_store(store: Store, publication: Publication, leaving: Leaving, catalogue_bytes: int) -> list[str]:
    sizes = [*publication.sizes.values(), *publication.why_sizes.values()]
    estimate = estimate_bytes(sizes, publication.subjects_per_bucket, catalogue_bytes)
    per_list = estimate / max(1, sum(size.subjects for size in publication.sizes.values()))
    whole = [entry for entry in leaving.values() if entry and not find_losses(store, publication.keys, entry)]
    reclaimable = int(per_list * sum(map(_lists_in, whole)))
    warnings = check_encoding(store, sizes, publication.subjects_per_bucket)
    warnings += check_memory(store, estimate, reclaimable)
    for warning in warnings:
        _log.warning(warning)
    return warnings


def _make_room(store: Store, keys: RedisKeys, seen: Pointer, leaving: Leaving) -> None:
    """Unlink what leaves; first forget that there is one to go back to."""
    if seen.previous:
        move_pointer(store, keys, seen, Pointer(seen.live, None))
    for name, entry in leaving.items():
        if entry is None:
            _log.warning("manifest cannot be read, its keys will expire by themselves", generation=name)
        unlink_generation(store, keys, name, entry)


def _write(store: Store, publication: Publication, chunks: list[bytes]) -> dict[tuple[Kind, str, str], int]:
    """Write and check everything; gives the bytes of each table."""
    keys, manifest = publication.keys, publication.manifest
    target = WriteTarget(store, keys, manifest, publication.expire_at, publication.connections)
    write_catalogue(target, chunks)
    every = [*publication.sizes.values(), *publication.why_sizes.values()]
    with progress_bar(f"publish {manifest.generation}", sum(size.subjects for size in every)) as advance:
        written = {table: _write_table(target, publication, *table, advance) for table in tables(manifest)}
    check_catalogue(store, keys, manifest, chunks)
    return written


def _clean_up(store: Store, keys: RedisKeys, manifest: GenerationManifest, publisher: str) -> None:
    """Remove what was written in vain: a full store refuses everybody's writes, not only ours.

    Unless it is live, or somebody else publishes by now and may be writing under the same name. What
    cannot be removed now is removed by the next publish.
    """
    with suppress(redis.RedisError, RedisClusterException):
        live, at_work = who_publishes(store, keys)
        if live != manifest.generation and at_work == publisher:
            unlink_generation(store, keys, manifest.generation, manifest)


def _write_table(
    target: WriteTarget,
    publication: Publication,
    kind: Kind,
    surface: str,
    variant: str,
    advance: Callable[[int], None],
) -> int:
    """Write and check the lists, or the contributors, of one surface and variant; gives their bytes."""
    path = table_file(publication.layout, target.manifest.generation, kind, surface, variant)
    sizes = publication.sizes if kind == "lists" else publication.why_sizes
    sample = Sample(sizes[surface, variant].subjects, publication.readback_sample)
    written = write_lists(target, path, surface, variant, sample, advance, kind)
    check_lists(target.store, target.keys, target.manifest, surface, variant, sample, kind)
    return written


def _has_losses(store: Store, keys: RedisKeys, live: GenerationManifest) -> bool:
    losses = find_losses(store, keys, live)
    if losses:
        _log.warning("the live generation has lost keys and is written again", losses=losses)
    return bool(losses)


def _renew_live(store: Store, publication: Publication, seen: Pointer) -> dict[str, Any]:
    for manifest in filter(None, seen):
        renew_generation(store, publication.keys, manifest, publication.expire_at)
    return _summary("already live, expiry renewed", publication, seen.previous)


def _summary(state: str, publication: Publication, behind: GenerationManifest | None) -> dict[str, Any]:
    manifest, sizes = publication.manifest, publication.sizes.values()
    return {
        "state": state,
        "generation": manifest.generation,
        "run_date": manifest.run_date,
        "model_version": manifest.model_version,
        "previous_generation": behind.generation if behind else None,
        "lists": sum(size.subjects for size in sizes),
        "items": manifest.n_items,
        "buckets": sum(variant.buckets for surface in manifest.surfaces.values() for variant in surface.values()),
        "expires_at": datetime.fromtimestamp(publication.expire_at, UTC).isoformat(),
    }


def _lists_in(manifest: GenerationManifest) -> int:
    return sum(variant.subjects for surface in manifest.surfaces.values() for variant in surface.values())
