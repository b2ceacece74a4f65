"""Hard limits: at most so many items of one kind among the first places, at least so many categories there."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.reranking.likeness import parts_of
from reco_contracts.list_settings import DiversitySection


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` items with the same code among the first places of a list.

    Attributes:
        name: what the report calls it.
        codes: int32, shape (n_items,), such as sellers; -1 = not limited.
        most: items, at least 1.
        first: so many places of a list are the first ones.
    """

    name: str
    codes: npt.NDArray[np.int32]
    most: int
    first: int


class _Count:
    """How many items like each candidate a list has already."""

    def __init__(self, codes: npt.NDArray[np.int32], items: npt.NDArray[np.int32], most: int, first: int) -> None:
        self.parts = parts_of(codes, items)
        self.most, self.first = most, first
        self.taken = np.zeros(items.shape, dtype=np.int16)

    def take(self, step: int, rows: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]) -> None:
        if step < self.first:
            self.taken += self.parts == self.parts[rows, chosen][:, None]

    def is_full(self, step: int) -> npt.NDArray[np.bool_]:
        if step >= self.first or self.most <= 0:
            return np.zeros(self.parts.shape, dtype=bool)
        return np.asarray(self.taken >= self.most)


class HeldPlaces:
    """What limits keep from the first places of some lists while these are chosen.

    A limit gives way only at a place where its list has no other candidate left:
    then the limits of diversity go first, and those of the rules last. The list
    stays full, and what a limit held back stands behind what it did not.
    """

    def __init__(
        self,
        items: npt.NDArray[np.int32],
        categories: npt.NDArray[np.int32],
        diversity: DiversitySection,
        limits: tuple[Limit, ...],
        k: int,
    ) -> None:
        """Count from nothing.

        Args:
            items: int32, shape (n, width), the candidates; -1 pads.
            categories: int32, shape (n_items,), that diversity counts.
            diversity: max_per_category, min_categories and first.
            limits: of the rules.
            k: list length.
        """
        self._rows = np.arange(len(items))
        self._of_rules = [_Count(limit.codes, items, limit.most, limit.first) for limit in limits]
        self._category: _Count | None = None
        if diversity.max_per_category or diversity.min_categories:
            self._category = _Count(categories, items, diversity.max_per_category, diversity.first)
        self.depth = max((count.first for count in self._counts), default=0)
        if self._category is not None:
            is_item = items >= 0
            # An item without a category brings none.
            self._has_category = is_item & (categories[items] >= 0)
            # Of a short list the first places are fewer, and a pool may not have so many categories.
            self._places = np.minimum(is_item.sum(axis=1), min(diversity.first, k))
            self._missing = np.minimum(
                diversity.min_categories, distinct_parts(self._category.parts, self._has_category)
            )

    @property
    def _counts(self) -> list[_Count]:
        return self._of_rules if self._category is None else [*self._of_rules, self._category]

    def best(self, step: int, gains: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """The candidate of most gain that no limit holds back, or as few as possible.

        Args:
            step: 0-based place.
            gains: float32, shape (n, width); -inf = taken.

        Returns:
            int64, shape (n,), places in the pool; of equal ones the first.
        """
        if step >= self.depth:
            return np.asarray(gains.argmax(axis=1))
        best = np.full(len(gains), -1, dtype=np.int64)
        for held in self._degrees(step, gains.shape):
            rows = np.flatnonzero(best < 0)
            if not len(rows):
                break
            left = np.where(held[rows], -np.inf, gains[rows])
            first = left.argmax(axis=1)
            is_free = left[np.arange(len(rows)), first] > -np.inf
            best[rows[is_free]] = first[is_free]
        return np.maximum(best, 0)

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Count what was taken.

        Args:
            step: 0-based place.
            chosen: int64, shape (n,), places in the pool.
        """
        if self._category is not None and step < self._category.first:
            is_new = self._category.taken[self._rows, chosen] == 0
            self._missing -= is_new & self._has_category[self._rows, chosen]
        for count in self._counts:
            count.take(step, self._rows, chosen)

    def _degrees(self, step: int, shape: tuple[int, ...]) -> Iterator[npt.NDArray[np.bool_]]:
        """What is held back, bool, shape (n, width): by everything first, by nothing in the end."""
        by_rules = np.zeros(shape, dtype=bool)
        for count in self._of_rules:
            by_rules |= count.is_full(step)
        category = self._category
        if category is not None and step < category.first:
            by_all = by_rules | category.is_full(step)
            # So many categories are missing that each place left must bring a new one.
            is_urgent = (self._missing > 0) & (self._places - step <= self._missing)
            yield by_all | (is_urgent[:, None] & ((category.taken > 0) | ~self._has_category))
            yield by_all
        yield by_rules
        yield np.zeros(shape, dtype=bool)


def distinct_parts(parts: npt.NDArray[np.int32], is_used: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Number of distinct codes among the used places of each row.

    Args:
        parts: int32, shape (n, width), see `parts_of`.
        is_used: bool, shape (n, width).

    Returns:
        int64, shape (n,).
    """
    none = np.iinfo(np.int32).max
    ordered = np.sort(np.where(is_used, parts, none), axis=1)
    is_new = np.diff(ordered, axis=1, prepend=np.iinfo(np.int32).min) != 0
    return np.asarray((is_new & (ordered < none)).sum(axis=1))
