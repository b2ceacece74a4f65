"""`reco explain`: why a user's list is as it is, why an item is in it, and why one is not."""

from typing import Any

import msgspec
import numpy as np

from jobs.explaining.tell_contributors import NamedContributor, deeds, tell_contributors, title_of
from jobs.explaining.user_lists import UserLists, load_user_lists
from jobs.explaining.why_not import WhyNot, why_not
from jobs.models.base import Contributors, Signal
from jobs.publishing.connect_store import open_store
from jobs.publishing.generation_store import read_pointer
from jobs.reranking.draft import Source
from reco_contracts.artifacts import complete_versions
from reco_contracts.errors import ContractError, EmptyPartitionError, StoreUnavailableError
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.settings import Settings
from reco_contracts.surfaces import HOME
from reco_contracts.why_codec import NAMED


class ListedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a list, with its reason.

    Attributes:
        rank: place, from 1.
        item_id: the item.
        title: its title, or the id.
        score: the model's own.
        code: of the reason, stable.
        text: the reason as people read it.
        contributors: what speaks for it most.
    """

    rank: int
    item_id: str
    title: str
    score: float
    code: str
    text: str
    contributors: list[NamedContributor]


class ExplainedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item, listed or not.

    Attributes:
        item_id: the item.
        title: its title, or the id; None where the catalogue lacks it.
        listed: its place and reason; None = it is not in the list.
        missing: why it is not in the list; None = it is.
        rank: among all candidates of the user; None where it is none.
        score: the model's, the sum of all contributions; None where the model has none.
        contributors: all of them, largest first.
    """

    item_id: str
    title: str | None
    listed: ListedItem | None
    missing: WhyNot | None
    rank: int | None
    score: float | None
    contributors: list[NamedContributor]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `reco explain`.

    Attributes:
        user: id.
        generation: whose list it is.
        model_version: what ranked it.
        history: items that the user has done something with.
        is_as_written: a list made now is the same; otherwise log or settings have changed since.
        items: the list; empty where one item is asked for.
        item: the one that is asked for.
    """

    user: str
    generation: str
    model_version: str
    history: int
    is_as_written: bool
    items: list[ListedItem]
    item: ExplainedItem | None


def run(
    settings: Settings, user: str, item_id: str | None = None, *, generation: str | None = None, surface: str = HOME
) -> Explanation:
    """Explain a list, or one item.

    Args:
        settings: where everything is.
        user: id.
        item_id: None = the whole list.
        generation: None = the live one; where no store answers, the newest on disk.
        surface: of users; home is the one whose items have scores of their own.

    Raises:
        ContractError: unknown user, or another surface.
        EmptyPartitionError: no such generation.
    """
    if surface != HOME:
        raise ContractError(f"surface {surface!r} cannot be explained; there is: {HOME}")
    lists = load_user_lists(settings, user, generation or live_or_newest(settings))
    return Explanation(
        user=user,
        generation=lists.generation,
        model_version=lists.model_version,
        history=lists.history["item_id"].n_unique(),
        is_as_written=lists.is_as_written,
        items=explain_list(lists) if item_id is None else [],
        item=None if item_id is None else explain_item(lists, item_id),
    )


def explain_list(lists: UserLists) -> list[ListedItem]:
    """Every item of a list with its reason and what speaks for it most."""
    written, done = lists.written, deeds(lists.history)
    parts = _parts(lists, written.items, NAMED)
    return [
        ListedItem(
            rank=place + 1,
            item_id=lists.catalogue["item_id"][int(item)],
            title=title_of(lists, int(item)),
            score=float(written.scores[place]),
            code=REASONS[Reason(written.reasons[place])].code,
            text=_sentence(lists, place),
            contributors=tell_contributors(lists, parts, place, float(written.scores[place]), done),
        )
        for place, item in enumerate(written.items)
    ]


def explain_item(lists: UserLists, item_id: str) -> ExplainedItem:
    """The whole decomposition of one item's score, and why it is in the list or not."""
    index, done = lists.index_of_item(item_id), deeds(lists.history)
    if index is None:
        missing = why_not(lists, item_id, None, None)
        return ExplainedItem(
            item_id=item_id, title=None, listed=None, missing=missing, rank=None, score=None, contributors=[]
        )
    parts = _parts(lists, np.array([index], dtype=np.int32), None)
    total = float(parts.contributions[0].sum(dtype=np.float64))
    is_listed = index in lists.written.items
    ranked = lists.rank_of(index)
    return ExplainedItem(
        item_id=item_id,
        title=title_of(lists, index),
        listed=next((one for one in explain_list(lists) if one.item_id == item_id), None),
        missing=None if is_listed else why_not(lists, item_id, index, done.get(item_id)),
        rank=ranked[0] if ranked else None,
        score=total if (parts.signals[0] != Signal.NONE).any() else None,
        contributors=tell_contributors(lists, parts, 0, total, done),
    )


def live_or_newest(settings: Settings) -> str:
    """The live generation, or where no store answers, or none is live, the newest one on disk.

    Raises:
        EmptyPartitionError: there is none.
    """
    try:
        with open_store(settings.redis) as store:
            live = read_pointer(store, settings.keys).live
    except StoreUnavailableError:
        live = None
    if live is not None:
        return live.generation
    made = complete_versions(settings.layout.lists)
    if not made:
        raise EmptyPartitionError(f"no generation in {settings.layout.lists}; run `reco rank` first")
    return max(made)


def _parts(lists: UserLists, items: np.ndarray[Any, np.dtype[np.int32]], m: int | None) -> Contributors:
    """What scores are made of; an item that fills the list is there by its popularity alone."""
    parts = lists.explain(items, m)
    pool, sources, scores = lists.pool.items[0], lists.pool.sources[0], lists.pool.scores[0]
    for row, item in enumerate(items):
        place = np.flatnonzero(pool == item)
        signal = {Source.SEGMENT: Signal.SEGMENT, Source.POPULAR: Signal.POPULARITY}.get(
            Source(sources[place[0]]) if len(place) else Source.NONE
        )
        if signal is not None:
            parts.signals[row], parts.seeds[row], parts.contributions[row] = Signal.NONE, -1, 0
            parts.signals[row, 0], parts.contributions[row, 0] = signal, scores[place[0]]
    return parts


def _sentence(lists: UserLists, place: int) -> str:
    text, seed = REASONS[Reason(lists.written.reasons[place])], int(lists.written.seeds[place])
    return text.template.replace("{seed}", title_of(lists, seed)) if text.has_seed and seed >= 0 else text.template
