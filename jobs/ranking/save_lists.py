"""Lists as they are written: blocks of parallel matrices into one Parquet file a surface and variant."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from reco_contracts.columns import LIST_ITEMS, LIST_REASONS, LIST_SCORES, LIST_SEEDS, LIST_SUBJECT

_SCHEMA = pa.schema(
    [
        (LIST_SUBJECT, pa.string()),
        (LIST_ITEMS, pa.list_(pa.int32())),
        (LIST_SCORES, pa.list_(pa.float32())),
        (LIST_REASONS, pa.list_(pa.uint8())),
        (LIST_SEEDS, pa.list_(pa.int32())),
    ]
)


class Why(NamedTuple):
    """What speaks for the first items of lists; indices of the generation.

    Attributes:
        signals: uint8, shape (n, head, m), base.Signal; NONE pads.
        seeds: int32, shape (n, head, m); -1 = none.
        shares: float32, shape (n, head, m), of the item's score; 0 where padded.
    """

    signals: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]
    shares: npt.NDArray[np.float32]


class ListBlock(NamedTuple):
    """Some lists of one surface, indices of the generation.

    Attributes:
        subjects: n names.
        items: int32, shape (n, k), best first; -1 pads, at the end only.
        scores: float32, shape (n, k), the model's own of each item; the order is the list's.
        reasons: uint8, shape (n, k), reasons.Reason.
        seeds: int32, shape (n, k); -1 where the reason has none.
        why: of their first items; None = not known.
    """

    subjects: list[str]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    reasons: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]
    why: Why | None = None


def save_lists(path: Path, blocks: Iterable[ListBlock]) -> int:
    """Write blocks one after the other; only one is held at a time.

    Args:
        path: a new file; its folder is made.
        blocks: in order of subject.

    Returns:
        The number of lists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for block in blocks:
            writer.write_table(_table(block))
            written += len(block.subjects)
    return written


def _table(block: ListBlock) -> pa.Table:
    used = block.items >= 0
    offsets = pa.array(np.concatenate(([0], np.cumsum(used.sum(axis=1)))), pa.int32())
    columns = [
        pa.ListArray.from_arrays(offsets, pa.array(matrix[used]))
        for matrix in (block.items, block.scores, block.reasons, block.seeds)
    ]
    return pa.Table.from_arrays([pa.array(block.subjects, pa.string()), *columns], schema=_SCHEMA)
