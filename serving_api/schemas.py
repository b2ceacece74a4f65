"""What the API answers, as types: for the OpenAPI description, and for tests to hold answers against."""

from typing import Annotated, Literal

import msgspec

Source = Literal["personal", "session", "segment", "popular", "similar", "also_bought", "trending", "new", "fallback"]


class Reason(msgspec.Struct, omit_defaults=True):
    """Why an item is shown."""

    code: Annotated[
        str,
        msgspec.Meta(
            description=(
                "Stable: because_bought, because_liked, because_of_history, similar_to_yours, people_like_you, again, "
                "due_again, popular, popular_in_segment, trending, new, new_in_category, exploring, pinned, "
                "similar_item, bought_together, because_viewed, because_clicked, because_in_cart, unknown."
            )
        ),
    ]
    text: Annotated[str, msgspec.Meta(description="A sentence for people.")]
    seed_item_id: Annotated[str | None, msgspec.Meta(description="The item that the sentence names, if any.")] = None


_Rank = Annotated[int, msgspec.Meta(ge=1, description="Place in the list, over all pages of a cursor.")]
_Score = Annotated[float, msgspec.Meta(ge=0, le=1, description="Relative to the best item of its list.")]


class Item(msgspec.Struct, omit_defaults=True):
    """One item of a list. With `fields`, it has its id and the members that were asked for; else all of them."""

    item_id: str
    rank: _Rank | msgspec.UnsetType = msgspec.UNSET
    score: _Score | msgspec.UnsetType = msgspec.UNSET
    title: str | msgspec.UnsetType = msgspec.UNSET
    categories: Annotated[list[str] | msgspec.UnsetType, msgspec.Meta(description="Broad to narrow.")] = msgspec.UNSET
    source: Annotated[Source | msgspec.UnsetType, msgspec.Meta(description="The list that this item comes from.")] = (
        msgspec.UNSET
    )
    reason: Reason | msgspec.UnsetType = msgspec.UNSET


class PlainList(msgspec.Struct, kw_only=True):
    """What every list has."""

    surface: str
    experiment: str | None
    variant: str
    propensity: float
    source: Annotated[
        Source,
        msgspec.Meta(
            description=(
                "personal: the user's own list. segment: what the user's segment likes. similar, also_bought, "
                "trending, new: the list that was asked for. popular: there is no such list, or nothing left in it, so "
                "the popular one. "
                "fallback: the store is unreachable or empty, so the last known popular one."
            )
        ),
    ]
    items: Annotated[
        list[Item] | msgspec.UnsetType, msgspec.Meta(description="Best first; not there with `fields=ids`.")
    ] = msgspec.UNSET
    item_ids: Annotated[
        list[str] | msgspec.UnsetType,
        msgspec.Meta(description="Best first; in the place of `items` with `fields=ids`."),
    ] = msgspec.UNSET


class ListAnswer(PlainList, kw_only=True):
    """What every answer of one list has."""

    request_id: Annotated[str, msgspec.Meta(description="Unique; send it with clicks on this list.")]
    generation: Annotated[str | None, msgspec.Meta(description="The published lists that answered; null = none yet.")]
    cursor: Annotated[str | None, msgspec.Meta(description="For the next page; null = this is the last.")]


class Recommendations(ListAnswer, kw_only=True):
    """A user's list."""

    user_id: str


class SimilarItems(ListAnswer, kw_only=True):
    """Items like one item."""

    item_id: str


class AlsoBoughtItems(ListAnswer, kw_only=True):
    """Items that are bought with one item."""

    item_id: str


class CategoryItems(ListAnswer, kw_only=True):
    """Trending or new items of a category."""

    category: Annotated[str | None, msgspec.Meta(description="null = all categories.")]


class UserPage(msgspec.Struct, kw_only=True):
    """Lists of several surfaces for one user, in the order asked for."""

    request_id: Annotated[str, msgspec.Meta(description="Unique; send it, and the surface, with clicks on this page.")]
    user_id: str
    generation: Annotated[str | None, msgspec.Meta(description="The published lists that answered; null = none yet.")]
    lists: list[PlainList]


class UserList(PlainList, kw_only=True):
    """One list of a batch."""

    request_id: Annotated[str, msgspec.Meta(description="Unique; send it with impressions of and clicks on this list.")]
    user_id: str


class BatchAnswer(msgspec.Struct, kw_only=True):
    """Lists of many users, in the order asked for."""

    request_id: Annotated[str, msgspec.Meta(description="Of the whole answer.")]
    generation: Annotated[str | None, msgspec.Meta(description="The published lists that answered; null = none yet.")]
    lists: list[UserList]


class PopularItems(ListAnswer, kw_only=True):
    """Popular items of a category."""

    category: Annotated[str | None, msgspec.Meta(description="null = all categories.")]
    window_days: int | None


class Contributor(msgspec.Struct):
    """What speaks for an item."""

    signal: Annotated[
        Literal["own_item", "content", "people", "popularity", "segment", "own_habit", "other", "base"],
        msgspec.Meta(
            description=(
                "own_item: who has the seed chooses this item too. content: it is described like the seed. "
                "people: people who choose alike have it, and the seed makes them alike. own_habit: the user has had "
                "it. other: what a ranker reads in further features. base: what every candidate gets."
            )
        ),
    ]
    share: Annotated[
        float, msgspec.Meta(ge=0, description="Of the item's score; what speaks against it can bring the sum above 1.")
    ]
    seed_item_id: Annotated[str | None, msgspec.Meta(description="The user's own item behind it, if any.")]
    seed_title: str | None


class Why(msgspec.Struct, kw_only=True):
    """Why an item is in a user's list."""

    request_id: str
    user_id: str
    item_id: str
    generation: str | None
    surface: str
    variant: str
    published: Annotated[bool, msgspec.Meta(description="Whether contributors of this item were published.")]
    message: Annotated[str | None, msgspec.Meta(description="Why there are none.")]
    rank: Annotated[int | None, msgspec.Meta(description="Place in the published list; null = not in it.")]
    reason: Reason | None
    contributors: Annotated[list[Contributor], msgspec.Meta(description="Largest first, three at most.")]


class EventRejection(msgspec.Struct):
    """Why an event was not taken."""

    index: Annotated[int, msgspec.Meta(ge=0, description="Its place in the request.")]
    reason: Annotated[str, msgspec.Meta(description="Stable; those of quarantine.")]
    field: Annotated[str | None, msgspec.Meta(description="The member that is wrong, if it is one.")]
    message: str


class EventsAnswer(msgspec.Struct, kw_only=True):
    """What became of posted events."""

    request_id: str
    accepted: Annotated[int, msgspec.Meta(ge=1, description="Events that the store has.")]
    rejected: int
    rejections: Annotated[list[EventRejection], msgspec.Meta(description="One for each rejected event, in order.")]
    ignored_fields: Annotated[list[str], msgspec.Meta(description="Members that no event has; misspelt, perhaps.")]


class Features(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The features that were published for a user or an item."""

    request_id: str
    status: Annotated[
        Literal["found", "not_found", "unavailable"],
        msgspec.Meta(
            description="unavailable: the store gives no answer that can be read; every feature is then null."
        ),
    ]
    as_of: Annotated[str | None, msgspec.Meta(description="Time of the values, UTC, ISO 8601.")]
    features: dict[str, str | int | float | bool | list[str | int | float | bool | None] | None]
    user_id: str | None = None
    item_id: str | None = None


class Erased(msgspec.Struct):
    """What was taken out of the store."""

    lists: Annotated[int, msgspec.Meta(description="In every generation that the store holds.")]
    why: Annotated[int, msgspec.Meta(description="What spoke for the items of these lists.")]
    recent: Annotated[int, msgspec.Meta(description="1 = there was something that the user did lately.")]
    features: Annotated[int, msgspec.Meta(description="1 = there were features.")]


class Erasure(msgspec.Struct):
    """A user was erased from the store."""

    request_id: str
    user_id: str
    erased: Erased
    next: Annotated[str, msgspec.Meta(description="What happens with everything at rest.")]


class Health(msgspec.Struct):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(msgspec.Struct):
    """Whether the process has lists to answer from."""

    status: Annotated[
        Literal["ready", "degraded", "fallback", "starting"],
        msgspec.Meta(description="Where lists come from: the store, memory, the copy on disk, nowhere yet."),
    ]
    generation: str | None
    store: Annotated[
        Literal["up", "late", "empty", "down"],
        msgspec.Meta(description="late: it is left alone for a moment. empty: no generation is live in it."),
    ]
    since: Annotated[str, msgspec.Meta(description="When this state began, UTC, ISO 8601.")]
    keys: Annotated[int | None, msgspec.Meta(description="API keys that are known; null = none is needed.")]


class ErrorDetail(msgspec.Struct):
    """What is wrong with a request."""

    code: Annotated[str, msgspec.Meta(description="Stable name of the mistake.")]
    message: str
    field: Annotated[str | None, msgspec.Meta(description="The parameter, if it is one.")]


class Error(msgspec.Struct):
    """Every 4xx answer."""

    error: ErrorDetail
