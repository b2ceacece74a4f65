"""Which path answers what: templates, methods, and who may call."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from serving_api.answers import Answer
from serving_api.batch import batch
from serving_api.erasure import erase_user
from serving_api.events import post_events
from serving_api.features import item_features, user_features
from serving_api.lists import also_bought, new, popular, similar, trending
from serving_api.pages import docs, index, openapi_json
from serving_api.request import Request
from serving_api.states import health, metrics, readiness
from serving_api.user_list import recommend
from serving_api.user_page import user_page
from serving_api.why import why

if TYPE_CHECKING:
    from serving_api.api import LookupApi

Handler = Callable[["LookupApi", Request], Awaitable[Answer]]


class Access(StrEnum):
    """What a caller must be allowed to."""

    OPEN = "open"  # everybody, also without a key
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Operation(NamedTuple):
    """What a path does for one method."""

    handler: Handler
    access: Access = Access.READ


class Route(NamedTuple):
    """A path template and its operations by method; HEAD is answered like GET."""

    template: str
    operations: dict[str, Operation]

    @property
    def allow(self) -> bytes:
        """The header Allow."""
        methods = [*self.operations, *(["HEAD"] if "GET" in self.operations else [])]
        return ", ".join(sorted(methods)).encode()

    def operation(self, method: str) -> Operation | None:
        """What a method does; None = it is not allowed."""
        return self.operations.get("GET" if method == "HEAD" else method)


def _get(template: str, handler: Handler, access: Access = Access.READ) -> Route:
    return Route(template, {"GET": Operation(handler, access)})


# By the number of path segments and the fixed ones among them; the id is the third.
_WITH_ID: Final[dict[tuple[bytes, bytes, bytes], Route]] = {
    (b"v1", b"users", b"recommendations"): _get("/v1/users/{user_id}/recommendations", recommend),
    (b"v1", b"users", b"page"): _get("/v1/users/{user_id}/page", user_page),
    (b"v1", b"users", b"features"): _get("/v1/users/{user_id}/features", user_features),
    (b"v1", b"items", b"similar"): _get("/v1/items/{item_id}/similar", similar),
    (b"v1", b"items", b"also_bought"): _get("/v1/items/{item_id}/also_bought", also_bought),
    (b"v1", b"items", b"features"): _get("/v1/items/{item_id}/features", item_features),
}
# The user alone: three segments.
_USER: Final = Route("/v1/users/{user_id}", {"DELETE": Operation(erase_user, Access.ADMIN)})
_FIXED: Final[dict[bytes, Route]] = {
    b"/": _get("/", index, Access.OPEN),
    b"/v1/popular": _get("/v1/popular", popular),
    b"/v1/trending": _get("/v1/trending", trending),
    b"/v1/new": _get("/v1/new", new),
    b"/v1/events": Route("/v1/events", {"POST": Operation(post_events, Access.WRITE)}),
    b"/v1/recommendations:batch": Route("/v1/recommendations:batch", {"POST": Operation(batch)}),
    b"/healthz": _get("/healthz", health, Access.OPEN),
    b"/readyz": _get("/readyz", readiness, Access.OPEN),
    b"/metrics": _get("/metrics", metrics, Access.OPEN),
    b"/openapi.json": _get("/openapi.json", openapi_json, Access.OPEN),
    b"/docs": _get("/docs", docs, Access.OPEN),
}
# A user and an item: the path is that of the user's list with two segments more.
_WHY: Final = _get("/v1/users/{user_id}/recommendations/{item_id}/why", why)
ROUTES: Final = (*_WITH_ID.values(), _WHY, _USER, *_FIXED.values())
_SEGMENTS_OF_ONE: Final = 4
_SEGMENTS_WITH_ID: Final = 5
_SEGMENTS_WITH_TWO: Final = 7


def find_route(path: bytes) -> tuple[Route | None, bytes]:
    """The route of a path, and the id in it; of two ids, both with a slash between.

    Args:
        path: still percent-encoded, so that an id may contain a slash.
    """
    segments = path.split(b"/")
    if len(segments) == _SEGMENTS_WITH_TWO and not segments[0]:
        is_why = segments[1:3] == [b"v1", b"users"] and segments[4] == b"recommendations" and segments[6] == b"why"
        return (_WHY, b"/".join((segments[3], segments[5]))) if is_why else (None, b"")
    if len(segments) == _SEGMENTS_WITH_ID and not segments[0]:
        return _WITH_ID.get((segments[1], segments[2], segments[4])), segments[3]
    if len(segments) == _SEGMENTS_OF_ONE and segments[:3] == [b"", b"v1", b"users"]:
        return _USER, segments[3]
    return _FIXED.get(path), b""
