"""Popularity: the same list for everybody, by how many people chose an item lately."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Contributors, TopK
from jobs.models.top_k import best_of_scores, empty_lists
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from reco_contracts.errors import ContractError
from reco_contracts.settings import TrainSection

_BLOCK_SCORES = 16_000_000
_FILE = "popularity.npy"


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


class PopularityModel:
    """The opponent that a personal model has to beat."""

    name: ClassVar[str] = "popularity"

    def __init__(self, window_days: int) -> None:
        """Hold the window; 0 = all time."""
        self._window_days = window_days
        self.scores = np.zeros(0, dtype=np.float64)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The window, days."""
        return {"window_days": self._window_days}

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The windows of [train.popularity]."""
        return settings.popularity.model_dump()

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> Self:  # noqa: ARG003 - no chance here
        """A model that is not fitted yet."""
        return cls(int(parameters["window_days"]))

    def fit(self, data: Interactions) -> None:
        """Count users."""
        self.scores = popularity_scores(data, self._window_days)

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """The most popular items that each user may see."""
        n, n_items = data.n_users, data.n_items
        order = popularity_order(self.scores, candidates)
        # Nobody needs more of the top than k and what is blocked for them.
        most_blocked = int(np.diff(blocked.indptr).max(initial=0)) if blocked is not None else 0
        top = np.sort(order[: k + most_blocked])
        merit = -_rank_of(order, n_items)[top]
        items = np.full((n, k), PAD, dtype=np.int32)
        scores = np.zeros((n, k), dtype=np.float32)
        step = max(1, _BLOCK_SCORES // max(len(top), 1))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            block = np.tile(merit, (rows.stop - start, 1))
            if blocked is not None:
                never = blocked[rows][:, top].tocoo()
                block[never.row, never.col] = -np.inf
            best = best_of_scores(block, k)
            used = best.items >= 0
            items[rows] = np.where(used, top[best.items] if len(top) else PAD, PAD)
            scores[rows] = np.where(used, self.scores[items[rows]] if n_items else 0, 0)
        return TopK(items, scores)

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """The same for everybody."""
        return np.where(items >= 0, self.scores[items], 0).astype(np.float32)

    def similar_items(
        self,
        items: npt.NDArray[np.int32],
        k: int,
        candidates: npt.NDArray[np.bool_] | None = None,  # noqa: ARG002 - no item is like another
    ) -> TopK:
        """Popularity knows no likeness: empty lists."""
        return empty_lists(len(items), k)

    def explain(self, data: Interactions, items: npt.NDArray[np.int32]) -> Contributors:  # noqa: ARG002
        """Nobody's own items explain what is popular."""
        return Contributors(np.full(items.shape, PAD, dtype=np.int32), np.zeros(items.shape, dtype=np.float32))

    def save(self, folder: Path) -> None:
        """Write the scores."""
        np.save(folder / _FILE, self.scores)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the file is missing.
        """
        model = cls.create(parameters, 0, threads)
        try:
            model.scores = np.load(folder / _FILE)
        except OSError as error:
            raise ContractError(f"{folder} is no complete popularity model: {error}; train again") from error
        return model


def _rank_of(order: npt.NDArray[np.int32], n_items: int) -> npt.NDArray[np.float32]:
    # Ranks below 2^24 are exact in float32; counts with their fractions would not be.
    rank = np.full(n_items, np.inf, dtype=np.float32)
    rank[order] = np.arange(len(order), dtype=np.float32)
    return rank
