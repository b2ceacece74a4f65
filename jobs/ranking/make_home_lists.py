"""Home lists: the best items for every user, each with the reason for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Model, TopK
from jobs.progress import progress_bar
from jobs.ranking.expose_new_items import NewItems, reserve_places
from jobs.ranking.fill_lists import fill_short_lists
from jobs.ranking.home_fillers import HomeFillers, fill_from_segments
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, index_of
from jobs.ranking.save_lists import ListBlock
from reco_contracts.reasons import Reason
from reco_contracts.settings import ExcludeSeen

# Users ranked and explained at once.
BLOCK_USERS = 4_096


@dataclass(frozen=True, slots=True)
class RankingModel:
    """A model beside the generation that it ranks for.

    Attributes:
        model: fitted.
        generation_index: int32, shape (n model items,), the generation's index of each; -1 = left the catalogue.
        candidates: bool, shape (n model items,), may be shown.
    """

    model: Model
    generation_index: npt.NDArray[np.int32]
    candidates: npt.NDArray[np.bool_]

    def to_generation(self, items: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Indices of the model as indices of the generation; -1 stays."""
        if len(self.generation_index) == 0:
            return items
        return np.where(items >= 0, self.generation_index[items], PAD).astype(np.int32)


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
    return RankingModel(model, index, (index >= 0) & is_available[index])


def home_lists(
    ranking: RankingModel,
    users: pl.Series,
    model_data: Interactions,
    data: Interactions,
    fillers: HomeFillers,
    exclude_seen: ExcludeSeen,
    k: int,
) -> Iterator[ListBlock]:
    """Rank for every user, in blocks; a user's list does not depend on who else is ranked.

    Users whom the model has not seen are folded in from their history. A user
    without an item of their own, most often one who did nothing yet, gets what the
    segment likes. What is missing to k is filled with popular items; then new items
    take their reserved places.

    Args:
        ranking: the model.
        users: ids, sorted.
        model_data: their interactions and segments, item indices of the model.
        data: their interactions, item indices of the generation.
        fillers: what fills lists.
        exclude_seen: the rule of the surface.
        k: list length.
    """
    never_model = blocked_matrix(model_data, exclude_seen)
    never = blocked_matrix(data, exclude_seen)
    with progress_bar("Rank users", len(users)) as advance:
        for start in range(0, len(users), BLOCK_USERS):
            rows = slice(start, min(start + BLOCK_USERS, len(users)))
            people = model_data.of_users(np.arange(rows.start, rows.stop))
            subjects = users[rows].to_list()
            lists = _block(ranking, subjects, people, never_model[rows], never[rows], fillers, k)
            if fillers.new is not None:
                lists = reserve_places(lists, new_item_scores(ranking, people, fillers.new), never[rows], fillers.new)
            yield lists
            advance(rows.stop - rows.start)


def new_item_scores(ranking: RankingModel, data: Interactions, new: NewItems) -> npt.NDArray[np.float32]:
    """The model's scores of users for all new items, float32, shape (n_users, n_new)."""
    return ranking.model.score(data, np.tile(new.model_items, (data.n_users, 1)))


def _block(
    ranking: RankingModel,
    subjects: list[str],
    model_data: Interactions,
    never_model: csr_matrix,
    never: csr_matrix,
    fillers: HomeFillers,
    k: int,
) -> ListBlock:
    personal = _personal(ranking, model_data, never_model, k)
    seeds = ranking.to_generation(ranking.model.explain(model_data, personal.items).seeds)
    personal = TopK(ranking.to_generation(personal.items), personal.scores)
    lists, is_of_segment = fill_from_segments(personal, model_data.segments, fillers, never)
    filled = fill_short_lists(lists, fillers.popular.order, fillers.popular.scores, never)
    reasons = np.where(seeds >= 0, Reason.BECAUSE_OF_HISTORY, Reason.POPULAR)
    reasons = np.where(is_of_segment, Reason.POPULAR_IN_SEGMENT, reasons)
    # "Because of X" under X itself would read like a mistake.
    is_own = (seeds >= 0) & (seeds == filled.items)
    reasons = np.where(is_own, Reason.AGAIN, reasons).astype(np.uint8)
    seeds = np.where(is_own, PAD, seeds).astype(np.int32)
    return ListBlock(subjects, filled.items, filled.scores, reasons, seeds)


def _personal(ranking: RankingModel, data: Interactions, never: csr_matrix, k: int) -> TopK:
    """The model's lists; empty ones for users who did nothing, whatever the model would say of them."""
    lists = ranking.model.recommend(data, k, never, ranking.candidates)
    did = (np.bincount(data.users, minlength=data.n_users) > 0)[:, None]
    return TopK(np.where(did, lists.items, PAD).astype(np.int32), np.where(did, lists.scores, 0).astype(np.float32))
