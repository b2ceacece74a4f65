"""What the lists of a surface must keep to: whose they are, how long, and what they may hold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.rules.list_rules import ListRules, no_rules
from reco_contracts.settings import ExcludeSeen, Settings

HOME: Final = "home"
# A log may give these nothing to show: no basket of two items, nothing that is bought again, nothing new.
MAY_BE_EMPTY: Final = frozenset({"again", "also_bought", "new", "trending"})
_LONGEST: Final = 1_000


class Form(StrEnum):
    """Whose a list is."""

    USERS = "users"
    ITEMS = "items"
    OTHERS = "others"


# Faults that only the lists of one form can have.
ONLY_OF: Final = {
    Form.USERS: frozenset({"seen_items", "missing_items"}),
    Form.ITEMS: frozenset({"unknown_subject", "own_subject_items"}),
    Form.OTHERS: frozenset[str](),
}
_FORMS: Final = {HOME: Form.USERS, "again": Form.USERS, "similar": Form.ITEMS, "also_bought": Form.ITEMS}


@dataclass(frozen=True, slots=True)
class Demand:
    """What one surface asks of its lists.

    Attributes:
        form: whose they are.
        k: longer lists are a fault; items.
        exclude_seen: which consumed items they must not hold.
        min_length: items that a list needs, unless fewer are left for its user; 0 = it may be empty.
        min_diversity: distinct categories / length that a list shall reach among its first places.
        rules: what may be shown to whom; its audiences are those of the lists, in order of the file.
    """

    form: Form
    k: int
    exclude_seen: ExcludeSeen
    min_length: int
    min_diversity: float
    rules: ListRules


def form_of(surface: str) -> Form:
    """Whose the lists of a surface are."""
    return _FORMS.get(surface, Form.OTHERS)


def demand_of(surface: str, subjects: pl.Series, is_available: npt.NDArray[np.bool_], settings: Settings) -> Demand:
    """What the settings and rules ask of a surface.

    Args:
        surface: its name.
        subjects: of its lists, in order of the file.
        is_available: bool, shape (n_items,), on sale.
        settings: [surfaces] and [validate].
    """
    section: Any = getattr(settings.surfaces, surface, None)
    return Demand(
        form=form_of(surface),
        k=getattr(section, "k", _LONGEST),
        exclude_seen=getattr(section, "exclude_seen", "off"),
        min_length=settings.validate_.min_list_length if surface == HOME else 0,
        min_diversity=settings.validate_.min_diversity,
        rules=no_rules(len(subjects), is_available),
    )
