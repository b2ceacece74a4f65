"""Home lists: for every user a pool of candidates, out of it a list, and the reason for each item."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.explaining.give_reasons import give_reasons
from jobs.models.base import PAD, TopK
from jobs.progress import progress_bar
from jobs.ranking.expose_new_items import NewItems, draw_candidates, reserve_places
from jobs.ranking.fill_lists import fill_short_lists
from jobs.ranking.home_fillers import HomeFillers, fill_from_segments, only_allowed
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from jobs.ranking.ranking_model import RankingModel
from jobs.ranking.save_lists import ListBlock
from jobs.reranking.draft import Draft, Source, empty_draft
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.rerank_lists import rerank
from jobs.rules.apply_pins import apply_pins
from jobs.rules.list_rules import ListRules
from reco_contracts.settings import DiversitySection, HomeSurface

# Users ranked and explained at once.
BLOCK_USERS = 4_096


@dataclass(frozen=True, slots=True)
class HomeWork:
    """All that home lists are made with.

    Attributes:
        ranking: the model.
        users: ids, sorted.
        model_data: their interactions and segments, item indices of the model.
        data: their interactions, item indices of the generation.
        fillers: what fills lists.
        traits: of the generation's items.
        rules: of these users and the generation's items.
        surface: list length, what is excluded as seen.
        diversity: how lists are chosen from pools.
    """

    ranking: RankingModel
    users: pl.Series
    model_data: Interactions
    data: Interactions
    fillers: HomeFillers
    traits: ItemTraits
    rules: ListRules
    surface: HomeSurface
    diversity: DiversitySection


@dataclass(frozen=True, slots=True)
class _Block:
    """Some users of the work."""

    rows: slice
    subjects: list[str]
    people: Interactions
    never_model: csr_matrix
    never: csr_matrix


def home_lists(work: HomeWork) -> Iterator[ListBlock]:
    """Make every user's list, in blocks; a user's list does not depend on who else is ranked.

    Users whom the model has not seen are folded in from their history. A user
    without an item of their own, most often one who did nothing yet, gets what the
    segment likes. What is missing is filled with popular items; the list is chosen
    from this pool; then new items take their reserved places.
    """
    with progress_bar("Rank users", len(work.users)) as advance:
        for block in _blocks(work):
            lists = _with_pins(_draft(work, block), work, block)
            reasons = give_reasons(work.ranking, block.people, lists)
            yield ListBlock(lists.subjects, lists.items, lists.scores, *reasons)
            advance(len(block.subjects))


def _blocks(work: HomeWork) -> Iterator[_Block]:
    exclude_seen = work.surface.exclude_seen
    never_model, never = blocked_matrix(work.model_data, exclude_seen), blocked_matrix(work.data, exclude_seen)
    for start in range(0, len(work.users), BLOCK_USERS):
        rows = slice(start, min(start + BLOCK_USERS, len(work.users)))
        people = work.model_data.of_users(np.arange(rows.start, rows.stop))
        yield _Block(rows, work.users[rows].to_list(), people, never_model[rows], never[rows])


def _draft(work: HomeWork, block: _Block) -> Draft:
    pool, audiences = _pool(work, block), work.rules.audiences[block.rows]
    boosts = np.where(pool.items >= 0, work.rules.boosts[audiences[:, None], pool.items], 1)
    lists = rerank(pool, work.surface.k, work.traits, work.diversity, work.rules.limits, boosts.astype(np.float32))
    if work.fillers.new is None:
        return lists
    return _with_new_items(lists, work, block, work.fillers.new)


def _pool(work: HomeWork, block: _Block) -> Draft:
    """Candidates of each user, from those items that their audience may see."""
    pool = empty_draft(block.subjects, max(work.surface.k, work.diversity.candidates))
    audiences = work.rules.audiences[block.rows]
    for audience in np.unique(audiences):
        rows = np.flatnonzero(audiences == audience)
        part = _pool_of_audience(work, block, rows, work.rules.allowed[audience])
        pool.items[rows], pool.scores[rows], pool.sources[rows] = part
    return pool


def _pool_of_audience(
    work: HomeWork, block: _Block, rows: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    width = max(work.surface.k, work.diversity.candidates)
    data, never, fillers = block.people.of_users(rows), block.never[rows], only_allowed(work.fillers, allowed)
    personal = _personal(work.ranking, data, block.never_model[rows], work.ranking.candidates_among(allowed), width)
    lists, is_of_segment = fill_from_segments(personal, data.segments, fillers, never)
    filled = fill_short_lists(lists, fillers.popular.order, fillers.popular.scores, never)
    sources = np.where(personal.items >= 0, Source.PERSONAL, np.where(is_of_segment, Source.SEGMENT, Source.POPULAR))
    return filled.items, filled.scores, np.where(filled.items >= 0, sources, Source.NONE).astype(np.uint8)


def _personal(
    ranking: RankingModel, data: Interactions, never: csr_matrix, candidates: npt.NDArray[np.bool_], k: int
) -> TopK:
    """The model's lists; empty ones for users who did nothing, whatever the model would say of them."""
    did = np.unique(data.users).astype(np.int64)
    lists = ranking.model.recommend(data.of_users(did), k, never[did], candidates)
    items, scores = np.full((data.n_users, k), PAD, dtype=np.int32), np.zeros((data.n_users, k), dtype=np.float32)
    items[did], scores[did] = ranking.to_generation(lists.items), lists.scores
    return TopK(items, scores)


def _with_pins(lists: Draft, work: HomeWork, block: _Block) -> Draft:
    def score(items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        return work.ranking.model.score(block.people, work.ranking.to_model(items))

    return apply_pins(lists, work.rules, work.rules.audiences[block.rows], block.never, score)


def _with_new_items(lists: Draft, work: HomeWork, block: _Block, new: NewItems) -> Draft:
    candidates = draw_candidates(lists.subjects, new.names, new.salt)
    scores = work.ranking.model.score(block.people, new.model_items[candidates])
    allowed = work.rules.allowed[work.rules.audiences[block.rows][:, None], new.items[candidates]]
    return reserve_places(lists, scores, candidates, allowed, block.never, new)
