"""The reason of each item of finished lists: the largest share of its score, in words."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD, Asked, Contributors, Signal
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from jobs.ranking.ranking_model import RankingModel
from jobs.ranking.save_lists import Why
from jobs.reranking.draft import Draft, Source
from jobs.reranking.item_traits import ItemTraits
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.why_codec import HEAD, NAMED

# Where the model has no say, what brought an item into the list is the reason.
_OF_SOURCE: Final = {
    Source.NONE: Reason.UNKNOWN,
    Source.PERSONAL: Reason.UNKNOWN,
    Source.SEGMENT: Reason.POPULAR_IN_SEGMENT,
    Source.POPULAR: Reason.POPULAR,
    Source.NEW: Reason.NEW,
    Source.EXPLORED: Reason.EXPLORING,
    Source.PINNED: Reason.PINNED,
}
# OTHER and BASE are in no sentence.
_OF_SIGNAL: Final = {
    Signal.OWN_ITEM: Reason.BECAUSE_OF_HISTORY,
    Signal.CONTENT: Reason.LIKE_SEED,
    Signal.PEOPLE: Reason.PEOPLE_LIKE_YOU,
    Signal.POPULARITY: Reason.POPULAR,
    Signal.SEGMENT: Reason.POPULAR_IN_SEGMENT,
    Signal.OWN_HABIT: Reason.AGAIN,
}
_SOURCES: Final = np.array([_OF_SOURCE[source] for source in Source], dtype=np.uint8)
_SIGNALS: Final = np.array([_OF_SIGNAL.get(signal, Reason.UNKNOWN) for signal in Signal], dtype=np.uint8)
_NEEDS_SEED: Final = np.array([REASONS[reason].has_seed for reason in Reason])


class Reasons(NamedTuple):
    """Why each item of each list is there.

    Attributes:
        reasons: uint8, shape (n, k), reasons.Reason.
        seeds: int32, shape (n, k), indices of the generation; -1 where the reason has none.
        why: of the first items.
    """

    reasons: npt.NDArray[np.uint8]
    seeds: npt.NDArray[np.int32]
    why: Why


def give_reasons(
    ranking: RankingModel, data: Interactions, lists: Draft, traits: ItemTraits, asked: Asked | None = None
) -> Reasons:
    """Name the reason of every item; the model is asked for those that it chose.

    Args:
        ranking: the model.
        data: interactions of the n users, item indices of the model.
        lists: of these users.
        traits: of the generation's items.
        asked: how the model was asked for them.
    """
    personal = np.where(lists.sources == Source.PERSONAL, lists.items, PAD).astype(np.int32)
    parts = ranking.model.explain(data, ranking.to_model(personal), NAMED, asked)
    seeds = ranking.to_generation(parts.seeds)
    reasons, seed = _of_model(parts, seeds, personal, data)
    is_personal = personal >= 0
    reasons = np.where(is_personal, reasons, _SOURCES[lists.sources])
    reasons = np.where(
        (reasons == Reason.NEW) & _is_of_own_category(ranking, data, lists, traits), Reason.NEW_IN_CATEGORY, reasons
    ).astype(np.uint8)
    seed = np.where(is_personal & _NEEDS_SEED[reasons], seed, PAD).astype(np.int32)
    return Reasons(reasons, seed, _why(parts._replace(seeds=seeds), lists))


def join_reasons(parts: list[tuple[npt.NDArray[np.int64], Reasons]]) -> Reasons:
    """Put the reasons of some rows each together.

    Args:
        parts: rows, which are all distinct, and their reasons; at least one.
    """
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))

    def joined(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.concatenate(columns)[order]

    why = Why(*(joined([part.why[at] for _, part in parts]) for at in range(len(Why._fields))))
    return Reasons(joined([part.reasons for _, part in parts]), joined([part.seeds for _, part in parts]), why)


def say_signals(
    signals: npt.NDArray[np.uint8],
    is_own: npt.NDArray[np.bool_],
    is_bought: npt.NDArray[np.bool_],
    is_liked: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint8]:
    """The reason that a signal with its seed is, UNKNOWN where no sentence says it; arrays of one shape.

    Args:
        signals: uint8, Signal.
        is_own: the seed is the item itself.
        is_bought: the user has bought the seed.
        is_liked: the user has rated the seed well.
    """
    reasons = _SIGNALS[signals]
    is_history = reasons == Reason.BECAUSE_OF_HISTORY
    reasons = np.where(is_history & is_liked, Reason.BECAUSE_LIKED, reasons)
    reasons = np.where(is_history & is_bought, Reason.BECAUSE_BOUGHT, reasons)
    # "Because of X" under X itself would read like a mistake.
    return np.where(is_own & (signals != Signal.PEOPLE), Reason.AGAIN, reasons).astype(np.uint8)


def _of_model(
    parts: Contributors, seeds: npt.NDArray[np.int32], items: npt.NDArray[np.int32], data: Interactions
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The largest share that a sentence can say, and its seed.

    An own item that left the catalogue has no title to name: then it is that people who choose alike
    have the item. Where nothing speaks for an item, it is something different.
    """
    is_own = (seeds >= 0) & (seeds == items[:, :, None])
    said = say_signals(parts.signals, is_own, *_did(data, parts.seeds))
    is_nameless = _NEEDS_SEED[said] & (seeds < 0)
    said = np.where(
        is_nameless, np.where(parts.signals == Signal.OWN_ITEM, Reason.PEOPLE_LIKE_YOU, Reason.UNKNOWN), said
    )
    speaks = (parts.contributions > 0) & (said != Reason.UNKNOWN)
    first = speaks.argmax(axis=2)[:, :, None]
    reasons = np.where(speaks.any(axis=2), np.take_along_axis(said, first, axis=2)[:, :, 0], Reason.EXPLORING)
    return reasons.astype(np.uint8), np.take_along_axis(seeds, first, axis=2)[:, :, 0]


def _did(data: Interactions, seeds: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether each user has bought, and has rated well, the seeds of the own lists; item indices of the model."""
    asked = np.arange(len(seeds))[:, None, None] * np.int64(data.n_items) + seeds
    own = data.users.astype(np.int64) * data.n_items + data.items
    done = [own[:0] if rows is None else np.unique(own[rows]) for rows in (data.is_bought, data.is_liked)]
    is_bought, is_liked = ((seeds >= 0) & _is_among(cells, asked) for cells in done)
    return is_bought, is_liked


def _is_of_own_category(
    ranking: RankingModel, data: Interactions, lists: Draft, traits: ItemTraits
) -> npt.NDArray[np.bool_]:
    """Whether the category that diversity counts is that of an item which the user has; shape of the lists."""
    own, n = weight_matrix(data).tocoo(), len(traits.category_names) + 1
    items = ranking.to_generation(own.col.astype(np.int32))
    kept = items >= 0
    liked = np.unique(own.row[kept].astype(np.int64) * n + traits.categories[items[kept]])
    categories = np.where(lists.items >= 0, traits.categories[lists.items], PAD)
    return (categories >= 0) & _is_among(liked, np.arange(len(categories))[:, None] * np.int64(n) + categories)


def _is_among(cells: npt.NDArray[np.int64], asked: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each number is among some sorted ones."""
    if not len(cells):
        return np.zeros(asked.shape, dtype=np.bool_)
    return np.asarray(cells[np.minimum(np.searchsorted(cells, asked), len(cells) - 1)] == asked)


def _why(parts: Contributors, lists: Draft) -> Why:
    """Shares of the score in the first places; what fills a list is there by one thing alone."""
    head = slice(0, HEAD)
    scores, sources = lists.scores[:, head], lists.sources[:, head]
    signals, seeds = parts.signals[:, head].copy(), parts.seeds[:, head].copy()
    divisor = np.where(scores > 0, scores, 1)[:, :, None]
    shares = np.where(scores[:, :, None] > 0, parts.contributions[:, head] / divisor, 0).astype(np.float32)
    for source, signal in ((Source.SEGMENT, Signal.SEGMENT), (Source.POPULAR, Signal.POPULARITY)):
        signals[:, :, 0] = np.where(sources == source, signal, signals[:, :, 0])
        shares[:, :, 0] = np.where(sources == source, 1, shares[:, :, 0])
    return Why(signals, seeds, shares)
