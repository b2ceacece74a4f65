"""Why an item is in a list: one byte in the store, one sentence for people."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Reason(IntEnum):
    """Reason codes as stored in packed lists. Numbers are never reused."""

    UNKNOWN = 0
    BECAUSE_OF_HISTORY = 1
    SIMILAR_ITEM = 2
    POPULAR = 3
    AGAIN = 4
    POPULAR_IN_SEGMENT = 5
    NEW = 6
    BECAUSE_BOUGHT = 7
    BECAUSE_LIKED = 8
    LIKE_SEED = 9
    PEOPLE_LIKE_YOU = 10
    NEW_IN_CATEGORY = 11
    TRENDING = 12
    EXPLORING = 13
    PINNED = 14
    BOUGHT_TOGETHER = 15
    DUE_AGAIN = 16
    BECAUSE_VIEWED = 17
    BECAUSE_CLICKED = 18
    BECAUSE_IN_CART = 19


@dataclass(frozen=True, slots=True)
class ReasonText:
    """How a reason reads, and whether it names a seed item.

    Attributes:
        code: the name that the API shows, stable for clients.
        template: a sentence; `{seed}` stands for the seed item's title.
        has_seed: true where the packed list carries a seed item for it.
    """

    code: str
    template: str
    has_seed: bool


REASONS: Final[dict[Reason, ReasonText]] = {
    Reason.UNKNOWN: ReasonText("unknown", "Recommended", has_seed=False),
    Reason.BECAUSE_OF_HISTORY: ReasonText("because_of_history", "Because of {seed}", has_seed=True),
    Reason.SIMILAR_ITEM: ReasonText("similar_item", "Similar to {seed}", has_seed=True),
    Reason.POPULAR: ReasonText("popular", "Popular now", has_seed=False),
    Reason.AGAIN: ReasonText("again", "You showed interest in this", has_seed=False),
    Reason.POPULAR_IN_SEGMENT: ReasonText("popular_in_segment", "Popular with people like you", has_seed=False),
    Reason.NEW: ReasonText("new", "New here", has_seed=False),
    Reason.BECAUSE_BOUGHT: ReasonText("because_bought", "Because you bought {seed}", has_seed=True),
    Reason.BECAUSE_LIKED: ReasonText("because_liked", "Because you liked {seed}", has_seed=True),
    Reason.LIKE_SEED: ReasonText("similar_to_yours", "Like {seed}, which you showed interest in", has_seed=True),
    Reason.PEOPLE_LIKE_YOU: ReasonText("people_like_you", "Popular with people who choose as you do", has_seed=False),
    Reason.NEW_IN_CATEGORY: ReasonText("new_in_category", "New in a category you like", has_seed=False),
    Reason.TRENDING: ReasonText("trending", "Trending this week", has_seed=False),
    Reason.EXPLORING: ReasonText("exploring", "Something different", has_seed=False),
    Reason.PINNED: ReasonText("pinned", "Featured", has_seed=False),
    Reason.BOUGHT_TOGETHER: ReasonText("bought_together", "Often bought with {seed}", has_seed=True),
    Reason.DUE_AGAIN: ReasonText("due_again", "Time to get this again", has_seed=False),
    Reason.BECAUSE_VIEWED: ReasonText("because_viewed", "Because you viewed {seed}", has_seed=True),
    Reason.BECAUSE_CLICKED: ReasonText("because_clicked", "Because you clicked {seed}", has_seed=True),
    Reason.BECAUSE_IN_CART: ReasonText("because_in_cart", "Because {seed} is in your basket", has_seed=True),
}
