"""What the lists of a surface must keep to: whose they are, how long, and what they may hold."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from jobs.rules.compile_rules import RuleBook, compile_for_all, compile_rules
from jobs.rules.list_rules import ListRules
from reco_contracts.list_settings import ExcludeSeen
from reco_contracts.settings import Settings
from reco_contracts.surfaces import AGAIN, ALSO_BOUGHT, HOME, NEW, TRENDING, SubjectKind, subject_kind

# A log may give these nothing to show: no basket of two items, nothing that is bought again, nothing new.
MAY_BE_EMPTY: Final = frozenset({AGAIN, ALSO_BOUGHT, NEW, TRENDING})
_LONGEST: Final = 1_000


# Faults that only the lists for one kind of subject can have.
ONLY_OF: Final = {
    SubjectKind.USER: frozenset({"seen_items", "missing_items"}),
    SubjectKind.ITEM: frozenset({"unknown_subject", "own_subject_items"}),
    SubjectKind.CATEGORY: frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class Demand:
    """What one surface asks of its lists.

    Attributes:
        kind: whose they are.
        k: longer lists are a fault; items.
        exclude_seen: which consumed items they must not hold.
        min_length: items that a list needs, unless fewer are left for its user; 0 = it may be empty.
        min_diversity: distinct categories / length that a list shall reach among its first places.
        rules: what may be shown to whom; its audiences are those of the lists, in order of the file.
    """

    kind: SubjectKind
    k: int
    exclude_seen: ExcludeSeen
    min_length: int
    min_diversity: float
    rules: ListRules


def demand_of(surface: str, subjects: pl.Series, book: RuleBook, settings: Settings) -> Demand:
    """What the settings and rules ask of a surface.

    Args:
        surface: its name.
        subjects: of its lists, in order of the file.
        book: business rules, as they are now, beside the generation's items.
        settings: [surfaces] and [validate].
    """
    section: Any = getattr(settings.surfaces, surface, None)
    return Demand(
        kind=subject_kind(surface),
        k=getattr(section, "k", _LONGEST),
        exclude_seen=getattr(section, "exclude_seen", "off"),
        min_length=settings.validate_.min_list_length if surface == HOME else 0,
        min_diversity=settings.validate_.min_diversity,
        rules=_rules(surface, subjects, book),
    )


def _rules(surface: str, subjects: pl.Series, book: RuleBook) -> ListRules:
    if subject_kind(surface) is SubjectKind.USER:
        return compile_rules(book, surface, subjects.fill_null(""))
    return replace(compile_for_all(book, surface), audiences=np.zeros(len(subjects), dtype=np.int32))
