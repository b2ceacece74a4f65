"""Figures of all users' lists together: coverage, diversity, exposure, overlap with the generation before.

Definitions are those of docs and marts: the first 10 places count. Where users are
few, they cannot show a large catalogue: coverage is then a share of users * 10 / 4
items, and exposure is compared among the so many items that are shown most.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from jobs.measuring.evidence import Evidence
from jobs.measuring.list_batches import ListBatch
from jobs.measuring.previous_lists import PreviousLists
from jobs.measuring.surface_demands import Demand
from jobs.measuring.what_is_left import Left
from jobs.reranking.list_measures import FIRST, countable_items, distinct_categories
from jobs.rules.list_rules import shown_to_somebody

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class ListFigures:
    """What users' lists are like as a whole; None where there is nothing to measure it on.

    Attributes:
        mean_length: items a list.
        coverage: distinct items on sale in somebody's first places / coverage_of.
        coverage_of: items that may be shown to somebody, or so many as the users can show.
        is_bounded_by_users: the latter.
        mean_diversity: distinct categories / length, of the first places; mean over lists.
        eligible_lists: of users for whom enough categories are left.
        diverse_share: of these, the share that reaches the floor.
        exposure_gini: inequality of exposure in lists of users with a history; 0 = all items alike.
        compared_lists: of users who had one before.
        overlap: mean share of common items in the first places, then and now.
    """

    mean_length: float | None
    coverage: float | None
    coverage_of: float
    is_bounded_by_users: bool
    mean_diversity: float | None
    eligible_lists: int
    diverse_share: float | None
    exposure_gini: float | None
    compared_lists: int
    overlap: float | None


class FigureTally:
    """Adds up batches; what it holds does not grow with them."""

    def __init__(self, evidence: Evidence, demand: Demand, previous: PreviousLists | None) -> None:
        """Start empty.

        Args:
            evidence: items and users.
            demand: of the surface.
            previous: lists of the generation before.
        """
        self._categories, self._demand, self._previous = evidence.categories, demand, previous
        self._may_be_shown = evidence.is_available & shown_to_somebody(demand.rules)
        self._shown = np.zeros(evidence.n_items, dtype=bool)
        self._exposure = np.zeros(evidence.n_items, dtype=np.int64)
        self._lists = self._users = self._places = 0
        self._measured = self._eligible = self._reached = self._compared = 0
        self._diversity = self._overlap = 0.0

    def add(self, batch: ListBatch, left: Left) -> None:
        """Measure a batch.

        Args:
            batch: users' lists.
            left: what is left for them.
        """
        first = batch.first(FIRST)
        self._lists += len(batch)
        self._users += int(batch.has_history.sum())
        self._places += int(batch.lengths.sum())
        self._shown[first[first >= 0]] = True
        # Who did nothing yet is shown what is popular, and should be.
        own = first[batch.has_history]
        self._exposure += np.bincount(own[own >= 0], minlength=len(self._exposure))
        self._add_diversity(first, left)
        if self._previous is not None:
            self._add_overlap(batch, first, self._previous)

    def result(self) -> ListFigures:
        """The figures so far."""
        available = int(self._may_be_shown.sum())
        coverage_of = countable_items(available, self._lists * FIRST)
        shown = int((self._shown & self._may_be_shown).sum())
        most_shown = int(countable_items(available, self._users * FIRST))
        return ListFigures(
            mean_length=_share(self._places, self._lists),
            coverage=_share(shown, coverage_of),
            coverage_of=coverage_of,
            is_bounded_by_users=coverage_of < available,
            mean_diversity=_share(self._diversity, self._measured),
            eligible_lists=self._eligible,
            diverse_share=_share(self._reached, self._eligible),
            exposure_gini=exposure_gini(self._exposure[self._may_be_shown], most_shown),
            compared_lists=self._compared,
            overlap=_share(self._overlap, self._compared),
        )

    def _add_diversity(self, first: npt.NDArray[np.int32], left: Left) -> None:
        lengths = (first >= 0).sum(axis=1)
        diversity = distinct_categories(first, self._categories) / np.maximum(lengths, 1)
        floor, places = self._demand.min_diversity, np.minimum(left.items, min(FIRST, self._demand.k))
        is_eligible = (lengths > 0) & (left.categories >= np.ceil(floor * places - _ROUNDING))
        self._measured += int((lengths > 0).sum())
        self._diversity += float(diversity.sum())
        self._eligible += int(is_eligible.sum())
        self._reached += int((is_eligible & (diversity >= floor - _ROUNDING)).sum())

    def _add_overlap(self, batch: ListBatch, first: npt.NDArray[np.int32], previous: PreviousLists) -> None:
        rows = previous.subjects.rows_of(batch.subjects)
        now, before = first[rows >= 0], previous.items[rows[rows >= 0]]
        longest = np.maximum((now >= 0).sum(axis=1), previous.lengths[rows[rows >= 0]])
        common = ((now[:, :, None] == before[:, None, :]) & (now >= 0)[:, :, None]).any(axis=2).sum(axis=1)
        self._overlap += float((common[longest > 0] / longest[longest > 0]).sum())
        self._compared += int((longest > 0).sum())


def exposure_gini(exposure: npt.NDArray[np.int64], most: int) -> float | None:
    """Inequality of exposure among the items that are shown most.

    Args:
        exposure: how often each item is shown.
        most: so many items count at most.

    Returns:
        0 where all are shown alike, near 1 where few are shown to everybody; None where nothing is shown.
    """
    counted = np.sort(exposure)[max(len(exposure) - most, 0) :]
    n, total = len(counted), counted.sum()
    if total == 0:
        return None
    return float(((2 * np.arange(1, n + 1) - n - 1) * counted).sum() / (n * total))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
