"""Does a generation fit the store: compact encoding, memory, eviction policy."""

import math
from collections.abc import Iterable
from typing import Any

import redis

from jobs.publishing.connect_store import Store, primaries, slot_shares
from jobs.publishing.read_lists import ListFileSize
from reco_contracts.errors import PublishError

# Measured on Valkey 9.1: 7 bytes a list beside its payload and 150 a bucket for the key.
# Servers whose allocator has size classes (jemalloc) round a bucket up by an eighth at most.
_BYTES_A_LIST = 8
_BYTES_A_BUCKET = 150
_ALLOCATOR = 1.12

_ENTRIES = "hash-max-listpack-entries"
_VALUE = "hash-max-listpack-value"


def count_buckets(subjects: int, subjects_per_bucket: int) -> int:
    """Buckets for a number of lists; at least one."""
    return max(1, math.ceil(subjects / subjects_per_bucket))


def estimate_bytes(sizes: Iterable[ListFileSize], subjects_per_bucket: int, catalogue_bytes: int) -> int:
    """Memory that a generation will take in the store.

    Args:
        sizes: the list files.
        subjects_per_bucket: lists in one hash.
        catalogue_bytes: the catalogue's chunks, encoded.
    """
    lists = sum(
        size.payload
        + size.subjects * _BYTES_A_LIST
        + count_buckets(size.subjects, subjects_per_bucket) * _BYTES_A_BUCKET
        for size in sizes
    )
    return math.ceil((lists + catalogue_bytes) * _ALLOCATOR)


def check_encoding(store: Store, sizes: Iterable[ListFileSize], subjects_per_bucket: int) -> list[str]:
    """Check that the store will keep buckets in the compact encoding, about a tenth of the memory.

    Returns:
        Warnings: what could not be checked.

    Raises:
        PublishError: a limit is too small; says the commands that raise it.
    """
    try:
        limits = _listpack_limits(store)
    except redis.ResponseError as error:
        return [f"CONFIG GET is not allowed ({error}): make sure that {_VALUE} and {_ENTRIES} fit the lists"]
    if _VALUE not in limits or _ENTRIES not in limits:
        return [f"the server does not report {_VALUE} and {_ENTRIES}"]
    sizes = list(sizes)
    needed = {
        _VALUE: max((max(size.longest_value, size.longest_subject) for size in sizes), default=0),
        _ENTRIES: max((_fullest_bucket(size.subjects, subjects_per_bucket) for size in sizes), default=0),
    }
    small = {name: need for name, need in needed.items() if limits[name] < need}
    if small:
        said = "; ".join(f"{name} is {limits[name]}, these lists need {need}" for name, need in small.items())
        commands = ", ".join(f"CONFIG SET {name} {need}" for name, need in small.items())
        raise PublishError(f"the store would not keep lists compactly: {said}. Run {commands} (and in its file).")
    return []


def check_memory(store: Store, estimate: int, reclaimable: int) -> list[str]:
    """Check that a generation fits below the memory limit of every server; without one the machine's memory is it.

    Args:
        store: the connected store.
        estimate: memory that it will take, bytes.
        reclaimable: memory that unlinking older generations will free first, bytes.

    Returns:
        Warnings: an eviction policy that may take live lists.

    Raises:
        PublishError: it does not fit; with the numbers.
    """
    policies = set()
    shares = slot_shares(store)
    for name, server in primaries(store).items():
        memory: Any = server.info("memory")
        _check_room(name, memory, round(estimate * shares[name]), round(reclaimable * shares[name]))
        if int(memory.get("maxmemory", 0)):
            policies.add(str(memory.get("maxmemory_policy", "noeviction")))
    return [
        f"maxmemory-policy is {policy}: the store may drop live lists when it is full; use noeviction"
        for policy in sorted(policies - {"noeviction"})
    ]


def _listpack_limits(store: Store) -> dict[str, int]:
    """The smallest of all servers."""
    limits: dict[str, int] = {}
    for server in primaries(store).values():
        told: Any = server.config_get("hash-max-listpack-*")
        for name, value in told.items():
            limits[name] = min(int(value), limits.get(name, int(value)))
    return limits


def _check_room(name: str, memory: dict[str, Any], estimate: int, reclaimable: int) -> None:
    """Compare what one server will hold with what it may hold."""
    maximum, machine = int(memory.get("maxmemory", 0)), int(memory.get("total_system_memory", 0))
    limit, used = maximum or machine, int(memory.get("used_memory", 0))
    room = limit - used + reclaimable
    if limit and estimate > room:
        kind = "maxmemory" if maximum else "no maxmemory is set; the machine has"
        raise PublishError(
            f"the generation needs about {_mb(estimate)}, the store{f' at {name}' if name else ''} has room for "
            f"{_mb(max(room, 0))} ({kind} {_mb(limit)}, used {_mb(used)}, of which {_mb(reclaimable)} will be freed). "
            f"{'Raise maxmemory' if maximum else 'Give it more memory'}, or publish shorter lists (surfaces.*.k)."
        )


def _fullest_bucket(subjects: int, subjects_per_bucket: int) -> int:
    """An upper bound: hashed subjects spread like a Poisson variable, six deviations are never seen."""
    mean = subjects / count_buckets(subjects, subjects_per_bucket)
    return min(subjects, math.ceil(mean + 6 * math.sqrt(mean) + 6))


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
