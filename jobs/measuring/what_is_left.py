"""What is left for a user: items that a list could hold, and their categories."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.measuring.evidence import Evidence
from jobs.measuring.list_batches import ListBatch
from jobs.measuring.own_items import is_excluded
from jobs.measuring.surface_demands import Demand


class Left(NamedTuple):
    """What lists could hold: on sale, chosen by somebody, allowed to the audience, not excluded as seen.

    Attributes:
        items: int64, shape (n,), items left for each list's subject.
        categories: int64, shape (n,), distinct categories of these.
    """

    items: npt.NDArray[np.int64]
    categories: npt.NDArray[np.int64]


class Offer:
    """What an audience can be shown, before anybody's own items are taken from it."""

    def __init__(self, evidence: Evidence, demand: Demand) -> None:
        """Count once a file.

        Args:
            evidence: items and users.
            demand: of the surface.
        """
        self._rule = demand.exclude_seen
        self._categories = evidence.categories
        self._listable = demand.rules.allowed & evidence.is_available & evidence.is_chosen
        self._n_categories = int(evidence.categories.max(initial=-1)) + 1
        self._items = self._listable.sum(axis=1)
        self._by_category = np.array([self._categories_of(row) for row in self._listable])

    def left_for(self, batch: ListBatch) -> Left:
        """What is left for the subjects of some lists."""
        is_lost = is_excluded(batch.own.days, self._rule)
        is_lost &= self._listable[batch.audiences[batch.own.rows], batch.own.items]
        rows, kind = batch.own.rows[is_lost], self._categories[batch.own.items[is_lost]]
        items = self._items[batch.audiences] - np.bincount(rows, minlength=len(batch))
        gone, counts = np.unique((rows * self._n_categories + kind)[kind >= 0], return_counts=True)
        row, kind = gone // max(self._n_categories, 1), gone % max(self._n_categories, 1)
        is_empty = counts == self._by_category[batch.audiences[row], kind]
        all_categories = (self._by_category > 0).sum(axis=1)[batch.audiences]
        return Left(items, all_categories - np.bincount(row[is_empty], minlength=len(batch)))

    def _categories_of(self, listable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        codes = self._categories[listable]
        return np.bincount(codes[codes >= 0], minlength=self._n_categories)
