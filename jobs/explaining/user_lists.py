"""One user's home list of a generation: as it was written, and each step of how it was made, made again."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.models.base import PAD, Asked, Contributors
from jobs.models.hybrid import HybridModel
from jobs.publishing.read_lists import read_lists_manifest
from jobs.ranking.fold_in_users import home_work, load_home_ranking
from jobs.ranking.interaction_matrix import weight_matrix
from jobs.ranking.make_home_lists import HomeWork, UserBlock, draft_lists, make_pool, pool_width, user_blocks
from jobs.reranking.draft import Draft
from jobs.warehouse.hold_exports import reading_exports
from jobs.warehouse.read_marts import read_interactions, read_items, read_users
from reco_contracts.columns import LIST_ITEMS, LIST_REASONS, LIST_SCORES, LIST_SEEDS, LIST_SUBJECT
from reco_contracts.errors import ContractError
from reco_contracts.reasons import Reason
from reco_contracts.settings import Settings
from reco_contracts.surfaces import DEFAULT_VARIANT, HOME

_NO_DIVERSITY: Final = {"method": "none", "min_categories": 0, "max_per_category": 0}
# Contributors that a ranker has beside own items: the other signals, and what every candidate gets.
_BESIDE_OWN = 10


@dataclass(frozen=True, slots=True)
class WrittenList:
    """A list as the generation's file has it; four arrays of its length, best first.

    Attributes:
        items: int32, indices of the generation.
        scores: float32, the model's own.
        reasons: uint8, reasons.Reason.
        seeds: int32; -1 where the reason has none.
    """

    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    reasons: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class UserLists:
    """A user's list and what made it.

    Attributes:
        user: id.
        generation: name.
        model_version: what ranked it.
        run_date: of the generation.
        work: all that the list is made with, for this user alone.
        block: the user.
        pool: candidates, best first.
        drafted: the list without what is explored or pinned.
        written: what the generation's file has.
        history: the user's rows of fct_interactions up to the run date.
        catalogue: of the generation; row number = item index.
    """

    user: str
    generation: str
    model_version: str
    run_date: date
    work: HomeWork
    block: UserBlock
    pool: Draft
    drafted: Draft
    written: WrittenList
    history: pl.DataFrame
    catalogue: pl.DataFrame

    @property
    def has_kinds(self) -> bool:
        """A contributor is a kind of sources, as a hybrid's are, and not an item of the user's alone."""
        return self.work.ranking.model.name == HybridModel.name

    @property
    def is_as_written(self) -> bool:
        """Whether the list that is made now is the one in the file, but for what is explored or pinned."""
        now = self.drafted.items[0]
        added = np.isin(self.written.reasons, (Reason.EXPLORING, Reason.PINNED))
        return bool(np.isin(self.written.items[~added], now[now >= 0]).all())

    @property
    def asked(self) -> Asked:
        """How the model is asked for this user's candidates."""
        allowed = self.work.rules.allowed[self.work.rules.audiences[0]]
        return Asked(pool_width(self.work), self.block.never_model, self.work.ranking.candidates_among(allowed))

    def index_of_item(self, item_id: str) -> int | None:
        """The generation's index of an item; None where the catalogue lacks it."""
        found = self.catalogue.with_row_index().filter(pl.col("item_id") == item_id)["index"]
        return int(found[0]) if len(found) else None

    def explain(self, items: npt.NDArray[np.int32], m: int | None = None) -> Contributors:
        """What the model's scores of some items are made of.

        Args:
            items: int32, shape (k,), indices of the generation.
            m: contributors of each; None = all.

        Returns:
            Of shape (k, m), seeds as indices of the generation.
        """
        ranking, people = self.work.ranking, self.block.people
        longest = int(np.diff(weight_matrix(people).indptr).max(initial=0)) + _BESIDE_OWN
        parts = ranking.model.explain(people, ranking.to_model(items[None]), m or longest, self.asked)
        return Contributors(parts.signals[0], ranking.to_generation(parts.seeds[0]), parts.contributions[0])

    def rank_of(self, item: int) -> tuple[int, float] | None:
        """The place of an item among all candidates of the user, from 1, and its score; None where the model has none.

        Args:
            item: index of the generation.
        """
        own = self.work.ranking.model_index[item]
        n_items = len(self.work.ranking.generation_index)
        ranked = self.work.ranking.model.recommend(
            self.block.people, n_items, self.block.never_model, self.asked.candidates
        )
        place = np.flatnonzero(ranked.items[0] == own) if own != PAD else np.zeros(0, dtype=np.int64)
        return (int(place[0]) + 1, float(ranked.scores[0, place[0]])) if len(place) else None

    def drafted_without(
        self,
        *,
        pins: bool = False,
        new: bool = False,
        limits: bool = False,
        boosts: bool = False,
        diversity: bool = False,
    ) -> Draft:
        """The list that it would be if a step were left out.

        Args:
            pins: no pinned items.
            new: no places for new items.
            limits: no limit of the rules.
            boosts: no boost or damping of the rules.
            diversity: lists are the first of the pool.
        """
        work = self.work
        if pins:
            work = replace(work, rules=replace(work.rules, pins=()))
        if new:
            work = replace(work, fillers=replace(work.fillers, new=None))
        if limits:
            work = replace(work, rules=replace(work.rules, limits=()))
        if boosts:
            work = replace(work, rules=replace(work.rules, boosts=np.ones_like(work.rules.boosts)))
        if diversity:
            work = replace(work, diversity=work.diversity.model_copy(update=_NO_DIVERSITY))
        return draft_lists(work, self.block, self.pool)


def load_user_lists(settings: Settings, user: str, generation: str) -> UserLists:
    """Read and make again what concerns one user.

    Raises:
        ContractError: nobody has ever heard of the user, or the generation has no list for the user.
        EmptyPartitionError: there is no such generation, model or mart.
    """
    layout = settings.layout
    manifest = read_lists_manifest(layout, generation)
    run_date = date.fromisoformat(manifest.run_date)
    with reading_exports(layout):
        history, items, people = read_interactions(layout, run_date), read_items(layout), read_users(layout)
    own = history.filter(pl.col("user_id") == user)
    if own.is_empty() and people.filter(pl.col("user_id") == user).is_empty():
        raise ContractError(
            f"user {user!r} is not known: no event up to {run_date} and no snapshot names such an id. "
            "Ids are compared letter by letter; `reco show` lists a few users"
        )
    written = _written(settings, user, generation)
    home = load_home_ranking(layout, generation, settings.train.threads, settings.interactions.rating_positive_min)
    work = home_work(home, pl.Series("user_id", [user]), history, items, people)
    block = next(user_blocks(work))
    pool = make_pool(work, block)
    return UserLists(
        user=user,
        generation=generation,
        model_version=manifest.model_version,
        run_date=run_date,
        work=work,
        block=block,
        pool=pool,
        drafted=draft_lists(work, block, pool),
        written=written,
        history=own,
        catalogue=pl.read_parquet(layout.catalogue_file(generation)),
    )


def _written(settings: Settings, user: str, generation: str) -> WrittenList:
    path = settings.layout.list_file(generation, HOME, DEFAULT_VARIANT)
    table = pq.read_table(path, filters=pc.field(LIST_SUBJECT) == user)
    if not len(table):
        raise ContractError(
            f"user {user!r} has no list in generation {generation}; users without events get one where "
            "[surfaces.home] silent_users is true"
        )
    row = {
        name: table.column(name)[0].values.to_numpy() for name in (LIST_ITEMS, LIST_SCORES, LIST_REASONS, LIST_SEEDS)
    }
    return WrittenList(row[LIST_ITEMS], row[LIST_SCORES], row[LIST_REASONS], row[LIST_SEEDS])
