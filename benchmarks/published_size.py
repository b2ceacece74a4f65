"""A simulated log of the size of published ones: few distinct items a user, long tails on both sides, tastes.

Every user has a few kinds of items, and takes from each by popularity.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.item_content import ItemContent

_KINDS = 200
_KINDS_A_USER = 5
_WORDS = 5_000
_WORDS_A_TITLE = 4


@dataclass(frozen=True, slots=True)
class LogSize:
    """How large the log is; the defaults are of the size of Gowalla as it is published.

    Attributes:
        users: users, each with at least ten interactions if there are enough.
        items: items; some of them nobody has.
        interactions: distinct pairs of user and item.
    """

    users: int = 30_000
    items: int = 41_000
    interactions: int = 800_000


def simulate_log(size: LogSize, seed: int) -> Interactions:
    """Draw a log.

    Args:
        size: of it.
        seed: of the draws.

    Returns:
        Interactions with age 0 to 364 days, weight 1 to 8, segments, and a title and a category for each item.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, _KINDS, size.items).astype(np.int32)
    cells = _draw_pairs(size, kinds, rng)
    n = len(cells)
    return Interactions(
        users=(cells // size.items).astype(np.int32),
        items=(cells % size.items).astype(np.int32),
        age_days=rng.integers(0, 365, n).astype(np.int32),
        weights=rng.choice([1.0, 2.0, 8.0], n),
        is_consumed=np.ones(n, dtype=bool),
        n_users=size.users,
        n_items=size.items,
        segments=np.array(["new", "regular", "loyal"])[rng.integers(0, 3, size.users)],
        content=_describe(kinds, rng),
    )


def _draw_pairs(size: LogSize, kinds: npt.NDArray[np.int32], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Distinct cells of the users x items matrix, sorted."""
    activity = rng.lognormal(0.0, 0.8, size.users) + 0.4
    users = np.cumsum(activity / activity.sum())
    popularity = (1.0 + rng.permutation(size.items)) ** -0.8
    by_kind = np.argsort(kinds, kind="stable")
    ends = np.cumsum(popularity[by_kind])
    bounds = np.searchsorted(kinds[by_kind], np.arange(_KINDS + 1))
    edges = np.concatenate(([0.0], ends))[bounds]
    liked = rng.integers(0, _KINDS, (size.users, _KINDS_A_USER))
    cells = np.zeros(0, dtype=np.int64)
    while len(cells) < size.interactions:
        user = np.minimum(np.searchsorted(users, rng.random(size.interactions)), size.users - 1)
        # The first kinds of a user are taken from more often.
        kind = liked[user, (_KINDS_A_USER * rng.random(len(user)) ** 2).astype(int)]
        at = edges[kind] + rng.random(len(user)) * (edges[kind + 1] - edges[kind])
        item = by_kind[np.minimum(np.searchsorted(ends, at, side="right"), size.items - 1)]
        cells = np.unique(np.concatenate((cells, user * np.int64(size.items) + item)))
    return np.sort(rng.choice(cells, size.interactions, replace=False))


def _describe(kinds: npt.NDArray[np.int32], rng: np.random.Generator) -> ItemContent:
    n = len(kinds)
    titles = (_WORDS * rng.random((n, _WORDS_A_TITLE)) ** 3).astype(np.int64)
    columns = np.column_stack((titles, _WORDS + kinds))
    rows = np.repeat(np.arange(n), columns.shape[1])
    words = csr_matrix((np.ones(rows.size, dtype=np.float32), (rows, columns.ravel())), shape=(n, _WORDS + _KINDS))
    words.sum_duplicates()
    vocabulary = [f"word{number:04}" for number in range(_WORDS)] + [f"category:{kind:03}" for kind in range(_KINDS)]
    return ItemContent(words, tuple(vocabulary), kinds)
