"""Every call of the API as a value: what to send, and what comes back. Both clients send these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

from reco_client import answers
from reco_client.events import Event, identified

T = TypeVar("T")

Query = dict[str, str]
Field = Literal["ids", "item_id", "rank", "score", "title", "categories", "source", "reason"]

# A user's or item's id that clients take out of a path before it is sent.
_UNSENDABLE: Final = (".", "..")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: in capitals.
        path: percent-encoded.
        template: of the path, as the API describes it.
        answer: the type that comes back.
        query: parameters.
        body: to be sent as JSON; None = none.
        headers: further ones.
    """

    method: str
    path: str
    template: str
    answer: type[T]
    query: Query = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def recommendations(
    user_id: str,
    *,
    surface: str | None = None,
    limit: int | None = None,
    category: str | None = None,
    exclude: Iterable[str] = (),
    exclude_seen: bool | None = None,
    cursor: str | None = None,
    fields: Sequence[Field] = (),
    is_logged: bool = True,
) -> Call[answers.Recommendations]:
    """A user's list.

    Args:
        user_id: whose.
        surface: where it is shown; home without it.
        limit: items wanted.
        category: only items of this category.
        exclude: item ids to leave out; none of them may have a comma.
        exclude_seen: True = without all items of the user's recent events, False = with all but dismissed ones.
        cursor: of the page before.
        fields: members of the items; ("ids",) = nothing but their ids; all without it.
        is_logged: False = it is not shown to anybody, and is not to be logged as served.
    """
    query = _query(
        surface=surface,
        limit=limit,
        category=category,
        exclude=exclude,
        seen=exclude_seen,
        cursor=cursor,
        fields=fields,
    )
    headers = {} if is_logged else {"X-Reco-No-Log": "1"}
    template = "/v1/users/{user_id}/recommendations"
    return Call("GET", _path(template, user_id), template, answers.Recommendations, query, headers=headers)


def page(
    user_id: str,
    surfaces: Sequence[str],
    *,
    limit: int | None = None,
    dedupe: bool | None = None,
    exclude: Iterable[str] = (),
    exclude_seen: bool | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.UserPage]:
    """Several lists for one page, no item twice unless `dedupe` is False; see `recommendations`."""
    query = _query(limit=limit, dedupe=dedupe, exclude=exclude, seen=exclude_seen, fields=fields)
    template = "/v1/users/{user_id}/page"
    return Call("GET", _path(template, user_id), template, answers.UserPage, query | {"surfaces": ",".join(surfaces)})


def batch(
    users: Sequence[str],
    *,
    surface: str | None = None,
    limit: int | None = None,
    category: str | None = None,
    exclude: Iterable[str] = (),
    exclude_seen: bool | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.BatchAnswer]:
    """Lists of many users, 500 at most, for jobs; nothing is logged as served. See `recommendations`."""
    body = {
        "users": list(users),
        "surface": surface,
        "limit": limit,
        "category": category,
        "exclude": list(exclude),
        "exclude_seen": exclude_seen,
        "fields": list(fields),
    }
    sent = {name: value for name, value in body.items() if value is not None and value != []}
    template = "/v1/recommendations:batch"
    return Call("POST", template, template, answers.BatchAnswer, body=sent)


def similar(
    item_id: str,
    *,
    limit: int | None = None,
    exclude: Iterable[str] = (),
    cursor: str | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.ItemAnswer]:
    """Items like one item."""
    query = _query(limit=limit, exclude=exclude, cursor=cursor, fields=fields)
    template = "/v1/items/{item_id}/similar"
    return Call("GET", _path(template, item_id), template, answers.ItemAnswer, query)


def also_bought(
    item_id: str,
    *,
    limit: int | None = None,
    exclude: Iterable[str] = (),
    cursor: str | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.ItemAnswer]:
    """Items that are bought with one item."""
    query = _query(limit=limit, exclude=exclude, cursor=cursor, fields=fields)
    template = "/v1/items/{item_id}/also_bought"
    return Call("GET", _path(template, item_id), template, answers.ItemAnswer, query)


def popular(
    *,
    category: str | None = None,
    window: int | None = None,
    limit: int | None = None,
    exclude: Iterable[str] = (),
    cursor: str | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.PopularList]:
    """Popular items of a category, counted over a window of days."""
    query = _query(category=category, window=window, limit=limit, exclude=exclude, cursor=cursor, fields=fields)
    return Call("GET", "/v1/popular", "/v1/popular", answers.PopularList, query)


def trending(
    *,
    category: str | None = None,
    limit: int | None = None,
    exclude: Iterable[str] = (),
    cursor: str | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.CategoryList]:
    """What more people choose than usual."""
    query = _query(category=category, limit=limit, exclude=exclude, cursor=cursor, fields=fields)
    return Call("GET", "/v1/trending", "/v1/trending", answers.CategoryList, query)


def new(
    *,
    category: str | None = None,
    limit: int | None = None,
    exclude: Iterable[str] = (),
    cursor: str | None = None,
    fields: Sequence[Field] = (),
) -> Call[answers.CategoryList]:
    """What came newly into the catalogue, newest first."""
    query = _query(category=category, limit=limit, exclude=exclude, cursor=cursor, fields=fields)
    return Call("GET", "/v1/new", "/v1/new", answers.CategoryList, query)


def why(user_id: str, item_id: str, *, surface: str | None = None) -> Call[answers.Why]:
    """Why an item is in a user's list."""
    template = "/v1/users/{user_id}/recommendations/{item_id}/why"
    return Call("GET", _path(template, user_id, item_id), template, answers.Why, _query(surface=surface))


def user_features(user_id: str) -> Call[answers.Features]:
    """The features that were published for a user."""
    template = "/v1/users/{user_id}/features"
    return Call("GET", _path(template, user_id), template, answers.Features)


def item_features(item_id: str) -> Call[answers.Features]:
    """The features that were published for an item."""
    template = "/v1/items/{item_id}/features"
    return Call("GET", _path(template, item_id), template, answers.Features)


def send_events(events: Iterable[Event]) -> Call[answers.EventsAnswer]:
    """Post events, 1,000 at most; repeated after a lost answer, they are the same events."""
    body = [identified(event) for event in events]
    return Call("POST", "/v1/events", "/v1/events", answers.EventsAnswer, body=body)


def erase_user(user_id: str) -> Call[answers.Erasure]:
    """Erase a user from the store at once, and from everything at rest with the next run; it takes an admin key."""
    template = "/v1/users/{user_id}"
    return Call("DELETE", _path(template, user_id), template, answers.Erasure)


def health() -> Call[answers.Health]:
    """Whether the process is alive."""
    return Call("GET", "/healthz", "/healthz", answers.Health)


def readiness() -> Call[answers.Readiness]:
    """Whether a process has lists to answer from; raises UnavailableError while it has none."""
    return Call("GET", "/readyz", "/readyz", answers.Readiness)


def _path(template: str, *identifiers: str) -> str:
    path = template
    for identifier in identifiers:
        if identifier in _UNSENDABLE or not identifier:
            raise ValueError(f"an id that can stand in a path expected, got {identifier!r}")
        start, _, rest = path.partition("{")
        path = start + quote(identifier, safe="") + rest.partition("}")[2]
    return path


def _query(seen: bool | None = None, exclude: Iterable[str] = (), fields: Sequence[str] = (), **plain: Any) -> Query:
    """Parameters as text; those that are not given are left out."""
    given = {name: value for name, value in plain.items() if value is not None}
    query = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
    excluded = list(exclude)
    if any("," in item for item in excluded):
        raise ValueError("an id with a comma cannot be excluded in a single read; a batch takes it")
    if excluded:
        query["exclude"] = ",".join(excluded)
    if fields:
        query["fields"] = ",".join(fields)
    return query if seen is None else {**query, "exclude_seen": str(seen).lower()}
