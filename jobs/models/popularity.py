"""Popularity: how many people chose an item lately.

Of all people, of the user's segment, or in the categories that the user leans to.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Asked, Contributors, Signal, TopK
from jobs.models.block_size import blocks
from jobs.models.history import require_items
from jobs.models.largest_shares import largest_of_dense
from jobs.models.model_files import Arrays, load_arrays, save_arrays
from jobs.models.top_k import best_in_blocks, best_of_scores, empty_lists
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from reco_contracts.train_settings import TrainSection

# Items that everybody is taken to have, spread like popularity: a short history does not rule the list.
_PRIOR_ITEMS = 2.0
# Own users of a segment are counted and leave at least a fraction of 1 / (all users + 1); below it is rounding.
_LEAST = 1e-9
_NONE: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)


def popularity_scores(data: Interactions, window_days: int) -> npt.NDArray[np.float64]:
    """Distinct users of the window, and as a fraction below 1 those of all time, which break ties.

    Args:
        data: the interactions; only a positive weight counts as a choice.
        window_days: days; 0 = all time.

    Returns:
        float64, shape (n_items,); 0 = nobody ever.
    """
    recent = np.bincount(weight_matrix(data, window_days=window_days).indices, minlength=data.n_items)
    ever = np.bincount(weight_matrix(data).indices, minlength=data.n_items)
    return recent + ever / (data.n_users + 1.0)


def popularity_order(
    scores: npt.NDArray[np.float64], candidates: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.int32]:
    """Items by popularity, most popular first, ties by index; items that nobody ever chose are left out.

    Args:
        scores: float64, shape (n_items,).
        candidates: bool, shape (n_items,); false = leave out. None = all.
    """
    columns = np.flatnonzero(scores > 0 if candidates is None else (scores > 0) & candidates)
    return columns[np.lexsort((columns, -scores[columns]))].astype(np.int32)


class PopularityParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted; see [train.popularity] in reco.toml.

    Attributes:
        window_days: days; 0 = all time.
        by: "all": one list for everybody. "segment": one list a segment. "category": the popular items of the
            categories of a user's history.
    """

    window_days: int = 0
    by: str = "all"


class PopularityModel:
    """The opponent that a personal model has to beat.

    Whatever it goes by, a user of whom that is not known gets the list of all.
    """

    name: ClassVar[str] = "popularity"
    is_exact: ClassVar[bool] = True

    def __init__(self, parameters: PopularityParameters, threads: int = 0) -> None:
        """Hold the parameters; nothing is counted yet."""
        self._parameters = parameters
        self._threads = threads
        self.scores = np.zeros(0, dtype=np.float64)
        self.hold([], np.zeros((0, 0)), _NONE)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is counted."""
        return msgspec.structs.asdict(self._parameters)

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The lists of [train.popularity]."""
        return settings.popularity.model_dump()

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> Self:  # noqa: ARG003 - no chance here
        """A model that is not fitted yet."""
        return cls(msgspec.convert(parameters, PopularityParameters), threads)

    def fit(self, data: Interactions) -> None:
        """Count users."""
        window = self._parameters.window_days
        self.scores = popularity_scores(data, window)
        segments, segment_scores = [], np.zeros((0, data.n_items))
        if self._parameters.by == "segment" and data.segments is not None:
            segments = sorted({str(name) for name in data.segments} - {""})
            others = self._as_fraction()
            counts = [popularity_scores(_of_segment(data, name), window) for name in segments]
            segment_scores = np.array([np.where(others > 0, own + others, 0) for own in counts])
        content = data.content if self._parameters.by == "category" else None
        self.hold(segments, segment_scores, _NONE if content is None else content.categories)

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """The most popular items that each user may see."""
        require_items(self.name, len(self.scores), data)
        if len(self._categories):
            leanings = self._leanings(data)
            allowed = self.scores > 0 if candidates is None else (self.scores > 0) & candidates
            return best_in_blocks(
                lambda rows: self._by_category(leanings[rows]), data.n_users, k, allowed, blocked, self._threads
            )
        result = empty_lists(data.n_users, k)
        codes = self._segment_codes(data)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            never = None if blocked is None else blocked[rows]
            best = _same_list(self._scores_of(code), len(rows), k, never, candidates)
            result.items[rows], result.scores[rows] = best
        return result

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """What the items are counted as for each user."""
        if len(self._categories):
            leanings, scores = self._leanings(data), np.zeros(items.shape, dtype=np.float32)
            for rows in blocks(len(items), len(self.scores)):
                block = self._by_category(leanings[rows])
                scores[rows] = np.take_along_axis(block, np.maximum(items[rows], 0), axis=1)
        else:
            codes = self._segment_codes(data)
            scores = np.empty(items.shape, dtype=np.float32)
            for code in np.unique(codes):
                scores[codes == code] = self._scores_of(code)[items[codes == code]]
        return np.where(items >= 0, scores, 0).astype(np.float32)

    def similar_items(
        self,
        items: npt.NDArray[np.int32],
        k: int,
        candidates: npt.NDArray[np.bool_] | None = None,  # noqa: ARG002 - no item is like another
    ) -> TopK:
        """Popularity knows no likeness: empty lists."""
        return empty_lists(len(items), k)

    def explain(
        self,
        data: Interactions,
        items: npt.NDArray[np.int32],
        m: int = 1,
        asked: Asked | None = None,  # noqa: ARG002 - a score is what it is
    ) -> Contributors:
        """What the user's segment and what all people add; nobody's own items explain what is popular."""
        shares = np.zeros((*items.shape, 2), dtype=np.float64)
        shares[:, :, 1] = self.score(data, items)
        codes = self._segment_codes(data)
        for code in np.unique(codes[codes != PAD]) if not len(self._categories) else ():
            rows = codes == code
            ours = self._segment_scores[code] - self._as_fraction()
            own = np.where((items[rows] >= 0) & (ours[items[rows]] > _LEAST), ours[items[rows]], 0)
            shares[rows] = np.stack((own, shares[rows, :, 1] - own), axis=2)
        signals = np.array([Signal.SEGMENT, Signal.POPULARITY], dtype=np.uint8)
        return largest_of_dense(signals, np.full(2, PAD, dtype=np.int32), shares, m)

    def save(self, folder: Path) -> None:
        """Write the counts."""
        arrays: Arrays = {"scores": self.scores, "segment_scores": self._segment_scores, "categories": self._categories}
        save_arrays(folder, self.name, arrays, segments=self._segments)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, ("scores", "segment_scores", "categories"))
        model = cls.create(parameters, 0, threads)
        model.scores = arrays["scores"]
        model.hold(state["segments"], arrays["segment_scores"], arrays["categories"])
        return model

    def hold(
        self, segments: list[str], segment_scores: npt.NDArray[np.float64], categories: npt.NDArray[np.int32]
    ) -> None:
        """Take as what was counted beside all users.

        Args:
            segments: names, sorted.
            segment_scores: float64, shape (len(segments), n_items).
            categories: int32, shape (n_items,), code of each item; -1 = none. Empty = do not go by them.
        """
        self._segments, self._segment_scores, self._categories = segments, segment_scores, categories

    def _segment_codes(self, data: Interactions) -> npt.NDArray[np.int64]:
        if data.segments is None or not self._segments:
            return np.full(data.n_users, PAD, dtype=np.int64)
        codes = {name: code for code, name in enumerate(self._segments)}
        return np.array([codes.get(str(name), PAD) for name in data.segments], dtype=np.int64)

    def _as_fraction(self) -> npt.NDArray[np.float64]:
        """The popularity with all people as a fraction below 1: it orders what a segment's own people do not."""
        fraction: npt.NDArray[np.float64] = self.scores / (self.scores.max(initial=0) + 1)
        return fraction

    def _scores_of(self, code: int) -> npt.NDArray[np.float64]:
        scores: npt.NDArray[np.float64] = self.scores if code == PAD else self._segment_scores[code]
        return scores

    def _leanings(self, data: Interactions) -> npt.NDArray[np.float64]:
        """How much more each user is with each category than everybody is: shape (n_users, categories), mean 1."""
        kinds = self._categories + 1  # 0: without a category
        n = int(kinds.max(initial=0)) + 1
        usual = np.bincount(kinds, weights=self.scores, minlength=n)
        usual = usual / max(usual.sum(), 1e-12)
        cells = weight_matrix(data).tocoo()
        counts = np.zeros((data.n_users, n))
        np.add.at(counts, (cells.row, kinds[cells.col]), 1.0)
        shares: npt.NDArray[np.float64] = (counts + _PRIOR_ITEMS * usual) / (
            counts.sum(axis=1, keepdims=True) + _PRIOR_ITEMS
        )
        shares[:, usual > 0] /= usual[usual > 0]
        return shares

    def _by_category(self, leanings: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return (leanings[:, self._categories + 1] * self.scores).astype(np.float32)


def _of_segment(data: Interactions, name: str) -> Interactions:
    assert data.segments is not None  # noqa: S101 - the caller has looked
    return data.of_users(np.flatnonzero(data.segments == name))


def _same_list(
    scores: npt.NDArray[np.float64],
    n: int,
    k: int,
    blocked: csr_matrix | None,
    candidates: npt.NDArray[np.bool_] | None,
) -> TopK:
    """The same order for n users, less what each may not see."""
    result, order = empty_lists(n, k), popularity_order(scores, candidates)
    # Nobody needs more of the top than k and what is blocked for them.
    most_blocked = int(np.diff(blocked.indptr).max(initial=0)) if blocked is not None else 0
    top = np.sort(order[: k + most_blocked])
    if len(top) == 0:
        return result
    merit = -_rank_of(order, len(scores))[top]
    for rows in blocks(n, len(top)):
        block = np.tile(merit, (rows.stop - rows.start, 1))
        if blocked is not None:
            never = blocked[rows][:, top].tocoo()
            block[never.row, never.col] = -np.inf
        best = best_of_scores(block, k)
        used = best.items >= 0
        result.items[rows] = np.where(used, top[best.items], PAD)
        result.scores[rows] = np.where(used, scores[result.items[rows]], 0)
    return result


def _rank_of(order: npt.NDArray[np.int32], n_items: int) -> npt.NDArray[np.float32]:
    # Ranks below 2^24 are exact in float32; counts with their fractions would not be.
    rank = np.full(n_items, np.inf, dtype=np.float32)
    rank[order] = np.arange(len(order), dtype=np.float32)
    return rank
