"""The surfaces that exist, and what each makes a list for. Nothing else tells a user's surface from another."""

from enum import StrEnum
from typing import Final


class SubjectKind(StrEnum):
    """What a list is for."""

    USER = "user"
    ITEM = "item"
    CATEGORY = "category"


HOME: Final = "home"
AGAIN: Final = "again"
SIMILAR: Final = "similar"
ALSO_BOUGHT: Final = "also_bought"
POPULAR: Final = "popular"
TRENDING: Final = "trending"
NEW: Final = "new"

# The variant of lists that everybody gets who is in no experiment.
DEFAULT_VARIANT: Final = "default"

SURFACES: Final[dict[str, SubjectKind]] = {
    HOME: SubjectKind.USER,
    AGAIN: SubjectKind.USER,
    SIMILAR: SubjectKind.ITEM,
    ALSO_BOUGHT: SubjectKind.ITEM,
    POPULAR: SubjectKind.CATEGORY,
    TRENDING: SubjectKind.CATEGORY,
    NEW: SubjectKind.CATEGORY,
}


def subject_kind(surface: str) -> SubjectKind:
    """What the lists of a surface are for; users, where it is none of ours."""
    return SURFACES.get(surface, SubjectKind.USER)
