"""What rules ask of the lists of one surface, compiled for a generation's items and users."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.reranking.limits import Limit


@dataclass(frozen=True, slots=True)
class ListRules:
    """Rules as arrays. An audience is a set of users for whom the same rules hold.

    Attributes:
        audiences: int32, shape (n_users,), the audience of each user.
        allowed: bool, shape (n_audiences, n_items), may be shown: on sale, and no rule against it.
        boosts: float32, shape (n_audiences, n_items), what relevance is multiplied by.
        limits: at most so many of a kind.
    """

    audiences: npt.NDArray[np.int32]
    allowed: npt.NDArray[np.bool_]
    boosts: npt.NDArray[np.float32]
    limits: tuple[Limit, ...] = ()


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
