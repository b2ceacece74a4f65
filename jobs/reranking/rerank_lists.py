"""Choose lists out of pools of candidates."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD
from jobs.models.block_size import block_numbers
from jobs.reranking.calibrated import Calibration
from jobs.reranking.choose_greedily import Method, RelevanceAlone, choose_greedily
from jobs.reranking.dpp import Determinant
from jobs.reranking.draft import Draft, Source
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.likeness import Likeness, item_likeness
from jobs.reranking.limits import HeldPlaces, Limit
from jobs.reranking.mmr import MarginalRelevance
from jobs.reranking.relevance import relevance
from reco_contracts.list_settings import DiversitySection

# Numbers of 4 bytes that a thread works on: a few MB, so that fifty passes over them stay in the processor's cache.
_CACHE_NUMBERS: Final = 1_000_000
# What a candidate takes while its list is chosen, in numbers of 4 bytes.
_CANDIDATE_NUMBERS: Final = 14


def rerank(
    pool: Draft,
    k: int,
    traits: ItemTraits,
    diversity: DiversitySection,
    limits: tuple[Limit, ...] = (),
    boosts: npt.NDArray[np.float32] | None = None,
    mixes: csr_matrix | None = None,
    threads: int = 0,
) -> Draft:
    """The k items of each list, in order.

    Each place in turn takes what adds most by the method of diversity, of equal ones the first of the pool, and keeps
    the limits. A list depends on its own row of the pool alone.

    Args:
        pool: candidates, best first.
        k: list length.
        traits: of the items.
        diversity: method and strength, and the limits by category.
        limits: what business rules allow at most.
        boosts: float32, shape of the pool, what relevance is multiplied by; None = 1.
        mixes: CSR float32, shape (n, n_categories), see `category_mixes`; used by method "calibrated". None = nobody
            has a history.
        threads: 0 = all cores; the lists do not depend on it.
    """
    if boosts is not None and (boosts == 1).all():
        boosts = None
    is_diverse = diversity.method != "none" and diversity.strength > 0
    is_limited = bool(limits) or diversity.min_categories > 0 or diversity.max_per_category > 0
    if not (is_diverse or is_limited or boosts is not None) or not (pool.items >= 0).any():
        return Draft(pool.subjects, pool.items[:, :k], pool.scores[:, :k], pool.sources[:, :k])
    length, likeness = min(k, pool.items.shape[1]), item_likeness(traits)
    work = _Work(pool, length, traits, likeness, diversity, limits, boosts, mixes, is_diverse)
    return _cut(pool, work.choose(threads))


def hold_limits(lists: Draft, traits: ItemTraits, diversity: DiversitySection, limits: tuple[Limit, ...]) -> Draft:
    """Lists into which items were put since they were chosen, with the limits held again.

    What breaks a limit moves behind the first places, and what stands behind moves up; nothing leaves or enters
    a list.

    Args:
        lists: in order.
        traits: of the items.
        diversity: the limits by category; its method does not matter.
        limits: what business rules allow at most.
    """
    by_order = diversity.model_copy(update={"method": "none"})
    return rerank(lists, lists.items.shape[1], traits, by_order, limits)


@dataclass(frozen=True, slots=True)
class _Work:
    """One call's lists, chosen a block at a time."""

    pool: Draft
    k: int
    traits: ItemTraits
    likeness: Likeness
    diversity: DiversitySection
    limits: tuple[Limit, ...]
    boosts: npt.NDArray[np.float32] | None
    mixes: csr_matrix | None
    is_diverse: bool

    def choose(self, threads: int) -> npt.NDArray[np.int64]:
        """Places in the pool, int64, shape (n, k); -1 pads."""
        chosen = np.empty((len(self.pool.items), self.k), dtype=np.int64)

        def fill(rows: slice) -> None:
            chosen[rows] = self._choose_block(rows)

        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as executor:
            for _ in executor.map(fill, self._blocks()):
                pass
        return chosen

    def _blocks(self) -> Iterator[slice]:
        n, width = self.pool.items.shape
        numbers = width * (_CANDIDATE_NUMBERS + 2 * len(self.limits))
        if self.is_diverse and self.diversity.method == "dpp":
            numbers += width * self.k
        if self.is_diverse and self.diversity.method == "calibrated" and self.mixes is not None:
            numbers += self.mixes.shape[1]
        step = max(1, min(_CACHE_NUMBERS, block_numbers()) // numbers)
        return (slice(start, min(start + step, n)) for start in range(0, n, step))

    def _choose_block(self, rows: slice) -> npt.NDArray[np.int64]:
        pool = Draft([], self.pool.items[rows], self.pool.scores[rows], self.pool.sources[rows])
        relevant = self._relevance(pool, rows)
        held = HeldPlaces(pool.items, self.traits.categories, self.diversity, self.limits, self.k)
        method = self._method(relevant, pool.items, rows)
        depth = self.k if self.is_diverse else min(held.depth, self.k)
        chosen = choose_greedily(method, held, pool.items >= 0, depth)
        return chosen if depth == self.k else _with_rest(chosen, relevant, pool.items >= 0, self.k)

    def _relevance(self, pool: Draft, rows: slice) -> npt.NDArray[np.float32]:
        if self.boosts is not None:
            return relevance(pool, self.boosts[rows])
        if self.is_diverse:
            return relevance(pool)
        # All alike: the pool's own order, whatever its scores.
        return np.zeros(pool.items.shape, dtype=np.float32)

    def _method(self, relevant: npt.NDArray[np.float32], items: npt.NDArray[np.int32], rows: slice) -> Method:
        strength = self.diversity.strength
        if not self.is_diverse:
            return RelevanceAlone(relevant)
        if self.diversity.method == "mmr":
            return MarginalRelevance(relevant, items, self.likeness, strength)
        if self.diversity.method == "dpp":
            return Determinant(relevant, items, self.likeness, strength, self.k)
        mixes = None if self.mixes is None else self.mixes[rows]
        return Calibration(relevant, items, self.traits.categories, mixes, strength, self.diversity.exploration)


def _with_rest(
    chosen: npt.NDArray[np.int64], relevant: npt.NDArray[np.float32], is_item: npt.NDArray[np.bool_], k: int
) -> npt.NDArray[np.int64]:
    """Put behind the first places what was not chosen for them, by relevance."""
    depth = chosen.shape[1]
    order = np.where(is_item, relevant, -np.inf)
    row, place = np.nonzero(chosen >= 0)
    order[row, chosen[row, place]] = -np.inf
    rest = np.argsort(-order, axis=1, kind="stable")[:, : k - depth]
    rest[np.take_along_axis(order, rest, axis=1) == -np.inf] = PAD
    return np.concatenate((chosen, rest), axis=1)


def _cut(pool: Draft, chosen: npt.NDArray[np.int64]) -> Draft:
    is_used, places = chosen >= 0, np.maximum(chosen, 0)
    return Draft(
        pool.subjects,
        np.where(is_used, np.take_along_axis(pool.items, places, axis=1), PAD).astype(np.int32),
        np.where(is_used, np.take_along_axis(pool.scores, places, axis=1), 0).astype(np.float32),
        np.where(is_used, np.take_along_axis(pool.sources, places, axis=1), Source.NONE).astype(np.uint8),
    )
