"""How many rows of scores are held at once: what bounds the memory of fitting and ranking."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reco_contracts.settings import get_settings

_BYTES = 4


def block_numbers() -> int:
    """Numbers of 4 bytes in one block, by train.block_mb; a thread works on one block at a time."""
    return get_settings().train.block_mb * 1_000_000 // _BYTES


def blocks(n: int, width: int) -> Iterator[slice]:
    """Cut n rows of equal width into blocks.

    Args:
        n: rows.
        width: numbers that a row takes while it is worked on.
    """
    step = max(1, block_numbers() // max(width, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def uneven_blocks(sizes: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Cut rows into blocks by what each takes; a row larger than a block stands alone.

    Args:
        sizes: numbers that each row takes, shape (n,).
    """
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + block_numbers(), side="right")))
        yield slice(start, stop)
        start = stop
