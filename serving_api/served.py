"""What an answer showed to whom, as it will be logged."""

from collections.abc import Sequence
from typing import NamedTuple

from reco_contracts.surfaces import DEFAULT_VARIANT


class Served(NamedTuple):
    """One list of one answer.

    Attributes:
        user: to whom.
        surface: where.
        variant: of the list.
        items: indices of the answer's generation, in order.
        first_position: of the first item, 1-based; above 1 on the later pages of a cursor.
        experiment: empty = none.
        propensity: the chance that this list was chosen.
    """

    user: str
    surface: str
    variant: str
    items: Sequence[int]
    first_position: int = 1
    experiment: str = ""
    propensity: float = 1.0


def served_items(
    user: str, surface: str, shown: Sequence[Sequence[int]], first_position: int = 1
) -> tuple[Served, ...]:
    """The record of one list; none where nothing was shown.

    Args:
        user: to whom.
        surface: where.
        shown: item indices of each block of the answer, in order.
        first_position: of the first item.
    """
    items = shown[0] if len(shown) == 1 else [item for block in shown for item in block]
    return (Served(user, surface, DEFAULT_VARIANT, items, first_position),) if items else ()
