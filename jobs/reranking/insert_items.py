"""Put single items into lists, at a place of one's choice."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD
from jobs.reranking.draft import Draft, Source

_Number = TypeVar("_Number", np.int32, np.float32, np.uint8)


def insert_items(
    lists: Draft,
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    places: npt.NDArray[np.int64],
    source: Source,
) -> Draft:
    """Put one item into each list.

    What stands there moves down by one; the last item of a full list falls out. An
    item that is in the list already moves to its new place.

    Args:
        lists: n lists of k places.
        items: int32, shape (n,); -1 = none.
        scores: float32, shape (n,), the model's.
        places: int64, shape (n,), 0-based; behind a shorter list it is the end.
        source: of the items.
    """
    rows, k = np.flatnonzero(items >= 0), lists.items.shape[1]
    old, put = lists.items[rows], np.arange(len(rows))
    # It may stand further down: out with it there, and what is behind moves up.
    is_moved = old == items[rows, None]
    kept = np.argsort(is_moved, axis=1, kind="stable")
    length = ((old >= 0) & ~is_moved).sum(axis=1)
    at = np.minimum(places[rows], np.minimum(length, k - 1))
    order = np.take_along_axis(kept, np.arange(k) - (np.arange(k) > at[:, None]), axis=1)
    is_used = np.arange(k) < np.minimum(length + 1, k)[:, None]

    def changed(column: npt.NDArray[_Number], single: npt.NDArray[Any] | int, pad: int) -> npt.NDArray[_Number]:
        result, moved = column.copy(), np.take_along_axis(column[rows], order, axis=1)
        moved[put, at] = single
        result[rows] = np.where(is_used, moved, pad)
        return result

    return Draft(
        lists.subjects,
        changed(lists.items, items[rows], PAD),
        changed(lists.scores, scores[rows], 0),
        changed(lists.sources, int(source), int(Source.NONE)),
    )
