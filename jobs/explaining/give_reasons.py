"""The reason of each item of finished lists."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.ranking_model import RankingModel
from jobs.reranking.draft import Draft, Source
from reco_contracts.reasons import Reason

_OF_SOURCE = {
    Source.NONE: Reason.UNKNOWN,
    Source.PERSONAL: Reason.POPULAR,
    Source.SEGMENT: Reason.POPULAR_IN_SEGMENT,
    Source.POPULAR: Reason.POPULAR,
    Source.NEW: Reason.NEW,
    Source.EXPLORED: Reason.NEW,
    Source.PINNED: Reason.PINNED,
}
_REASONS = np.array([_OF_SOURCE[source] for source in Source], dtype=np.uint8)


class Reasons(NamedTuple):
    """Why each item of each list is there.

    Attributes:
        reasons: uint8, shape (n, k), reasons.Reason.
        seeds: int32, shape (n, k), indices of the generation; -1 where the reason has none.
    """

    reasons: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]


def give_reasons(ranking: RankingModel, data: Interactions, lists: Draft) -> Reasons:
    """Name the reason of every item; the model is asked for those that it chose.

    Args:
        ranking: the model.
        data: interactions of the n users, item indices of the model.
        lists: of these users.
    """
    personal = np.where(lists.sources == Source.PERSONAL, lists.items, PAD).astype(np.int32)
    seeds = ranking.to_generation(ranking.model.explain(data, ranking.to_model(personal)).seeds)
    reasons = np.where(seeds >= 0, Reason.BECAUSE_OF_HISTORY, _REASONS[lists.sources])
    # "Because of X" under X itself would read like a mistake.
    is_own = (seeds >= 0) & (seeds == lists.items)
    reasons = np.where(is_own, Reason.AGAIN, reasons).astype(np.uint8)
    return Reasons(reasons, np.where(is_own, PAD, seeds).astype(np.int32))
