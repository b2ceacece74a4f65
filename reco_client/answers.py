"""What the API answers, as types. Members that a later version adds are left aside."""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """Why an item is shown.

    Attributes:
        code: stable, for software.
        text: a sentence, for people.
        seed_item_id: the item that the sentence names, if any.
    """

    code: str
    text: str
    seed_item_id: str | None = None


class Item(msgspec.Struct, frozen=True):
    """One item of a list; with `fields`, members that were not asked for have the defaults below.

    Attributes:
        item_id: its id.
        rank: place in the list, from 1, over all pages of a cursor.
        score: 0 to 1, relative to the best item of its list.
        title: for people.
        categories: broad to narrow.
        source: the list that it comes from.
        reason: why it is shown.
    """

    item_id: str
    rank: int = 0
    score: float = 0.0
    title: str = ""
    categories: tuple[str, ...] = ()
    source: str = ""
    reason: Reason | None = None


class ItemList(msgspec.Struct, frozen=True, kw_only=True):
    """What every list has.

    Attributes:
        surface: where it is shown.
        experiment: of which it is an arm, if any.
        variant: of the list.
        propensity: the chance that this variant was drawn.
        source: personal, session, segment, popular, fallback, or the list that was asked for.
        items: best first; empty with `fields=("ids",)`.
        item_ids: best first; filled with `fields=("ids",)` only. `ids` has them in any case.
    """

    surface: str
    experiment: str | None
    variant: str
    propensity: float
    source: str
    items: tuple[Item, ...] = ()
    item_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Item ids, best first."""
        return self.item_ids or tuple(item.item_id for item in self.items)


class ListAnswer(ItemList, frozen=True, kw_only=True):
    """One list.

    Attributes:
        request_id: unique; goes with the events on this list.
        generation: the published lists that answered; None = there are none yet.
        cursor: for the next page; None = this is the last.
    """

    request_id: str
    generation: str | None
    cursor: str | None


class Recommendations(ListAnswer, frozen=True, kw_only=True):
    """A user's list."""

    user_id: str


class ItemAnswer(ListAnswer, frozen=True, kw_only=True):
    """Items that go with one item."""

    item_id: str


class CategoryList(ListAnswer, frozen=True, kw_only=True):
    """Trending or new items of a category; None = of all."""

    category: str | None


class PopularList(CategoryList, frozen=True, kw_only=True):
    """Popular items of a category, counted over so many days."""

    window_days: int | None


class UserPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lists of several surfaces for one user, in the order asked for."""

    request_id: str
    user_id: str
    generation: str | None
    lists: tuple[ItemList, ...]


class UserList(ItemList, frozen=True, kw_only=True):
    """One list of a batch; its request id goes with impressions of it and clicks on it."""

    request_id: str
    user_id: str


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Lists of many users, in the order asked for."""

    request_id: str
    generation: str | None
    lists: tuple[UserList, ...]


class Contributor(msgspec.Struct, frozen=True):
    """What speaks for an item, and its share of the score."""

    signal: str
    share: float
    seed_item_id: str | None
    seed_title: str | None


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item is in a user's list.

    Attributes:
        published: whether contributors of this item were published.
        message: why there are none.
        rank: place in the published list; None = not in it.
        contributors: largest first.
    """

    request_id: str
    user_id: str
    item_id: str
    generation: str | None
    surface: str
    variant: str
    published: bool
    message: str | None
    rank: int | None
    reason: Reason | None
    contributors: tuple[Contributor, ...]


Value = str | int | float | bool | None


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """The features that were published for a user or an item.

    Attributes:
        status: found, not_found or unavailable.
        as_of: time of the values, UTC, ISO 8601.
        features: by name.
    """

    request_id: str
    status: str
    as_of: str | None
    features: dict[str, Value | list[Value]]
    user_id: str | None = None
    item_id: str | None = None


class EventRejection(msgspec.Struct, frozen=True):
    """Why an event was not taken.

    Attributes:
        index: its place among those that were sent, from 0.
        reason: stable, for software.
        field: the member that is wrong, if it is one.
        message: for people.
    """

    index: int
    reason: str
    field: str | None
    message: str


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of posted events.

    Attributes:
        accepted: events that the store has.
        rejected: events that it has not, for what is wrong with them.
        rejections: one for each of those, in order.
        ignored_fields: members that no event has.
    """

    request_id: str
    accepted: int
    rejected: int
    rejections: tuple[EventRejection, ...]
    ignored_fields: tuple[str, ...] = ()


class Erased(msgspec.Struct, frozen=True):
    """How much was taken out of the store."""

    lists: int
    why: int
    recent: int
    features: int


class Erasure(msgspec.Struct, frozen=True):
    """A user was erased from the store; `next` says what happens with everything at rest."""

    request_id: str
    user_id: str
    erased: Erased
    next: str


class Health(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """Where a process has its lists from.

    Attributes:
        status: ready, degraded, fallback or starting.
        generation: the published lists that answer; None = there are none yet.
        store: up, late, empty or down.
        since: when this began, UTC, ISO 8601.
        keys: API keys that are known; None = none is needed.
    """

    status: str
    generation: str | None
    store: str
    since: str
    keys: int | None
