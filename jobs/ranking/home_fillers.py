"""What home lists hold beside the model's items: what is popular, also by segment, and new items.

Made from the whole log when a generation is ranked, and kept in its folder, so that
a user who is ranked later, alone, gets the list that the full ranking would give.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.models.base import TopK
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.expose_new_items import NewItems
from jobs.ranking.fill_lists import fill_short_lists
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.make_popular_lists import PopularItems
from reco_contracts.errors import ContractError

# What fewer people like is theirs alone, and says little about the next one of their segment.
MIN_SEGMENT_USERS: Final = 20
EVERYBODY: Final = ""
ORDERS_FILE: Final = "popular_orders.parquet"
NEW_ITEMS_FILE: Final = "new_items.parquet"


class PopularOrder(NamedTuple):
    """Items by popularity.

    Attributes:
        order: int32, best first, only those that may be shown.
        scores: float64, shape (n_items,).
    """

    order: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HomeFillers:
    """What fills home lists.

    Attributes:
        popular: of everybody.
        segments: of each segment with enough users, at most so many items as a list has places.
        new: new items and their places; None = none.
    """

    popular: PopularOrder
    segments: dict[str, PopularOrder]
    new: NewItems | None = None


def plain_fillers(popular: PopularItems) -> HomeFillers:
    """Popular items alone."""
    return HomeFillers(PopularOrder(popular.order, popular.scores), {})


def only_allowed(fillers: HomeFillers, allowed: npt.NDArray[np.bool_]) -> HomeFillers:
    """Popular items that may be shown; new items stay as they are.

    Args:
        fillers: of a generation.
        allowed: bool, shape (n_items,).
    """
    orders = {name: PopularOrder(one.order[allowed[one.order]], one.scores) for name, one in fillers.segments.items()}
    popular = fillers.popular
    return HomeFillers(PopularOrder(popular.order[allowed[popular.order]], popular.scores), orders, fillers.new)


def popular_by_segment(
    data: Interactions, is_available: npt.NDArray[np.bool_], window_days: int, k: int
) -> dict[str, PopularOrder]:
    """Rank available items by the distinct users of each segment.

    Args:
        data: interactions with segments, item indices of the generation.
        is_available: bool, shape (n_items,).
        window_days: days before the run date, it included.
        k: items kept a segment.

    Returns:
        Segment -> its order; not for segments of fewer than MIN_SEGMENT_USERS users with a history.
    """
    if data.segments is None:
        return {}
    active = np.unique(data.users)
    orders = {}
    for segment in np.unique(data.segments[active]).tolist():
        rows = active[data.segments[active] == segment]
        if segment == EVERYBODY or len(rows) < MIN_SEGMENT_USERS:
            continue
        scores = popularity_scores(data.of_users(rows), window_days)
        orders[segment] = PopularOrder(popularity_order(scores, is_available)[:k], scores)
    return orders


def fill_from_segments(
    lists: TopK, segments: npt.NDArray[np.str_] | None, fillers: HomeFillers, blocked: csr_matrix
) -> tuple[TopK, npt.NDArray[np.bool_]]:
    """Give users without an item of their own what their segment likes.

    Args:
        lists: n lists of k places; -1 pads.
        segments: str, shape (n,); None = nobody has one.
        fillers: popular items.
        blocked: CSR, shape (n, n_items); non-zero = never show.

    Returns:
        The lists, and a mask of shape (n, k), true where an item came from the segment.
    """
    items, scores = lists.items.copy(), lists.scores.copy()
    is_empty = ~(items >= 0).any(axis=1)
    for segment, popular in fillers.segments.items() if segments is not None else ():
        rows = np.flatnonzero(is_empty & (segments == segment))
        if len(rows):
            part = fill_short_lists(TopK(items[rows], scores[rows]), popular.order, popular.scores, blocked[rows])
            items[rows], scores[rows] = part
    is_of_segment = (items >= 0) & np.expand_dims(is_empty, 1)
    return TopK(items, scores), is_of_segment


def save_fillers(folder: Path, fillers: HomeFillers) -> None:
    """Write what `load_fillers` reads into the folder of a generation."""
    orders = {EVERYBODY: fillers.popular} | fillers.segments
    frames = [
        pl.DataFrame({"segment": [name] * len(one.order), "item": one.order, "score": one.scores[one.order]})
        for name, one in orders.items()
    ]
    pl.concat(frames).write_parquet(folder / ORDERS_FILE)
    new = fillers.new
    if new is not None:
        frame = {
            "item": new.items,
            "model_item": new.model_items,
            "item_id": list(new.names),
            "price": new.prices,
            "share": [new.share] * len(new.items),
            "first": [new.first] * len(new.items),
            "salt": [new.salt] * len(new.items),
        }
        pl.DataFrame(frame).write_parquet(folder / NEW_ITEMS_FILE)


def load_fillers(folder: Path, n_items: int) -> HomeFillers:
    """Read the fillers of a generation.

    Args:
        folder: of the generation.
        n_items: rows of its catalogue.

    Raises:
        ContractError: the folder has none: an earlier version made it.
    """
    try:
        frame = pl.read_parquet(folder / ORDERS_FILE)
    except OSError as error:
        raise ContractError(f"{folder} lacks {ORDERS_FILE}: {error}; run `reco rank` with this version") from error
    orders = {name: _order(part, n_items) for (name,), part in frame.group_by("segment", maintain_order=True)}
    popular = orders.pop(EVERYBODY, PopularOrder(np.zeros(0, dtype=np.int32), np.zeros(n_items)))
    return HomeFillers(popular, {str(name): order for name, order in orders.items()}, _load_new(folder))


def _order(frame: pl.DataFrame, n_items: int) -> PopularOrder:
    order = frame["item"].to_numpy().astype(np.int32)
    scores = np.zeros(n_items)
    scores[order] = frame["score"].to_numpy()
    return PopularOrder(order, scores)


def _load_new(folder: Path) -> NewItems | None:
    if not (folder / NEW_ITEMS_FILE).exists():
        return None
    frame = pl.read_parquet(folder / NEW_ITEMS_FILE)
    share, first, salt = frame.select("share", "first", "salt").row(0)
    return NewItems(
        items=frame["item"].to_numpy().astype(np.int32),
        model_items=frame["model_item"].to_numpy().astype(np.int32),
        names=tuple(frame["item_id"]),
        prices=frame["price"].to_numpy(),
        share=share,
        first=first,
        salt=salt,
    )
