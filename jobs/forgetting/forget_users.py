"""`reco forget`: erase users everywhere, and show what was where and that nothing is left.

The order makes it safe to be killed anywhere and run again:

1. a tombstone, on disk and in the store, so that landing and publishing know;
2. the store: lists of every generation, contributors, recent items, features;
3. the streams are drained, and what they hold of the users meets the tombstone;
4. landing and logs, then what was made of them, from the warehouse to reports;
5. everything is searched; only where nothing is left the tombstone is settled.

A tombstone that is not settled is done again, as a whole, by the next run.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from jobs.draining import drain_events
from jobs.forgetting.erase_landing import Erased, erase_landing
from jobs.forgetting.erase_sources import erase_sources
from jobs.forgetting.erase_store import count_store, erase_store, settle_files
from jobs.forgetting.erase_tables import erase_tables
from jobs.forgetting.erase_texts import erase_texts, is_telling
from jobs.forgetting.erase_warehouse import erase_warehouse
from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.forgetting.find_users import find_users
from jobs.forgetting.search_users import Finding, place_of, search_users
from jobs.forgetting.tombstone_file import Forgotten, add_tombstones, read_tombstones, settle_tombstones
from jobs.landing.ledger import open_ledger
from jobs.one_at_a_time import one_at_a_time
from jobs.publishing.connect_store import open_store
from jobs.warehouse.hold_exports import renewing_exports
from reco_contracts.errors import RecoError, StoreUnavailableError
from reco_contracts.events import MAX_ID_LENGTH
from reco_contracts.settings import Settings
from reco_contracts.tombstones import erasure_key, tombstone

# Where users are looked for, in the order of the data's way; each is shown, also where there was nothing.
PLACES: Final = (
    "landing",
    "quarantine text",
    "inbox",
    "warehouse",
    "analysts' copy",
    "exported marts",
    "features",
    "models' id maps",
    "list files",
    "overlays",
    "reports",
    "store: lists",
    "store: why",
    "store: recent",
    "store: features",
    "store: stream records",
    "store's own files",
)
_SHOWN: Final = 20


@dataclass(slots=True)
class _Erasure:
    """One erasure on its way.

    Attributes:
        settings: of the product.
        now: UTC.
        users: ids.
        erased: place -> rows, records or mentions that were taken out.
        left: place -> what the search found.
        found: the same below the data folder, file by file.
        elsewhere: the same characters where they may mean something else.
        sources: files outside the data folder from which rows had come.
        store: what became of it.
        is_reached: whether the store answered.
    """

    settings: Settings
    now: datetime
    users: frozenset[str]
    erased: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)
    elsewhere: list[Finding] = field(default_factory=list)
    sources: list[Path] = field(default_factory=list)
    store: str = ""
    is_reached: bool = False


def run(users: Iterable[str], settings: Settings, now: datetime) -> dict[str, Any]:
    """Erase users at once.

    Args:
        users: ids.
        settings: of the product.
        now: UTC.

    Returns:
        The summary, with the proof: `places`, each with what was erased and what is left.

    Raises:
        RecoError: something is left, or another process holds the warehouse; the next run goes on.
        StoreUnavailableError: the store does not answer; everything else was erased.
        ConfigError: the key of the tombstones is another one.
    """
    ids = frozenset(users)
    if wrong := [user for user in ids if not 0 < len(user) <= MAX_ID_LENGTH]:
        raise RecoError(f"a user's id has 1 to {MAX_ID_LENGTH} characters; got {len(wrong)} that have not")
    key = erasure_key(settings.layout, settings.erasure.key)
    named = {tombstone(key, user): user for user in ids}
    add_tombstones(settings, named, now, again=True)
    return _erase(_Erasure(settings, now, ids), named)


def run_hashes(hashes: Iterable[str], settings: Settings, now: datetime) -> dict[str, Any]:
    """Erase the users of tombstones, as far as the data folder still names them.

    Args:
        hashes: tombstones, which stay pending until nothing is left.
        settings: of the product.
        now: UTC.

    Raises:
        RecoError, StoreUnavailableError, ConfigError: as in `run`.
    """
    key, wanted = erasure_key(settings.layout, settings.erasure.key), set(hashes)
    found = read_tombstones(settings.layout)
    noted = {user.user_id for name, user in found.users.items() if name in wanted} if found else set()
    users = find_users(settings.layout, Forgotten(key, wanted)) | {user for user in noted if user is not None}
    if found and not users and wanted.isdisjoint(found.pending):
        return {"users": 0, "places": []}  # erased lately, and still so
    add_tombstones(settings, {tombstone(key, user): user for user in users}, now, again=True)
    return _erase(_Erasure(settings, now, users), wanted)


def _erase(erasure: _Erasure, hashes: Iterable[str]) -> dict[str, Any]:
    started = time.monotonic()
    # Of two at once each would put back, with its copy of the warehouse, what the other has taken out.
    with one_at_a_time(erasure.settings.layout.tombstones.with_name(".erasure.lock"), "erasure"):
        _from_store(erasure)
        _from_landing(erasure)
        _from_files(erasure)
        _search(erasure)
    if erasure.left:
        places = ", ".join(f"{place} {count}" for place, count in erasure.left.items())
        raise RecoError(
            f"something is left of the {len(erasure.users)} users: {places}{_named(erasure)}. A job that was at work "
            "may have written it: run `reco forget --pending` when it has ended. Until then the tombstones stay pending"
        )
    if not erasure.is_reached:
        raise StoreUnavailableError(
            f"{erasure.store}. Nothing but the pending tombstone is left below {erasure.settings.layout.root}; run "
            "`reco forget --pending` when the store is back"
        )
    settle_tombstones(erasure.settings.layout, hashes, erasure.now)
    return _summary(erasure) | {"seconds": round(time.monotonic() - started, 2)}


def _from_store(erasure: _Erasure) -> None:
    settings = erasure.settings
    try:
        with open_store(settings.redis) as store:
            exchange_tombstones(store, settings, erasure.now)
            counts = msgspec.structs.asdict(erase_store(store, settings, erasure.users))
        drain_events.run(settings, erasure.now)
        with open_store(settings.redis) as store:
            erase_store(store, settings, erasure.users)  # what a drain or a publisher put there meanwhile
            erasure.store = settle_files(store)
    except StoreUnavailableError as error:
        erasure.store = str(error)
        return
    erasure.is_reached = True
    erasure.erased.update({f"store: {name.replace('_', ' ')}": count for name, count in counts.items() if count})


def _from_landing(erasure: _Erasure) -> None:
    layout = erasure.settings.layout
    with open_ledger(layout) as ledger:
        landed: Erased = erase_landing(layout, ledger, erasure.users, erasure.now)
        records = erase_sources(layout, ledger, erasure.users, erasure.now)
    root = layout.root.resolve()
    erasure.sources = [path for path in landed.sources if path.is_file() and not path.is_relative_to(root)]
    erasure.erased.update({"landing": landed.landed, "quarantine text": landed.quarantined})
    _count(erasure, records)


def _from_files(erasure: _Erasure) -> None:
    layout, options = erasure.settings.layout, erasure.settings.warehouse
    if erasure.users:
        for path in (layout.warehouse, layout.analytics):
            _count(erasure, {path: erase_warehouse(path, erasure.users, options)})
    with renewing_exports(layout):
        _count(erasure, erase_tables(layout, erasure.users))
    _count(erasure, erase_texts(layout, erasure.users))


def _count(erasure: _Erasure, files: dict[Path, int]) -> None:
    for path, rows in files.items():
        erasure.erased[place_of(erasure.settings.layout, path)] += rows


def _search(erasure: _Erasure) -> None:
    layout = erasure.settings.layout
    for finding in search_users(layout, erasure.users):
        if finding.is_theirs:
            erasure.left[place_of(layout, finding.path)] += finding.hits
            erasure.found.append(finding)
        else:
            erasure.elsewhere.append(finding)
    if erasure.is_reached:
        with open_store(erasure.settings.redis) as store:
            counts = msgspec.structs.asdict(count_store(store, erasure.settings, erasure.users))
        erasure.left.update({f"store: {name.replace('_', ' ')}": count for name, count in counts.items() if count})


def _named(erasure: _Erasure) -> str:
    """The first files in which something is left, each with what."""
    files = [f"{finding.path}: {finding.what}" for finding in erasure.found[:_SHOWN]]
    return f" ({'; '.join(files)})" if files else ""


def _summary(erasure: _Erasure) -> dict[str, Any]:
    places = [*PLACES, *(place for place in erasure.erased if place not in PLACES)]
    told = [
        {"place": place, "erased": erasure.erased[place], "left": erasure.left[place]}
        for place in places
        if erasure.is_reached or not place.startswith("store")
    ]
    layout = erasure.settings.layout
    return {
        "users": len(erasure.users),
        "places": told,
        "erased": erasure.erased.total(),
        "left": erasure.left.total(),
        "store": erasure.store,
        "too_short_for_texts": sum(not is_telling(user) for user in erasure.users),
        "elsewhere": [
            f"{finding.path.relative_to(layout.root)}: {finding.what} ({finding.hits})"
            for finding in erasure.elsewhere[:_SHOWN]
        ],
        "sources_to_clean": [str(path) for path in erasure.sources],
        "next": "reports count without them after the next build: reco dbt build --select tag:inputs"
        if erasure.erased["landing"]
        else "nothing",
    }
