"""What speaks for the first items of lists, as it is written: one row a list, beside the list files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.ranking.save_lists import ListBlock
from reco_contracts.columns import LIST_SUBJECT, WHY_SEEDS, WHY_SHARES, WHY_SIGNALS

_SCHEMA = pa.schema(
    [
        (LIST_SUBJECT, pa.string()),
        (WHY_SIGNALS, pa.list_(pa.uint8())),
        (WHY_SEEDS, pa.list_(pa.int32())),
        (WHY_SHARES, pa.list_(pa.float32())),
    ]
)


def save_why(path: Path, blocks: Iterator[ListBlock]) -> Iterator[ListBlock]:
    """Write what blocks know of their contributors, and hand the blocks on.

    Args:
        path: a new file; its folder is made.
        blocks: in order of subject, all with contributors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for block in blocks:
            writer.write_table(_table(block))
            yield block


def _table(block: ListBlock) -> pa.Table:
    if block.why is None:
        raise ValueError("a block of lists came without its contributors")
    n, head, m = block.why.signals.shape
    used = np.broadcast_to((block.items[:, :head] >= 0)[:, :, None], (n, head, m))
    offsets = pa.array(np.concatenate(([0], np.cumsum(used.sum(axis=(1, 2))))), pa.int32())
    columns = [pa.ListArray.from_arrays(offsets, pa.array(matrix[used])) for matrix in block.why]
    return pa.Table.from_arrays([pa.array(block.subjects, pa.string()), *columns], schema=_SCHEMA)
