"""Hard limits: at most so many items of one kind among the first places."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` items with the same code among the first places of a list.

    Attributes:
        name: what the report calls it.
        codes: int32, shape (n_items,), such as sellers; -1 = not limited.
        most: items.
        first: so many places of a list are the first ones.
    """

    name: str
    codes: npt.NDArray[np.int32]
    most: int
    first: int
