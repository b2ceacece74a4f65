"""`reco fold-in-drained`: new home lists, in the live generation, for users who posted events since it was ranked."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from jobs.draining.drained_history import Touched, newest_history, touched_users
from jobs.draining.publish_folded import publish_folded
from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.forgetting.tombstone_file import read_forgotten
from jobs.landing.ledger import LedgerEntry, read_entries
from jobs.publishing.connect_store import open_store
from jobs.publishing.generation_store import read_pointer
from jobs.ranking.fold_in_users import HomeRanking, fold_in_lists, load_home_ranking
from jobs.ranking.save_lists import save_lists
from jobs.warehouse.read_marts import read_items, read_users
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.settings import Settings

_NAME = "drained"


class _Mark(msgspec.Struct, frozen=True):
    """How far a generation's folding came.

    Attributes:
        revision: of the ledger: what was landed up to here is in lists that were published.
    """

    revision: int


def run(settings: Settings, now: datetime) -> dict[str, Any]:
    """Fold in who was touched since the last time, and publish their lists; killed half-way it does so again.

    Args:
        settings: where everything is.
        now: UTC.

    Returns:
        The summary.

    Raises:
        EmptyPartitionError: the live generation's model or the marts are gone.
        StoreUnavailableError: the store does not answer.
    """
    layout = settings.layout
    with open_store(settings.redis) as store:
        manifest = read_pointer(store, settings.keys).live
        if manifest is None:  # before the first release, which will know what was landed
            return {"generation": None, "users": 0, "published": 0}
        home = load_home_ranking(
            layout, manifest.generation, settings.train.threads, settings.interactions.rating_positive_min
        )
        entries, mark = read_entries(layout), _mark_file(layout, manifest.generation)
        touched = touched_users(layout, entries, _read_mark(mark), home.run_date)
        touched = _without_erased(touched, settings)
        published = 0
        if len(touched.users):
            path = layout.overlay_file(manifest.generation, _NAME)
            _fold(path, home, touched, entries, settings)
            ttl = settings.session.ttl_hours * 3_600
            exchange_tombstones(store, settings, now)  # the API may have erased somebody since the drain
            published = publish_folded(store, settings.keys, manifest, path, now, ttl, read_forgotten(settings))
    _write_mark(mark, touched.revision)
    return {"generation": manifest.generation, "users": len(touched.users), "published": published}


def _fold(path: Path, home: HomeRanking, touched: Touched, entries: list[LedgerEntry], settings: Settings) -> None:
    layout = settings.layout
    history = newest_history(layout, entries, touched.users, home.run_date, settings.interactions)
    lists = fold_in_lists(home, touched.users, history, read_items(layout), read_users(layout))
    with replace_file(path) as temporary:
        save_lists(temporary, lists)


def _without_erased(touched: Touched, settings: Settings) -> Touched:
    """Who was erased after they had posted gets no list any more."""
    erased = read_forgotten(settings).among(touched.users)
    return replace(touched, users=touched.users.filter(~touched.users.is_in(erased)))


def _mark_file(layout: Layout, generation: str) -> Path:
    return layout.overlay_file(generation, _NAME).with_suffix(".json")


def _read_mark(path: Path) -> int:
    return msgspec.json.decode(path.read_bytes(), type=_Mark).revision if path.exists() else 0


def _write_mark(path: Path, revision: int) -> None:
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.json.encode(_Mark(revision)))
