"""The sources of a hybrid's candidates: models of the table, and what a user has already."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import Model, TopK
from jobs.models.hybrid_candidates import SourceLists, lists_of_own_items, lists_of_top_k, source_values
from jobs.models.hybrid_features import ItemHabits, item_habits, pair_features
from jobs.models.top_k import empty_lists
from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.errors import ConfigError
from reco_contracts.logs import get_logger

OWN: Final = "own"
_OWN_HALF_LIFE_DAYS: Final = 90.0


class Sources:
    """Components in a fixed order, then the user's own items.

    A component that refuses the data, as one with a dense items x items matrix
    does where the catalogue is too large, stays in its place with empty lists.
    """

    def __init__(self, components: Mapping[str, Mapping[str, Any]], seed: int, threads: int) -> None:
        """Make the components.

        Args:
            components: name in the table of models -> parameters.
            seed: of each component.
            threads: of each component.
        """
        self.components: dict[str, Model] = {
            name: _model_class(name).create(parameters, seed, threads) for name, parameters in components.items()
        }
        self.refused: tuple[str, ...] = ()
        self.habits = ItemHabits(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32))

    @property
    def names(self) -> tuple[str, ...]:
        """The sources in the order of their lists."""
        return (*self.components, OWN)

    @property
    def active(self) -> dict[str, Model]:
        """The components that have learned."""
        return {name: model for name, model in self.components.items() if name not in self.refused}

    def fit(self, data: Interactions) -> None:
        """Let every component learn."""
        refused = []
        for name, model in self.components.items():
            try:
                model.fit(data)
            except ConfigError as error:
                get_logger(__name__).warning("the hybrid goes on without a component", component=name, why=str(error))
                refused.append(name)
        self.refused = tuple(refused)
        self.habits = item_habits(data)

    def lists(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> list[SourceLists]:
        """Each source's best items for some users.

        Args:
            data: of n users.
            k: items of each source.
            blocked: CSR, shape (n, n_items); non-zero = never.
            candidates: bool, shape (n_items,); false = never. None = all.
        """
        found = [
            empty_lists(data.n_users, 0) if name in self.refused else model.recommend(data, k, blocked, candidates)
            for name, model in self.components.items()
        ]
        # An item that nobody had in the training data is not known to the hybrid, whoever has it now.
        known = self.habits.users > 0 if candidates is None else (self.habits.users > 0) & candidates
        own = lists_of_own_items(data, k, _OWN_HALF_LIFE_DAYS, blocked, known)
        return [*(lists_of_top_k(lists, data.n_items) for lists in found), own]

    def values(
        self, cells: npt.NDArray[np.int64], lists: list[SourceLists], data: Interactions, with_pairs: bool
    ) -> npt.NDArray[np.float32]:
        """Everything that a ranker sees of some candidates.

        Args:
            cells: int64, shape (m,), user * n_items + item, ascending.
            lists: of the sources.
            data: of the users.
            with_pairs: add features of user and item; a blend looks at the sources alone.

        Returns:
            float32, shape (m, width); score and rank of each source come first.
        """
        values = source_values(cells, lists)
        return np.hstack((values, pair_features(cells, data, self.habits))) if with_pairs else values

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Neighbours from the first component, in their order, that has any for an item."""
        result = empty_lists(len(items), k)
        for model in self.active.values():
            missing = np.flatnonzero((result.items < 0).all(axis=1)) if k else np.zeros(0, dtype=np.int64)
            if not len(missing):
                break
            result.items[missing], result.scores[missing] = model.similar_items(items[missing], k, candidates)
        return result


def _model_class(name: str) -> type[Model]:
    # The table names the hybrid too.
    from jobs.models.table import model_class

    if name == "hybrid":
        raise ConfigError("a hybrid cannot be a component of itself; leave it out of [train.hybrid] components")
    return model_class(name)
