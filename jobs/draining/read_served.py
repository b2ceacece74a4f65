"""Read a spooled file of served records as record frames: one impression an item, ids by the generation's catalogue."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from jobs.landing.landed_schema import RECORD_SCHEMA, SOURCE_KEY
from reco_contracts.artifacts import Layout
from reco_contracts.errors import ContractError
from reco_contracts.events import EventType, RejectReason
from reco_contracts.served_codec import ServedRecord, decode_records

FIELDS: Final = (
    "user_id",
    "item_id",
    "event_type",
    "occurred_at",
    "request_id",
    "surface",
    "experiment",
    "variant",
    "generation",
    "position",
    "propensity",
)
_SCHEMA: Final = {**RECORD_SCHEMA, **dict.fromkeys((*FIELDS, SOURCE_KEY), pl.String())}
_entries: Final = msgspec.msgpack.Decoder(list[bytes])

Row = dict[str, Any]


def served_frames(path: Path, layout: Layout, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Record frames of impressions, as `jobs.landing.landed_schema` describes them.

    An id is not in them: landing derives it from the content, of which the surface is a
    part, so that a record which the stream holds twice is one event.

    Args:
        path: of the spool.
        layout: where the catalogues of generations are.
        chunk_rows: rows in a frame, about.

    Raises:
        ContractError: it is no such file.
    """
    item_ids = cache(lambda generation: _catalogue(layout, generation))
    rows: list[Row] = []
    line = 0
    for found in _records(path):
        made = [_unreadable(found)] if isinstance(found, str) else _impressions(found, item_ids(found.generation))
        for row in made:
            line += 1
            rows.append({"line": line, **row})
        if len(rows) >= chunk_rows:
            yield pl.DataFrame(rows, schema=_SCHEMA)
            rows = []
    if rows:
        yield pl.DataFrame(rows, schema=_SCHEMA)


def _records(path: Path) -> Iterator[ServedRecord | str]:
    """The records of a file; of an entry that cannot be read what is wrong."""
    try:
        entries = _entries.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ContractError(f"{path} holds no spooled entries: {error}; move it away and say what wrote it") from error
    for value in entries:
        try:
            yield from decode_records(value)
        except ContractError as error:
            yield f"{error}; its bytes: {value[:1_000].hex()}"


def _catalogue(layout: Layout, generation: str) -> list[str] | None:
    """Item ids by index; None where the generation's files are gone."""
    path = layout.catalogue_file(generation)
    if not generation or path.parent.parent != layout.lists or not path.exists():
        return None
    return pl.read_parquet(path, columns=["item_id"])["item_id"].to_list()


def _impressions(record: ServedRecord, item_ids: list[str] | None) -> Iterator[Row]:
    shared = {
        "user_id": record.user_id,
        "event_type": EventType.IMPRESSION.value,
        "occurred_at": str(record.served_at_ms),
        "request_id": record.request_id,
        "surface": record.surface,
        "experiment": record.experiment or None,
        "variant": record.variant,
        "generation": record.generation,
        "propensity": repr(record.propensity),
        SOURCE_KEY: record.surface,
    }
    for position, item in enumerate(record.items, record.first_position):
        known = item_ids is not None and item < len(item_ids)
        row = {**shared, "item_id": item_ids[item] if known and item_ids else None, "position": str(position)}
        wrong = None if known else _unknown(record.generation, item, item_ids)
        yield {**row, "raw": msgspec.json.encode({**row, "item_index": item}).decode(), **_rejected(wrong)}


def _unknown(generation: str, item: int, item_ids: list[str] | None) -> str:
    if item_ids is None:
        return f"the catalogue of generation {generation!r} is not in data/lists: item index {item} has no name"
    return f"item index {item} of generation {generation!r}, whose catalogue has {len(item_ids)} items"


def _unreadable(said: str) -> Row:
    return {"raw": said, **_rejected(said)}


def _rejected(detail: str | None) -> Row:
    return {"reason": RejectReason.MALFORMED_ROW.value if detail else None, "detail": detail}
