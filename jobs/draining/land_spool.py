"""Land the files of the spool folder, and remove each one that the ledger has."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from jobs.draining.read_served import FIELDS, served_frames
from jobs.draining.spool_entries import EVENTS_SUFFIX, SERVED_SUFFIX
from jobs.forgetting.tombstone_file import read_forgotten
from jobs.landing.import_log import land_sources, raise_refused, summarise
from jobs.landing.importers.json_records import json_records
from jobs.landing.importers.protocol import Source
from jobs.landing.importers.record_chunks import record_frames
from jobs.landing.landed_schema import field_names
from jobs.landing.ledger import LedgerEntry, content_sha
from reco_contracts.artifacts import Layout
from reco_contracts.settings import Settings

# What the ledger says of the files' origin; dbt tells served impressions from those that clients post by it.
POSTED: Final = "posted"
SERVED: Final = "served"


def land_spool(settings: Settings, now: datetime) -> tuple[list[LedgerEntry], dict[str, Any]]:
    """Land what was drained.

    Args:
        settings: where from and to, chunk size and limits.
        now: UTC.

    Returns:
        The ledger's entries of the files, and the counts for a summary.

    Raises:
        ContractError: a file cannot be read at all; the others are landed.
    """
    layout = settings.layout
    files = [*_files(layout, POSTED, EVENTS_SUFFIX), *_files(layout, SERVED, SERVED_SUFFIX)]
    landed = land_sources(
        [_source(layout, path) for path in files],
        layout,
        settings.landing,
        now,
        forgotten=partial(read_forgotten, settings),
        lands_unlanded=False,
    )
    entries = [entry for entry, _ in landed.entries]
    in_ledger = {entry.content_sha for entry in entries}
    for path in files:
        if content_sha(path) in in_ledger:
            path.unlink()
    raise_refused(landed)
    return entries, summarise(landed)


def _files(layout: Layout, origin: str, suffix: str) -> list[Path]:
    return sorted(layout.spool(origin).glob(f"[!.]*{suffix}"))


def _source(layout: Layout, path: Path) -> Source:
    origin = path.parent.name
    columns = FIELDS if origin == SERVED else field_names("events")
    frames = partial(served_frames, path, layout) if origin == SERVED else partial(_posted_frames, path)
    return Source("events", path, f"{origin}/{path.name}", origin, frames, columns=columns, is_refusable=False)


def _posted_frames(path: Path, chunk_rows: int) -> Iterator[pl.DataFrame]:
    names = field_names("events")
    return record_frames(json_records(path, names), {name: at for at, name in enumerate(names)}, chunk_rows)
