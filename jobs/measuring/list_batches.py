"""Lists of a file in batches, as parallel arrays: one entry a place of a list."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from jobs.measuring.evidence import Evidence
from jobs.measuring.own_items import OwnPairs
from jobs.measuring.surface_demands import Demand
from jobs.progress import track
from reco_contracts.columns import LIST_ITEMS, LIST_REASONS, LIST_SCORES, LIST_SEEDS, LIST_SUBJECT
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.surfaces import SubjectKind

LISTS_A_BATCH = 20_000
_COLUMNS = (LIST_ITEMS, LIST_SCORES, LIST_REASONS, LIST_SEEDS)
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ListBatch:
    """Some lists of a file. A list whose columns differ in length has no entries.

    Attributes:
        subjects: n names.
        lengths: int64, shape (n,), places of each list; 0 where the columns differ.
        is_even: bool, shape (n,), the list's columns have the same length.
        audiences: int32, shape (n,), of the rules.
        has_history: bool, shape (n,), it is the list of a user who did something.
        own: the items of these users.
        own_item: int64, shape (n,), the item whose list it is; -1 = unknown, or not an item's list.
        rows: int64, one an entry: its list.
        positions: int64, one an entry, from 1.
        items: int64, one an entry, as written.
        scores: float64, one an entry.
        reasons: int64, one an entry.
        seeds: int64, one an entry.
        is_known: bool, one an entry: the item is in the catalogue.
    """

    subjects: pl.Series
    lengths: _Ints
    is_even: npt.NDArray[np.bool_]
    audiences: npt.NDArray[np.int32]
    has_history: npt.NDArray[np.bool_]
    own: OwnPairs
    own_item: _Ints
    rows: _Ints
    positions: _Ints
    items: _Ints
    scores: npt.NDArray[np.float64]
    reasons: _Ints
    seeds: _Ints
    is_known: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Lists of the batch."""
        return len(self.subjects)

    def count(self, entries: npt.NDArray[np.bool_]) -> _Ints:
        """How many of some entries each list has, shape (n,)."""
        return np.bincount(self.rows[entries], minlength=len(self))

    def first(self, places: int) -> npt.NDArray[np.int32]:
        """The items of the first places, shape (n, places); -1 pads, and stands for what the catalogue lacks."""
        items = np.full((len(self), places), -1, dtype=np.int32)
        used = (self.positions <= places) & self.is_known
        items[self.rows[used], self.positions[used] - 1] = self.items[used]
        return items


def read_subjects(path: Path) -> pl.Series:
    """The subjects of a file's lists, in its order.

    Raises:
        EmptyPartitionError: the file is missing.
    """
    if not path.exists():
        raise EmptyPartitionError(f"{path} does not exist; `reco rank` makes it")
    return pl.read_parquet(path, columns=[LIST_SUBJECT])[LIST_SUBJECT]


def list_batches(path: Path, evidence: Evidence, demand: Demand) -> Iterator[ListBatch]:
    """Read the lists of a file, never more than a batch at once.

    Args:
        path: a list file.
        evidence: items and users.
        demand: of the surface; its audiences are those of the file's lists.
    """
    source = pq.ParquetFile(path)
    total, start = -(-source.metadata.num_rows // LISTS_A_BATCH), 0
    batches = source.iter_batches(batch_size=LISTS_A_BATCH)
    for batch in track(batches, f"Checking {path.parent.name} lists", total):
        lists = pl.DataFrame(pl.from_arrow(batch))
        yield _batch(lists, demand.rules.audiences[start : start + len(lists)], evidence, demand.kind)
        start += len(lists)


def _batch(lists: pl.DataFrame, audiences: npt.NDArray[np.int32], evidence: Evidence, kind: SubjectKind) -> ListBatch:
    widths = np.column_stack([lists[name].list.len().fill_null(0).to_numpy().astype(np.int64) for name in _COLUMNS])
    is_even = (widths == widths[:, :1]).all(axis=1)
    lengths = np.where(is_even, widths[:, 0], 0)
    even = lists.filter(pl.Series(is_even))
    items, reasons, seeds = (
        _flat(even[name]).cast(pl.Int64).fill_null(-1).to_numpy() for name in (LIST_ITEMS, LIST_REASONS, LIST_SEEDS)
    )
    subjects, nobody = lists[LIST_SUBJECT], np.full(len(lists), -1, dtype=np.int64)
    users = evidence.own.users.rows_of(subjects) if kind is SubjectKind.USER else nobody
    return ListBatch(
        subjects=subjects,
        lengths=lengths,
        is_even=is_even,
        audiences=audiences,
        has_history=users >= 0,
        own=evidence.own.of_users(users),
        own_item=evidence.item_ids.rows_of(subjects) if kind is SubjectKind.ITEM else nobody,
        rows=np.repeat(np.arange(len(lists)), lengths),
        positions=np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1,
        items=items,
        scores=_flat(even[LIST_SCORES]).cast(pl.Float64).fill_null(np.nan).to_numpy(),
        reasons=reasons,
        seeds=seeds,
        is_known=(items >= 0) & (items < evidence.n_items),
    )


def _flat(column: pl.Series) -> pl.Series:
    """The values of all lists one after the other; lists that are null or empty have none."""
    return column.fill_null([]).explode(empty_as_null=False)
