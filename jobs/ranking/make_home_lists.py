"""Home lists: for every user a pool of candidates, out of it a list, and the reason for each item."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.explaining.give_reasons import Reasons, give_reasons, join_reasons
from jobs.models.base import PAD, Asked, TopK
from jobs.progress import progress_bar
from jobs.ranking.explored_items import Explored, choose_places, showable
from jobs.ranking.expose_new_items import NewItems, draw_candidates, reserve_places
from jobs.ranking.fill_lists import fill_short_lists
from jobs.ranking.home_fillers import HomeFillers, fill_from_segments, only_allowed
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from jobs.ranking.ranking_model import RankingModel
from jobs.ranking.save_lists import ListBlock
from jobs.reranking.category_mixes import category_mixes
from jobs.reranking.draft import Draft, Source, empty_draft
from jobs.reranking.give_places import find_places, first_places, put_items
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.rerank_lists import hold_limits, rerank
from jobs.rules.apply_pins import apply_pins
from jobs.rules.list_rules import ListRules
from reco_contracts.list_settings import CoverageSection, DiversitySection, HomeSurface

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
        coverage: what may be spent on under-exposed items.
        explored: under-exposed items that users are to be shown; None = nobody is.
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
    coverage: CoverageSection = field(default_factory=CoverageSection)
    explored: Explored | None = None


@dataclass(frozen=True, slots=True)
class UserBlock:
    """Some users of the work.

    Attributes:
        rows: which ones.
        subjects: their ids.
        people: their interactions, item indices of the model.
        never_model: what they must not be shown, item indices of the model.
        never: the same, item indices of the generation.
    """

    rows: slice
    subjects: list[str]
    people: Interactions
    never_model: csr_matrix
    never: csr_matrix


def home_lists(work: HomeWork, drafts: Iterable[Draft] | None = None) -> Iterator[ListBlock]:
    """Make every user's list, in blocks; a user's list does not depend on who else is ranked.

    Users whom the model has not seen are folded in from their history. A user
    without an item of their own, most often one who did nothing yet, gets what the
    segment likes. What is missing is filled with popular items; the list is chosen
    from this pool; then new items take their reserved places, pinned items theirs, and
    the items that the user is to explore the last of the first ones.

    Args:
        work: what the lists are made with.
        drafts: the lists without explored items, a draft a block, where they were made before.
    """
    made = iter(drafts) if drafts is not None else None
    with progress_bar("Rank users", len(work.users)) as advance:
        for block in user_blocks(work):
            lists = next(made) if made else draft_lists(work, block, make_pool(work, block))
            if work.explored is not None:
                # What moved goes back to its place; nothing enters or leaves the first places here.
                lists = _with_pins(_with_explored(lists, work, block), work, block)
            yield ListBlock(lists.subjects, lists.items, lists.scores, *reasons_of(work, block, lists))
            advance(len(block.subjects))


def pool_width(work: HomeWork) -> int:
    """Candidates of each list before it is chosen."""
    return max(work.surface.k, work.diversity.candidates)


def user_blocks(work: HomeWork) -> Iterator[UserBlock]:
    """The users in order, so many at once that a pass over them stays small in memory."""
    exclude_seen = work.surface.exclude_seen
    never_model, never = blocked_matrix(work.model_data, exclude_seen), blocked_matrix(work.data, exclude_seen)
    for start in range(0, len(work.users), BLOCK_USERS):
        rows = slice(start, min(start + BLOCK_USERS, len(work.users)))
        people = work.model_data.of_users(np.arange(rows.start, rows.stop))
        yield UserBlock(rows, work.users[rows].to_list(), people, never_model[rows], never[rows])


def draft_lists(work: HomeWork, block: UserBlock, pool: Draft) -> Draft:
    """Choose lists from pools, and put new items and pinned ones into them."""
    boosts, mixes, diversity = pool_boosts(work, block, pool), _mixes(work, block), beside_pins(work)
    lists = rerank(pool, work.surface.k, work.traits, diversity, work.rules.limits, boosts, mixes)
    if work.fillers.new is not None:
        lists = _with_new_items(lists, work, block, work.fillers.new)
        lists = hold_limits(lists, work.traits, diversity, work.rules.limits)
    return _with_pins(lists, work, block)


def beside_pins(work: HomeWork) -> DiversitySection:
    """What diversity asks of the first places that pins leave: what it promises holds without the pinned items."""
    first = work.diversity.first
    # Whoever is ranked, all pins are here: a list does not depend on the audiences of others.
    places = {pin.place for pin in work.rules.pins if pin.place < first}
    return work.diversity.model_copy(update={"first": max(1, first - len(places))}) if places else work.diversity


def _mixes(work: HomeWork, block: UserBlock) -> csr_matrix | None:
    if work.diversity.method != "calibrated":
        return None
    return category_mixes(work.data.of_users(np.arange(block.rows.start, block.rows.stop)), work.traits)


def pool_boosts(work: HomeWork, block: UserBlock, pool: Draft) -> npt.NDArray[np.float32]:
    """What rules multiply the relevance of each candidate by, shape of the pool."""
    audiences = work.rules.audiences[block.rows]
    return np.where(pool.items >= 0, work.rules.boosts[audiences[:, None], pool.items], 1).astype(np.float32)


def make_pool(work: HomeWork, block: UserBlock) -> Draft:
    """Candidates of each user, from those items that their audience may see."""
    pool = empty_draft(block.subjects, pool_width(work))
    audiences = work.rules.audiences[block.rows]
    for audience in np.unique(audiences):
        rows = np.flatnonzero(audiences == audience)
        part = _pool_of_audience(work, block, rows, work.rules.allowed[audience])
        pool.items[rows], pool.scores[rows], pool.sources[rows] = part
    return pool


def _pool_of_audience(
    work: HomeWork, block: UserBlock, rows: npt.NDArray[np.int64], allowed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    width = pool_width(work)
    data, never, fillers = block.people.of_users(rows), block.never[rows], only_allowed(work.fillers, allowed)
    personal = _personal(work.ranking, data, block.never_model[rows], work.ranking.candidates_among(allowed), width)
    lists, is_of_segment = fill_from_segments(personal, data.segments, fillers, never)
    filled = fill_short_lists(lists, fillers.popular.order, fillers.popular.scores, never)
    sources = np.where(personal.items >= 0, Source.PERSONAL, np.where(is_of_segment, Source.SEGMENT, Source.POPULAR))
    return filled.items, filled.scores, np.where(filled.items >= 0, sources, Source.NONE).astype(np.uint8)


def reasons_of(work: HomeWork, block: UserBlock, lists: Draft) -> Reasons:
    """Why each item of some lists is there; the model is asked once an audience, as it was for the pool."""
    audiences = work.rules.audiences[block.rows]
    parts = []
    for audience in (named := np.unique(audiences)):
        rows = np.flatnonzero(audiences == audience)
        candidates = work.ranking.candidates_among(work.rules.allowed[audience])
        asked = Asked(pool_width(work), block.never_model[rows], candidates)
        names = [lists.subjects[row] for row in rows]
        some = Draft(names, lists.items[rows], lists.scores[rows], lists.sources[rows])
        parts.append((rows, give_reasons(work.ranking, block.people.of_users(rows), some, work.traits, asked)))
    return parts[0][1] if len(named) == 1 else join_reasons(parts)


def _personal(
    ranking: RankingModel, data: Interactions, never: csr_matrix, candidates: npt.NDArray[np.bool_], k: int
) -> TopK:
    """The model's lists; empty ones for users who did nothing, whatever the model would say of them."""
    did = np.unique(data.users).astype(np.int64)
    lists = ranking.model.recommend(data.of_users(did), k, never[did], candidates)
    items, scores = np.full((data.n_users, k), PAD, dtype=np.int32), np.zeros((data.n_users, k), dtype=np.float32)
    items[did], scores[did] = ranking.to_generation(lists.items), lists.scores
    return TopK(items, scores)


def _with_pins(lists: Draft, work: HomeWork, block: UserBlock) -> Draft:
    def score(items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        return work.ranking.model.score(block.people, work.ranking.to_model(items))

    return apply_pins(lists, work.rules, work.rules.audiences[block.rows], block.never, score)


def _with_new_items(lists: Draft, work: HomeWork, block: UserBlock, new: NewItems) -> Draft:
    candidates = draw_candidates(lists.subjects, new.names, new.salt)
    scores = work.ranking.model.score(block.people, new.model_items[candidates])
    allowed = work.rules.allowed[work.rules.audiences[block.rows][:, None], new.items[candidates]]
    return reserve_places(lists, scores, candidates, allowed, block.never, new)


def _with_explored(lists: Draft, work: HomeWork, block: UserBlock) -> Draft:
    """Put the items that these users are to explore into their lists, as far as they may be shown still."""
    assert work.explored is not None  # noqa: S101 - for the type checker: the caller asks
    first = min(work.diversity.first, lists.items.shape[1])
    heads = first_places(lists, first)
    wanted = Explored(*(column[block.rows] for column in work.explored))
    allowed = work.rules.allowed[work.rules.audiences[block.rows][:, None], wanted.items]
    explored = showable(wanted, heads.items, allowed, block.never)
    found = find_places(heads, work.traits.categories, explored.items.shape[1], work.diversity.min_categories)
    places = choose_places(explored, heads.items, found.places)
    rows = np.flatnonzero((explored.items >= 0).any(axis=1))
    scores = np.zeros(explored.items.shape, dtype=np.float32)
    scores[rows] = work.ranking.model.score(block.people.of_users(rows), work.ranking.to_model(explored.items[rows]))
    lists = put_items(lists, explored.items, scores, places, first)
    # Who explores what was decided for the first places as they were then, and not for those of longer limits.
    return hold_limits(lists, work.traits, beside_pins(work), work.rules.limits) if work.rules.limits else lists
