"""Read a generation's list files: their size before publishing, then packed lists batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reco_contracts.artifacts import Layout
from reco_contracts.columns import (
    CATALOGUE_COLUMNS,
    LIST_COLUMNS,
    LIST_ITEMS,
    LIST_REASONS,
    LIST_SCORES,
    LIST_SEEDS,
    LIST_SUBJECT,
    WHY_COLUMNS,
    WHY_SEEDS,
    WHY_SHARES,
    WHY_SIGNALS,
)
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.list_codec import PAD, pack_lists
from reco_contracts.manifests import (
    CATALOGUE_CHUNK_ITEMS,
    MANIFEST_FILE,
    CatalogueChunk,
    ListsManifest,
    decode_lists_manifest,
)
from reco_contracts.why_codec import NAMED, pack_why, packed_size

_BATCH_ROWS = 20_000
_HEADER_BYTES = 4
_ITEM_BYTES = 4 + 2 + 1  # index, score, reason
_SEED_BYTES = 4


@dataclass(frozen=True, slots=True)
class ListFileSize:
    """What one list file will take in the store.

    Attributes:
        subjects: lists.
        items: items over all lists.
        k: items of the longest list.
        longest_value: upper bound of the longest packed list, bytes.
        longest_subject: longest subject in UTF-8, bytes.
        payload: upper bound of subjects and packed lists together, bytes.
    """

    subjects: int
    items: int
    k: int
    longest_value: int
    longest_subject: int
    payload: int


class _RowSizes(NamedTuple):
    """Rows of a file and what is in them; lengths of subjects in bytes of UTF-8."""

    subjects: int
    subject_bytes: int
    longest_subject: int
    entries: int
    longest: int


class PackedBatch(NamedTuple):
    """Lists of one batch: subjects and their packed values, parallel."""

    subjects: list[str]
    values: list[bytes]


def read_lists_manifest(layout: Layout, generation: str) -> ListsManifest:
    """The manifest of a complete list folder, checked against its files.

    Raises:
        EmptyPartitionError: there is no such folder.
        ContractError: the folder is incomplete, or a file has another number of rows than the manifest says.
    """
    folder = layout.lists / generation
    # A name with a dot in front is a folder that is being written, and no way out of the data folder either.
    if not generation or generation.startswith(".") or folder.parent != layout.lists or not folder.is_dir():
        known = ", ".join(sorted(path.name for path in layout.lists.glob("[!.]*"))[-5:]) or "none"
        raise EmptyPartitionError(f"generation {generation!r} is not in {layout.lists}; the last ones there: {known}")
    path = folder / MANIFEST_FILE
    if not path.exists():
        raise ContractError(f"{folder} has no {MANIFEST_FILE}, so it is not complete; run `reco rank` again")
    manifest = decode_lists_manifest(path.read_bytes())
    if manifest.generation != generation:
        raise ContractError(f"{path} is of generation {manifest.generation!r}; folders are never renamed")
    _check_rows(layout.catalogue_file(generation), manifest.n_items, CATALOGUE_COLUMNS)
    for surface, variants in manifest.lists.items():
        for variant, lists in variants.items():
            _check_rows(layout.list_file(generation, surface, variant), lists, LIST_COLUMNS)
    for surface, variants in manifest.why.items():
        for variant, lists in variants.items():
            _check_rows(layout.why_file(generation, surface, variant), lists, WHY_COLUMNS)
    return manifest


def measure_lists(path: Path) -> ListFileSize:
    """Measure a list file without decoding its items.

    Args:
        path: Parquet with `columns.LIST_COLUMNS`.
    """
    size = _measure(path, LIST_REASONS)
    per_item = _ITEM_BYTES + _SEED_BYTES
    payload = size.subject_bytes + size.subjects * _HEADER_BYTES + size.entries * per_item
    longest_value = _HEADER_BYTES + size.longest * per_item
    return ListFileSize(size.subjects, size.entries, size.longest, longest_value, size.longest_subject, payload)


def stream_lists(path: Path, n_items: int) -> Iterator[PackedBatch]:
    """Pack a list file batch by batch, in the order of its rows.

    Args:
        path: Parquet with `columns.LIST_COLUMNS`.
        n_items: rows of the catalogue; every index must be below.

    Raises:
        ContractError: parallel columns differ in length, or an index is not in the catalogue.
    """
    for batch in _batches(path, LIST_COLUMNS):
        items, scores, reasons, seeds = _padded(batch, path)
        highest = max(int(items.max(initial=PAD)), int(seeds.max(initial=PAD)))
        if highest >= n_items:
            raise ContractError(f"{path}: item index {highest}, but the catalogue has {n_items} items")
        yield PackedBatch(batch.column(LIST_SUBJECT).to_pylist(), pack_lists(items, scores, reasons, seeds))


def table_file(layout: Layout, generation: str, kind: Literal["lists", "why"], surface: str, variant: str) -> Path:
    """The file of lists, or of their contributors."""
    return (layout.list_file if kind == "lists" else layout.why_file)(generation, surface, variant)


def table_stream(kind: Literal["lists", "why"], path: Path, n_items: int) -> Iterator[PackedBatch]:
    """Pack a file of lists, or of their contributors, batch by batch."""
    return stream_lists(path, n_items) if kind == "lists" else stream_why(path, n_items)


def measure_why(path: Path) -> ListFileSize:
    """Measure a file of contributors without decoding it; bounds, since tables are shorter.

    Args:
        path: Parquet with `columns.WHY_COLUMNS`.
    """
    size = _measure(path, WHY_SIGNALS)
    entries = packed_size(size.entries, 1) - packed_size(0, 1)
    payload = size.subject_bytes + size.subjects * packed_size(0, NAMED) + entries
    items, k = size.entries // NAMED, size.longest // NAMED
    return ListFileSize(size.subjects, items, k, packed_size(size.longest, 1), size.longest_subject, payload)


def stream_why(path: Path, n_items: int) -> Iterator[PackedBatch]:
    """Pack a file of contributors batch by batch, in the order of its rows.

    Args:
        path: Parquet with `columns.WHY_COLUMNS`.
        n_items: rows of the catalogue; every index must be below.

    Raises:
        ContractError: parallel columns differ in length, or an index is not in the catalogue.
    """
    for batch in _batches(path, WHY_COLUMNS):
        wanted = {WHY_SIGNALS: pa.uint8(), WHY_SEEDS: pa.int32(), WHY_SHARES: pa.float32()}
        (signals, seeds, shares), lengths = _matrices(batch, path, wanted)
        if int(seeds.max(initial=PAD)) >= n_items:
            raise ContractError(f"{path}: item index {seeds.max()}, but the catalogue has {n_items} items")
        shape = (len(lengths), -1, NAMED)
        packed = pack_why(signals.reshape(shape), seeds.reshape(shape), shares.reshape(shape), lengths // NAMED)
        yield PackedBatch(batch.column(LIST_SUBJECT).to_pylist(), packed)


def stream_catalogue(path: Path) -> Iterator[CatalogueChunk]:
    """The items of a generation, chunk by chunk, in the order of their indices.

    Args:
        path: Parquet with `columns.CATALOGUE_COLUMNS`; row number = item index.
    """
    table = pq.read_table(path, columns=["item_id", "title", "categories"])
    for start in range(0, table.num_rows, CATALOGUE_CHUNK_ITEMS):
        ids, titles, categories = (column.to_pylist() for column in table.slice(start, CATALOGUE_CHUNK_ITEMS).columns)
        yield CatalogueChunk(
            ids,
            [title or item_id for item_id, title in zip(ids, titles, strict=True)],
            [names or [] for names in categories],
        )


def _check_rows(path: Path, expected: int, columns: tuple[str, ...]) -> None:
    if not path.is_file():
        raise ContractError(f"{path} is missing, though the manifest counts {expected} rows in it; run `reco rank`")
    file = pq.ParquetFile(path)
    absent = [name for name in columns if name not in file.schema_arrow.names]
    if absent:
        raise ContractError(f"{path}: columns {', '.join(absent)} expected, got {', '.join(file.schema_arrow.names)}")
    if file.metadata.num_rows != expected:
        raise ContractError(f"{path}: {expected} rows expected from the manifest, got {file.metadata.num_rows}")


def _measure(path: Path, column: str) -> _RowSizes:
    """Count rows and the entries that a column of lists has in them."""
    subjects = subject_bytes = longest_subject = entries = longest = 0
    for batch in _batches(path, (LIST_SUBJECT, column)):
        lengths = pc.list_value_length(batch.column(column)).to_numpy(zero_copy_only=False)
        widths = pc.binary_length(batch.column(LIST_SUBJECT)).to_numpy(zero_copy_only=False)
        subjects += batch.num_rows
        subject_bytes += int(widths.sum())
        longest_subject = max(longest_subject, int(widths.max(initial=0)))
        entries += int(lengths.sum())
        longest = max(longest, int(lengths.max(initial=0)))
    return _RowSizes(subjects, subject_bytes, longest_subject, entries, longest)


def _batches(path: Path, columns: tuple[str, ...]) -> Iterator[Any]:
    # Buffering ahead would keep all that was read until the end: a third of a gigabyte a million lists.
    for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(_BATCH_ROWS, columns=list(columns)):
        for name in columns:
            if batch.column(name).null_count:
                raise ContractError(f"{path}: column {name} has empty values, none are allowed")
        yield batch


def _padded(batch: Any, path: Path) -> tuple[Any, Any, Any, Any]:
    """The four list columns as matrices of shape (rows, longest list), padded."""
    wanted = {LIST_ITEMS: pa.int32(), LIST_SCORES: pa.float32(), LIST_REASONS: pa.uint8(), LIST_SEEDS: pa.int32()}
    (items, scores, reasons, seeds), _ = _matrices(batch, path, wanted)
    return items, scores, reasons, seeds


def _matrices(batch: Any, path: Path, wanted: dict[str, Any]) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Parallel columns of lists as matrices of shape (rows, longest list), padded, and the lengths of the lists."""
    first = next(iter(wanted))
    lengths = pc.list_value_length(batch.column(first)).to_numpy(zero_copy_only=False).astype(np.int64)
    used: npt.NDArray[np.bool_] = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
    matrices = []
    for name, dtype in wanted.items():
        column = batch.column(name)
        if not np.array_equal(pc.list_value_length(column).to_numpy(zero_copy_only=False), lengths):
            raise ContractError(f"{path}: {name} and {first} must have the same length in every row")
        try:
            values = column.flatten().cast(dtype).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            raise ContractError(f"{path}: {name} must fit {dtype}: {error}") from error
        matrix = np.full(used.shape, PAD if name in (LIST_ITEMS, LIST_SEEDS) else 0, dtype=dtype.to_pandas_dtype())
        matrix[used] = values
        matrices.append(matrix)
    return matrices, lengths
