"""Publishing and erased users: their lists are left out, also of those who are erased while it writes."""

from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from jobs.forgetting.erase_store import erase_lists
from jobs.forgetting.erase_tables import erase_rows, renew_counts
from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.forgetting.tombstone_file import Forgotten, read_forgotten
from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import Kind
from jobs.publishing.read_lists import table_file
from reco_contracts.artifacts import Layout
from reco_contracts.columns import LIST_SUBJECT
from reco_contracts.logs import get_logger
from reco_contracts.manifests import MANIFEST_FILE, GenerationManifest, decode_lists_manifest
from reco_contracts.settings import Settings
from reco_contracts.surfaces import SubjectKind, subject_kind

_log = get_logger(__name__)
_KINDS: Final[tuple[Kind, ...]] = ("lists", "why")


def leave_out_forgotten(store: Store, settings: Settings, generation: str, now: datetime) -> Forgotten:
    """Take erased users out of a list folder before it is published.

    Args:
        store: the connected store, whose tombstones count too.
        settings: of the product.
        generation: a complete folder.
        now: UTC.

    Returns:
        Whom the folder knows as erased from now on.

    Raises:
        ConfigError: the store's tombstones were made with another key.
    """
    exchange_tombstones(store, settings, now)
    forgotten = read_forgotten(settings)
    if users := _listed(settings.layout, generation, forgotten):
        _erase_folder(settings.layout, generation, users)
        _log.info("erased users are left out", generation=generation, users=len(users))
    return forgotten


def leave_out_latecomers(
    store: Store, settings: Settings, manifest: GenerationManifest, known: Forgotten, now: datetime
) -> int:
    """Take out of a generation that is written who was erased meanwhile; called before its pointer moves.

    Args:
        store: the connected store.
        settings: of the product.
        manifest: of the generation, which is recorded: who is erased from here on is taken out of it by others.
        known: from `leave_out_forgotten`.
        now: UTC.

    Returns:
        How many users.
    """
    exchange_tombstones(store, settings, now)
    users = _listed(settings.layout, manifest.generation, read_forgotten(settings).but(known))
    if users:
        for kind in _KINDS:
            erase_lists(store, settings.keys, manifest, users, kind)
        _erase_folder(settings.layout, manifest.generation, users)
    return len(users)


def _listed(layout: Layout, generation: str, forgotten: Forgotten) -> frozenset[str]:
    """Erased users who have a list in a folder."""
    users: set[str] = set()
    if forgotten:
        for path in _files(layout, generation):
            for batch in pq.ParquetFile(path).iter_batches(columns=[LIST_SUBJECT]):
                users.update(forgotten.among(batch.column(0).to_pylist()))
    return frozenset(users)


def _erase_folder(layout: Layout, generation: str, users: frozenset[str]) -> None:
    for path in _files(layout, generation):
        erase_rows(path, LIST_SUBJECT, users)
    renew_counts(layout, generation)


def _files(layout: Layout, generation: str) -> list[Path]:
    """The list files of users, and those of their contributors."""
    manifest = decode_lists_manifest((layout.lists / generation / MANIFEST_FILE).read_bytes())
    return [
        table_file(layout, generation, kind, surface, variant)
        for kind in _KINDS
        for surface, variants in getattr(manifest, kind).items()
        if subject_kind(surface) == SubjectKind.USER
        for variant in variants
    ]
