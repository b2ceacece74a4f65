"""What lists are measured by: their first places, distinct categories, and what coverage is a share of."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

# Coverage and diversity are always of so many places, whatever the settings say.
FIRST: Final = 10


def distinct_categories(items: npt.NDArray[np.int32], categories: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """How many categories each list has; an item without one adds nothing.

    Args:
        items: int32, shape (n, places); -1 pads.
        categories: int32, shape (n_items,), codes; -1 = none.
    """
    return distinct_codes(np.append(categories, -1)[items])


def distinct_codes(codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """How many different codes each row has.

    Args:
        codes: integers, shape (n, width); -1 = none.
    """
    ordered = np.sort(codes, axis=1)
    return np.asarray((np.diff(ordered, axis=1, prepend=-1) > 0).sum(axis=1), dtype=np.int64)


def countable_items(n_available: int, n_places: int) -> float:
    """What coverage is a share of: the available items, or a quarter of the places where there are fewer of these."""
    return min(float(n_available), n_places / 4)
