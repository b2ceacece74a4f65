"""The hybrid: candidates of several models, ordered by what happened after an inner cut.

How it is fitted:
    1. the training set is cut (hybrid_holdout); the components learn what lies before the cut;
    2. for a sample of users, the union of the components' lists and of what the user has
       already (hybrid_candidates) is labelled with what happened after the cut;
    3. a linear blend and a LambdaRank forest are compared on users that neither has seen, and
       the better one is fitted on all of them (hybrid_training);
    4. the components learn everything, and the ranker is kept.

There is a ranker for lists that may hold what the user has consumed, where that happens
again after the cut, and one for lists of new items only: what a list may hold changes what
the sources' scores mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import Asked, Contributors, TopK
from jobs.models.hybrid_candidates import SourceLists, union_of
from jobs.models.hybrid_files import load_hybrid, load_seed, save_hybrid
from jobs.models.hybrid_holdout import hold_out
from jobs.models.hybrid_parameters import HybridParameters
from jobs.models.hybrid_rankers import Ranker
from jobs.models.hybrid_reasons import name_signals, shares_of_sources
from jobs.models.hybrid_sources import Sources
from jobs.models.hybrid_training import AGAIN, NEW, TrainedRanker, train_rankers
from jobs.models.largest_shares import no_contributors, put_contributors
from jobs.models.top_k import empty_lists
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, weight_matrix
from reco_contracts.train_settings import TrainSection

_BLOCK_USERS = 1_024
_Cells = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


class HybridModel:
    """Several models in one list."""

    name: ClassVar[str] = "hybrid"
    is_exact: ClassVar[bool] = True

    def __init__(self, parameters: HybridParameters, seed: int = 0, threads: int = 0) -> None:
        """Make the components; nothing is learned yet."""
        self._parameters = parameters
        self._seed = seed
        self._threads = threads
        self._sources = self._new_sources()
        self.rankers: dict[str, TrainedRanker] = {}

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the model is fitted with."""
        return msgspec.structs.asdict(self._parameters)

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The lists of [train.hybrid]; the components come with their own defaults."""
        from jobs.models.table import default_parameters

        components = {name: default_parameters(name, settings) for name in settings.hybrid.components}
        return {"components": (components,)} | settings.hybrid.model_dump(exclude={"components"})

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> Self:
        """A model that is not fitted yet."""
        return cls(msgspec.convert(parameters, HybridParameters), seed, threads)

    def fit(self, data: Interactions) -> None:
        """Learn the rankers on an inner cut, then the components on everything."""
        holdout = hold_out(data, self._parameters.holdout_days, self._seed)
        self.rankers = train_rankers(self._new_sources(), holdout, self._parameters, self._seed, self._threads)
        self._sources = self._new_sources()
        self._sources.fit(data)

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank the union of the sources' lists; a user without weights gets an empty list.

        A source brings as many items as the parameters say, or k if that is more.
        """
        result = empty_lists(data.n_users, k)
        wanted = max(k, self._parameters.candidates)
        known = np.flatnonzero(np.diff(weight_matrix(data).indptr) > 0)
        for rows in _blocks(known):
            people, never = data.of_users(rows), None if blocked is None else blocked[rows]
            lists = self._sources.lists(people, wanted, never, candidates)
            cells = union_of(lists)
            scores = self._predict(cells, lists, people, never)
            best = _best_cells(cells, scores, len(rows), data.n_items, k)
            result.items[rows], result.scores[rows] = best
        return result

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> _Floats:
        """What lists without blocked items are ranked by; a source that does not list an item gives it nothing."""
        scores = np.zeros(items.shape, dtype=np.float32)
        for rows, people, lists, _ in self._asked_blocks(data, np.arange(data.n_users), Asked(items.shape[1])):
            used = items[rows] >= 0
            cells, place = _cells_of(items[rows], data.n_items)
            part = np.zeros(used.shape, dtype=np.float32)
            part[used] = self._predict(cells, lists, people, None)[place]
            scores[rows] = part
        return scores

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """The neighbours of the first component, in the order of the parameters, that knows the item."""
        return self._sources.similar_items(items, k, candidates)

    def explain(
        self, data: Interactions, items: npt.NDArray[np.int32], m: int = 1, asked: Asked | None = None
    ) -> Contributors:
        """What each kind of source adds to each score; see hybrid_reasons."""
        result = no_contributors(items.shape, m)
        n_sources = len(self._sources.names)
        # The blocks of `recommend`: in others the sources' scores could differ by a bit, and near ties in rank.
        known = np.flatnonzero(np.diff(weight_matrix(data).indptr) > 0)
        for rows, people, lists, never in self._asked_blocks(data, known, asked or Asked(items.shape[1])):
            cells, place = _cells_of(items[rows], data.n_items)
            shares = np.zeros((len(cells), n_sources + 2))
            for some, ranker, values in self._each_ranker(cells, lists, people, never):
                shares[some] = shares_of_sources(ranker.split(values, self._threads), values, n_sources)
            wide = np.zeros((*items[rows].shape, n_sources + 2))
            wide[items[rows] >= 0] = shares[place]
            put_contributors(result, rows, name_signals(self._sources, wide, people, items[rows], m))
        return result

    def save(self, folder: Path) -> None:
        """Write the rankers, and each component into a folder of its own."""
        save_hybrid(folder, self._sources, self.rankers, self._seed)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: a file is missing, or a component's folder does not hold it.
        """
        model = cls.create(parameters, load_seed(folder), threads)
        model.rankers = load_hybrid(folder, model._sources, threads)  # noqa: SLF001 - our own class
        return model

    def _new_sources(self) -> Sources:
        return Sources(self._parameters.components, self._seed, self._threads)

    def _asked_blocks(
        self, data: Interactions, users: _Cells, asked: Asked
    ) -> Iterator[tuple[_Cells, Interactions, list[SourceLists], csr_matrix | None]]:
        """Rows of some users, their data, the sources' lists and what is blocked, a block after the other."""
        wanted = max(asked.k, self._parameters.candidates)
        for rows in _blocks(users):
            people, never = data.of_users(rows), None if asked.blocked is None else asked.blocked[rows]
            yield rows, people, self._sources.lists(people, wanted, never, asked.candidates), never

    def _predict(
        self, cells: _Cells, lists: list[SourceLists], data: Interactions, blocked: csr_matrix | None
    ) -> _Floats:
        """Score candidates, each by the ranker of what its user's list may hold."""
        scores = np.zeros(len(cells), dtype=np.float32)
        for rows, ranker, values in self._each_ranker(cells, lists, data, blocked):
            scores[rows] = ranker.predict(values, self._threads)
        return scores

    def _each_ranker(
        self, cells: _Cells, lists: list[SourceLists], data: Interactions, blocked: csr_matrix | None
    ) -> Iterator[tuple[npt.NDArray[np.bool_], Ranker, _Floats]]:
        """Which candidates a ranker scores, the ranker, and what it sees of them."""
        may_repeat = _may_repeat(data, blocked)[cells // max(data.n_items, 1)]
        for kind, rows in ((NEW, ~may_repeat), (AGAIN, may_repeat)):
            if rows.any():
                ranker = self._ranker_of(kind).for_data(data)
                yield rows, ranker, self._sources.values(cells[rows], lists, data, ranker.needs_pairs)

    def _ranker_of(self, kind: str) -> TrainedRanker:
        return self.rankers.get(kind) or self.rankers[NEW]


def _may_repeat(data: Interactions, blocked: csr_matrix | None) -> npt.NDArray[np.bool_]:
    """Whether a list of each user may hold something that the user has consumed."""
    consumed = blocked_matrix(data, "forever")
    kept = np.diff(consumed.indptr)
    return np.asarray(kept > (0 if blocked is None else consumed.multiply(blocked != 0).tocsr().getnnz(axis=1)))


def _blocks(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(rows), _BLOCK_USERS):
        yield rows[start : start + _BLOCK_USERS]


def _cells_of(items: npt.NDArray[np.int32], n_items: int) -> tuple[_Cells, _Cells]:
    """The distinct cells of lists, ascending, and where each listed item, row after row, is among them."""
    asked = np.arange(len(items))[:, None] * np.int64(n_items) + items
    cells, place = np.unique(asked[items >= 0], return_inverse=True)
    return cells, place


def _best_cells(cells: _Cells, scores: _Floats, n: int, n_items: int, k: int) -> TopK:
    """The k best cells of each user, ties by item."""
    users, items = np.divmod(cells, max(n_items, 1))
    order = np.lexsort((items, -scores, users))
    users, items, scores = users[order], items[order], scores[order]
    places = np.arange(len(users)) - np.searchsorted(users, users)
    first = places < k
    result = empty_lists(n, k)
    result.items[users[first], places[first]] = items[first]
    result.scores[users[first], places[first]] = scores[first]
    return result
