"""The truth behind the simulated shop: who likes what, what is popular, who comes when.

Tastes are vectors of unit length. A shelf lies near its aisle, an aisle near
its department, an item near its shelf; a user lies between a few shelves. The
chance that a user looks at an item is proportional to
popularity * exp(taste_strength * user . item).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jobs.simulation.shop_catalogue import Shelf, shelves

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

FACTORS: Final = 16
TASTE_STRENGTH: Final = 9.0
POPULARITY_EXPONENT: Final = 0.7
NEWCOMER_USERS: Final = 0.15
NEWCOMER_ITEMS: Final = 0.08
LEAVING_ITEMS: Final = 0.03
MEAN_DAILY_ACTIVITY: Final = 0.15
_FAVOURITE_SHELVES: Final = 3
# Parts of the period at whose end the catalogue changes; every change means a snapshot.
_CHANGES: Final = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class ShopSize:
    """What is asked for; `days` from `start` on."""

    users: int
    items: int
    days: int
    seed: int
    start: date

    def day(self, number: int) -> date:
        """The date of a day, counted from 0."""
        return self.start + timedelta(days=number)

    def change_days(self) -> list[int]:
        """The days on which items come and go, counted from 0; day 0 is none of them."""
        return sorted({int(part * self.days) for part in _CHANGES} - {0})


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect recommender would know.

    Attributes:
        user_vectors: float32, shape (n_users, FACTORS), unit length.
        item_vectors: float32, shape (n_items, FACTORS), unit length.
        popularity: float32, shape (n_items,), sums to 1.
        activity: float32, shape (n_users,), chance of a session on a day.
        joins_on: shape (n_users,), first day, counted from 0.
        arrives_on: shape (n_items,), first day on sale.
        leaves_on: shape (n_items,), first day not on sale; `days` where it stays.
        shelf: shape (n_items,), index into `shop_catalogue.shelves()`.
    """

    user_vectors: Floats
    item_vectors: Floats
    popularity: Floats
    activity: Floats
    joins_on: Indices
    arrives_on: Indices
    leaves_on: Indices
    shelf: Indices


def draw_truth(size: ShopSize, rng: np.random.Generator) -> Truth:
    """Draw a shop.

    Args:
        size: numbers of users, items and days.
        rng: the random generator.
    """
    tree = shelves()
    shelf_vectors = _shelf_vectors(tree, rng)
    shelf = rng.permutation(np.arange(size.items) % len(tree))
    changes = np.array(size.change_days() or [0])
    arrives_on = np.where(rng.random(size.items) < NEWCOMER_ITEMS, rng.choice(changes, size.items), 0)
    leaves = (rng.random(size.items) < LEAVING_ITEMS) & (arrives_on == 0) & bool(size.change_days())
    return Truth(
        user_vectors=_user_vectors(size.users, shelf_vectors, rng),
        item_vectors=_unit(shelf_vectors[shelf] + 0.45 * _directions(size.items, rng)),
        popularity=_popularity(size.items, rng),
        activity=_activity(size.users, rng),
        joins_on=np.where(rng.random(size.users) < NEWCOMER_USERS, rng.integers(0, size.days, size.users), 0),
        arrives_on=arrives_on,
        leaves_on=np.where(leaves, rng.choice(changes, size.items), size.days),
        shelf=shelf,
    )


def parameters(size: ShopSize) -> dict[str, Any]:
    """Everything that the shop was drawn with."""
    return {
        "users": size.users,
        "items": size.items,
        "days": size.days,
        "seed": size.seed,
        "start": size.start.isoformat(),
        "factors": FACTORS,
        "taste_strength": TASTE_STRENGTH,
        "popularity_exponent": POPULARITY_EXPONENT,
        "newcomer_users": NEWCOMER_USERS,
        "newcomer_items": NEWCOMER_ITEMS,
        "leaving_items": LEAVING_ITEMS,
        "mean_daily_activity": MEAN_DAILY_ACTIVITY,
        "change_days": [size.day(number).isoformat() for number in size.change_days()],
    }


def _shelf_vectors(tree: list[Shelf], rng: np.random.Generator) -> Floats:
    departments = _directions(1 + max(shelf.department for shelf in tree), rng)
    aisles = _directions(1 + max(shelf.aisle for shelf in tree), rng)
    own = _directions(len(tree), rng)
    return _unit(
        departments[[shelf.department for shelf in tree]] + 0.9 * aisles[[shelf.aisle for shelf in tree]] + 0.7 * own
    )


def _user_vectors(users: int, shelf_vectors: Floats, rng: np.random.Generator) -> Floats:
    favourites = rng.integers(0, len(shelf_vectors), (users, _FAVOURITE_SHELVES))
    weights = rng.dirichlet(np.ones(_FAVOURITE_SHELVES), users).astype(np.float32)
    blend: Floats = (weights[:, :, None] * shelf_vectors[favourites]).sum(axis=1)
    return _unit(blend + 0.15 * _directions(users, rng))


def _popularity(items: int, rng: np.random.Generator) -> Floats:
    weights = np.arange(1, items + 1, dtype=np.float64) ** -POPULARITY_EXPONENT
    return np.asarray(rng.permutation(weights / weights.sum()), dtype=np.float32)


def _activity(users: int, rng: np.random.Generator) -> Floats:
    skewed = rng.lognormal(0.0, 0.9, users)
    return np.asarray(np.minimum(0.9, MEAN_DAILY_ACTIVITY * skewed / skewed.mean()), dtype=np.float32)


def _directions(count: int, rng: np.random.Generator) -> Floats:
    return _unit(rng.standard_normal((count, FACTORS)).astype(np.float32))


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
