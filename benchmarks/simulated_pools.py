"""Simulated candidates of many users: a few kinds of items each, in order of a score, from a catalogue with a tree."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.reranking.draft import Draft, Source, empty_draft
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.limits import Limit

# Categories of each level, and how many of the middle ones a user likes.
_DEPARTMENTS, _CATEGORIES, _KINDS = 25, 200, 1_000
_CATEGORIES_A_USER = 8
_SELLERS = 2_000
_USERS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How much there is.

    Attributes:
        users: lists.
        items: in the catalogue.
        candidates: items of a user that a list is chosen from.
    """

    users: int = 100_000
    items: int = 41_000
    candidates: int = 200


@dataclass(frozen=True, slots=True)
class Pools:
    """What lists are made from.

    Attributes:
        pool: candidates; the last tenth are popular items that the model did not bring.
        traits: of the items.
        mixes: CSR float32, shape (users, categories), of the histories.
        boosts: float32, shape of the pool; one candidate in ten is boosted or damped.
        limits: at most two of a seller among the first ten.
    """

    pool: Draft
    traits: ItemTraits
    mixes: csr_matrix
    boosts: npt.NDArray[np.float32]
    limits: tuple[Limit, ...]


def simulate_pools(size: PoolSize, seed: int) -> Pools:
    """Draw pools, some users at a time: what is measured afterwards shall be the peak of memory.

    Args:
        size: of them.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    traits = _traits(size.items, rng)
    shape = (size.users, size.candidates)
    pool = empty_draft([f"user-{number}" for number in range(size.users)], size.candidates)
    boosts = np.ones(shape, dtype=np.float32)
    liked = np.empty((size.users, _CATEGORIES_A_USER), dtype=np.int32)
    taste = np.empty((size.users, _CATEGORIES_A_USER), dtype=np.float32)
    for start in range(0, size.users, _USERS_AT_ONCE):
        rows = slice(start, min(start + _USERS_AT_ONCE, size.users))
        n = rows.stop - rows.start
        liked[rows] = np.argsort(rng.random((n, _CATEGORIES)), axis=1)[:, :_CATEGORIES_A_USER]
        taste[rows] = -np.sort(-rng.dirichlet(np.ones(_CATEGORIES_A_USER), n), axis=1)
        pool.items[rows], pool.scores[rows] = _candidates(size, traits, liked[rows], taste[rows], rng)
        boosts[rows] = rng.choice([0.5, 1.0, 1.5], (n, size.candidates), p=[0.05, 0.9, 0.05])
    is_model = np.arange(size.candidates) < size.candidates * 9 // 10
    pool.sources[:] = np.where(is_model, Source.PERSONAL, Source.POPULAR)
    pool.scores[:, ~is_model] = 0
    return Pools(pool, traits, _mixes(liked, taste), boosts, (Limit("seller", traits.sellers, 2, 10),))


def _traits(n_items: int, rng: np.random.Generator) -> ItemTraits:
    """Items in order of category, so that those of one category stand together."""
    categories = np.sort(rng.integers(0, _CATEGORIES, n_items)).astype(np.int32)
    departments = categories // (_CATEGORIES // _DEPARTMENTS)
    a_category = _KINDS // _CATEGORIES
    kinds = categories * a_category + rng.integers(0, a_category, n_items)
    return ItemTraits(
        categories=categories,
        category_names=tuple(f"category {number:03}" for number in range(_CATEGORIES)),
        levels=np.column_stack((departments, categories, kinds)).astype(np.int32),
        sellers=rng.integers(0, _SELLERS, n_items).astype(np.int32),
        brands=np.full(n_items, -1, dtype=np.int32),
    )


def _candidates(
    size: PoolSize,
    traits: ItemTraits,
    liked: npt.NDArray[np.int32],
    taste: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Neighbours in the catalogue out of each liked category, mixed by score; items and scores, best first."""
    each = -(-size.candidates // _CATEGORIES_A_USER)
    starts = np.searchsorted(traits.categories, np.arange(_CATEGORIES + 1))
    lengths = np.diff(starts)
    if lengths.min() < each:
        raise ValueError(f"a category has {lengths.min()} items and a user takes {each} of it; take more items")
    offsets = (rng.random(liked.shape) * lengths[liked]).astype(np.int64)
    items = (offsets[:, :, None] + np.arange(each)) % lengths[liked][:, :, None] + starts[liked][:, :, None]
    scores = rng.gamma(1.0, 1.0, items.shape) * (0.1 + taste[:, :, None])
    items, scores = items.reshape(len(liked), -1), scores.reshape(len(liked), -1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : size.candidates]
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _mixes(liked: npt.NDArray[np.int32], taste: npt.NDArray[np.float32]) -> csr_matrix:
    indptr = np.arange(0, liked.size + 1, liked.shape[1])
    mixes = csr_matrix((taste.ravel(), liked.ravel(), indptr), shape=(len(liked), _CATEGORIES))
    mixes.sort_indices()
    return mixes
