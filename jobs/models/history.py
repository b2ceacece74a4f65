"""Histories as matrices: what an interaction counts, by its weight and its age."""

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from reco_contracts.errors import ContractError


class HistoryParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How a history is read; a part of the parameters of most models.

    Attributes:
        half_life_days: age at which an interaction counts half; 0 = never.
        weighting: "binary", "log" or "linear", see `history_matrix`.
    """

    half_life_days: float = 0.0
    weighting: str = "binary"


def history_matrix(data: Interactions, parameters: HistoryParameters, mean_weight: float = 1.0) -> csr_matrix:
    """What each user's items count.

    "linear" is weight / mean weight, "log" is log(1 + that). "binary" is 1 for every
    item however heavy; with a half life the days of an item add up, to 1 at most.

    Args:
        data: of n users.
        parameters: how to read it.
        mean_weight: of the training data, so that later histories are on the same scale.

    Returns:
        CSR float32, shape (n_users, n_items), positive, sorted columns. Items that were returned are left out.
    """
    if parameters.weighting == "binary":
        return _presence(data, parameters.half_life_days)
    weights = weight_matrix(data, parameters.half_life_days)
    values = relative_weights(weights.data, mean_weight, parameters.weighting)
    return csr_matrix((values, weights.indices, weights.indptr), shape=weights.shape)


def require_items(model: str, fitted: int, data: Interactions) -> None:
    """Refuse histories over other items than those of the fit.

    Args:
        model: name of the model.
        fitted: number of items that it was fitted on.
        data: what it is asked about.

    Raises:
        ContractError: the numbers differ.
    """
    if data.n_items != fitted:
        raise ContractError(
            f"the {model} model was fitted on {fitted} items, the histories have {data.n_items}; "
            "index them by the model's items, or train again"
        )


def relative_weights(weights: npt.NDArray[np.float32], mean_weight: float, weighting: str) -> npt.NDArray[np.float32]:
    """Weights against the mean one.

    Args:
        weights: float32, positive.
        mean_weight: what counts as 1.
        weighting: "linear", or "log" for log(1 + x).
    """
    relative = weights / np.float32(mean_weight)
    return (np.log1p(relative) if weighting == "log" else relative).astype(np.float32)


def mean_weight_of(data: Interactions, parameters: HistoryParameters) -> float:
    """The mean decayed weight of a user's item; 1 where there is none."""
    weights = weight_matrix(data, parameters.half_life_days)
    return float(weights.data.mean(dtype=np.float64)) if weights.nnz else 1.0


def _presence(data: Interactions, half_life_days: float) -> csr_matrix:
    kept = weight_matrix(data)
    kept.data[:] = 1.0
    if half_life_days == 0:
        return kept
    days = weight_matrix(replace(data, weights=np.ones(len(data.weights))), half_life_days)
    days.data = np.minimum(days.data, np.float32(1))
    present = days.multiply(kept).tocsr()
    present.sort_indices()
    return present.astype(np.float32)
