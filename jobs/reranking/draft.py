"""Lists that are still being made: items with their scores, and where each of them came from."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD


class Source(IntEnum):
    """What brought an item into a list."""

    NONE = 0
    PERSONAL = 1
    SEGMENT = 2
    POPULAR = 3
    NEW = 4
    EXPLORED = 5
    PINNED = 6


class Draft(NamedTuple):
    """Some lists of one surface, indices of the generation.

    A pool of candidates and a list that is cut to its length have the same form.

    Attributes:
        subjects: n names.
        items: int32, shape (n, width), in order of rank; -1 pads, at the end only.
        scores: float32, shape (n, width), the model's own score of each item, on the model's scale,
            whatever its rank; 0 where padded or where the model knows nothing.
        sources: uint8, shape (n, width), Source.
    """

    subjects: list[str]
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    sources: npt.NDArray[np.uint8]


def empty_draft(subjects: list[str], width: int) -> Draft:
    """Lists without items."""
    shape = (len(subjects), width)
    return Draft(
        subjects,
        np.full(shape, PAD, dtype=np.int32),
        np.zeros(shape, dtype=np.float32),
        np.full(shape, Source.NONE, dtype=np.uint8),
    )
