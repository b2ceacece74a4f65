"""A trained model beside the generation that it ranks for."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.models.base import PAD, Model
from jobs.ranking.interaction_matrix import index_of


@dataclass(frozen=True, slots=True)
class RankingModel:
    """A model, and its items in the generation.

    Attributes:
        model: fitted.
        generation_index: int32, shape (n model items,), the generation's index of each; -1 = left the catalogue.
        model_index: int32, shape (n generation items,), the model's index of each; -1 = came after its training.
        candidates: bool, shape (n model items,), on sale.
    """

    model: Model
    generation_index: npt.NDArray[np.int32]
    model_index: npt.NDArray[np.int32]
    candidates: npt.NDArray[np.bool_]

    def to_generation(self, items: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Indices of the model as indices of the generation; -1 stays."""
        return _translate(self.generation_index, items)

    def to_model(self, items: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Indices of the generation as indices of the model; -1 stays."""
        return _translate(self.model_index, items)

    def candidates_among(self, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which of the model's items may be shown.

        Args:
            allowed: bool, shape (n generation items,).

        Returns:
            bool, shape (n model items,); on sale and allowed.
        """
        return self.candidates & allowed[self.generation_index] if len(allowed) else self.candidates

    def only(self, allowed: npt.NDArray[np.bool_]) -> "RankingModel":
        """The same, with nothing to choose from but what is allowed, bool, shape (n generation items,)."""
        return replace(self, candidates=self.candidates_among(allowed))


def ranking_model(
    model: Model, model_items: pl.Series, item_ids: pl.Series, is_available: npt.NDArray[np.bool_]
) -> RankingModel:
    """Join a model's items with the generation's.

    Args:
        model: fitted.
        model_items: ids of the model's item indices.
        item_ids: ids of the generation's item indices.
        is_available: bool, shape (len(item_ids),).
    """
    index = index_of(model_items, item_ids)
    return RankingModel(model, index, index_of(item_ids, model_items), (index >= 0) & is_available[index])


def _translate(index: npt.NDArray[np.int32], items: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    if len(index) == 0:
        return items
    return np.where(items >= 0, index[items], PAD).astype(np.int32)
