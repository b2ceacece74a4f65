"""What rules ask of the lists of one surface, compiled for a generation's items and users."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from jobs.reranking.limits import Limit


@dataclass(frozen=True, slots=True)
class PinnedItem:
    """An item at a fixed place.

    Attributes:
        rule: its name.
        item: index of the generation.
        place: 0-based; behind a shorter list it is the end.
        audiences: bool, shape (n_audiences,), who sees it there.
    """

    rule: str
    item: int
    place: int
    audiences: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """What a rule was compiled into, for the account of what it did.

    Attributes:
        name: of the rule; in brackets where it is no rule of the file.
        kind: of the rule.
        items: bool, shape (n_items,), the items that it is about; of those that it takes away, the ones on sale.
        counts: int64, shape (n_audiences,), how many of these it is about for each audience.
    """

    name: str
    kind: str
    items: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ListRules:
    """Rules as arrays. An audience is a set of users for whom the same rules hold.

    Attributes:
        audiences: int32, shape (n_users,), the audience of each user.
        allowed: bool, shape (n_audiences, n_items), may be shown: on sale, and no rule against it.
        boosts: float32, shape (n_audiences, n_items), what relevance is multiplied by.
        limits: at most so many of a kind.
        pins: by place.
        applied: what each rule came to.
        against: names of the rules that keep an item from an audience, by their indices.
    """

    audiences: npt.NDArray[np.int32]
    allowed: npt.NDArray[np.bool_]
    boosts: npt.NDArray[np.float32]
    limits: tuple[Limit, ...] = ()
    pins: tuple[PinnedItem, ...] = ()
    applied: tuple[AppliedRule, ...] = ()
    against: Callable[[int, int], tuple[str, ...]] = field(default=lambda *_: (), repr=False, compare=False)


def shown_to_somebody(rules: ListRules) -> npt.NDArray[np.bool_]:
    """Whether each item may be shown to any of the users, bool, shape (n_items,)."""
    return np.asarray(rules.allowed[np.unique(rules.audiences)].any(axis=0))


def no_rules(n_users: int, is_available: npt.NDArray[np.bool_]) -> ListRules:
    """One audience for whom everything on sale may be shown.

    Args:
        n_users: users.
        is_available: bool, shape (n_items,).
    """
    return ListRules(
        audiences=np.zeros(n_users, dtype=np.int32),
        allowed=is_available[None, :],
        boosts=np.ones((1, len(is_available)), dtype=np.float32),
    )
