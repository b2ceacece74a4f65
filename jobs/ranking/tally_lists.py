"""What home lists are like as a whole, counted while they are written: coverage and diversity of the first places."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from jobs.evaluation.ranking_metrics import diversity_of
from jobs.ranking.save_lists import ListBlock
from jobs.reranking.draft import Draft
from jobs.reranking.list_measures import FIRST, countable_items

# Distinct categories / length that a list should have.
DIVERSE: Final = 0.5


class ListTally:
    """Counts over lists that pass through it."""

    def __init__(self, categories: npt.NDArray[np.int32], is_available: npt.NDArray[np.bool_]) -> None:
        """Begin with none.

        Args:
            categories: int32, shape (n_items,), the category that diversity counts; -1 = none.
            is_available: bool, shape (n_items,), may be shown to somebody.
        """
        self._categories, self._is_available = categories, is_available
        self._exposure = np.zeros(len(is_available), dtype=np.int64)
        self._lists = self._filled = self._diverse = 0
        self._diversity = 0.0

    def watch(self, blocks: Iterable[ListBlock]) -> Iterator[ListBlock]:
        """Pass blocks on, and count their lists."""
        for block in blocks:
            self.add(block)
            yield block

    def add(self, lists: ListBlock | Draft) -> None:
        """Count some lists."""
        items = lists.items[:, :FIRST]
        self._exposure += np.bincount(items[items >= 0], minlength=len(self._exposure))
        diversity = diversity_of(items, self._categories)
        self._lists += len(items)
        self._filled += len(diversity)
        self._diverse += int((diversity >= DIVERSE).sum())
        self._diversity += float(diversity.sum())

    def coverage(self) -> dict[str, Any]:
        """Distinct items among the first places of all lists, and what they are a share of."""
        shown = int((self._exposure[self._is_available] > 0).sum())
        countable = countable_items(int(self._is_available.sum()), self._lists * FIRST)
        return {
            "value": round(shown / countable, 4) if countable else 0.0,
            "distinct_items": shown,
            "of": round(countable),
            "is_bounded_by_users": countable < int(self._is_available.sum()),
        }

    def diversity(self) -> dict[str, Any] | None:
        """The mean, and the share of lists that have enough; None where the catalogue has no categories."""
        if not (self._categories >= 0).any() or not self._filled:
            return None
        return {
            "mean": round(self._diversity / self._filled, 4),
            "share_of_lists": round(self._diverse / self._filled, 4),
        }
