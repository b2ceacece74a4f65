"""Lists that the simulated shop shows: an experiment of two variants, the chances of what was shown, and the clicks.

A list is drawn item by item without replacement, by popularity alone or by
popularity * exp(taste_strength * taste). The propensity of an item is its
chance at its place, given the items before it: what off-policy estimates need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jobs.simulation.shop_tastes import TASTE_STRENGTH
from reco_contracts.hashing import unit_interval

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

SURFACE: Final = "home"
EXPERIMENT: Final = "home_ranking"
VARIANTS: Final = ("popular", "personal")
LIST_SHARE: Final = 0.4  # of sessions that begin with a list
LIST_LENGTH: Final = 5
_CLICK_RATE: Final = 0.5  # of a perfect item in the first place
_PLACE_EXPONENT: Final = 0.7


@dataclass(frozen=True, slots=True)
class ShownItems:
    """Places of lists, list by list and in order; all arrays have one entry a place.

    Attributes:
        row: whose list, as an index into the users that were passed in.
        item: item index.
        position: 1-based.
        propensity: chance of the item at its place.
        is_clicked: whether the user clicked it.
    """

    row: Indices
    item: Indices
    position: Indices
    propensity: Floats
    is_clicked: Bools


def sees_personal(user_ids: Sequence[str]) -> Bools:
    """Whether each user is in the variant `personal`; half are, by the hash that all experiments use."""
    return np.array([unit_interval(EXPERIMENT, user_id) >= 0.5 for user_id in user_ids], dtype=np.bool_)


def liking_of(affinity: Floats) -> Floats:
    """How much a user likes an item, 0..1, by their affinity."""
    liking: Floats = 1 / (1 + np.exp(-6 * (affinity - 0.55)))
    return liking


def show_lists(
    taste: npt.NDArray[np.float32],
    popularity: npt.NDArray[np.float32],
    is_personal: Bools,
    rng: np.random.Generator,
) -> ShownItems:
    """Show lists to some of the users, and draw who clicks what.

    Args:
        taste: float32, shape (n_users, n_items).
        popularity: float32, shape (n_items,); 0 = not on sale.
        is_personal: shape (n_users,), the variant of each.
        rng: the random generator.
    """
    rows = np.flatnonzero(rng.random(len(taste)) < LIST_SHARE)
    length = min(LIST_LENGTH, int(np.count_nonzero(popularity)))
    strength = np.where(is_personal[rows], np.float32(TASTE_STRENGTH), np.float32(0))
    chances = np.exp(strength[:, None] * taste[rows]) * popularity
    items = _draw_without_replacement(chances, length, rng)
    drawn = np.take_along_axis(chances, items, axis=1).astype(np.float64)
    before = np.cumsum(drawn, axis=1) - drawn
    left = np.maximum(chances.sum(axis=1, dtype=np.float64)[:, None] - before, drawn)
    place = np.arange(1, length + 1)
    affinity = np.take_along_axis(taste[rows], items, axis=1).astype(np.float64)
    click_chance = _CLICK_RATE * liking_of(affinity) / place**_PLACE_EXPONENT
    return ShownItems(
        row=np.repeat(rows, length),
        item=items.ravel(),
        position=np.tile(place, len(rows)),
        propensity=(drawn / left).ravel(),
        is_clicked=(rng.random(items.shape) < click_chance).ravel(),
    )


def _draw_without_replacement(
    chances: npt.NDArray[np.float32], length: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Items of each row in the order drawn: the smallest of exponential waiting times come first."""
    waiting = np.full(chances.shape, np.inf, dtype=np.float32)
    # Without `where` a drawn 0 of an item that cannot come would be 0 / 0.
    np.divide(rng.standard_exponential(chances.shape, dtype=np.float32), chances, out=waiting, where=chances > 0)
    first = np.argpartition(waiting, length - 1, axis=1)[:, :length]
    order = np.argsort(np.take_along_axis(waiting, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)
