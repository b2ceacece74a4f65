"""The OpenAPI description, kept by hand beside the routes; tests hold the two against each other."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple

import msgspec

from reco_contracts.surfaces import SURFACES, SubjectKind
from serving_api import schemas
from serving_api.openapi_events import EVENT, post_events
from serving_api.openapi_parts import (
    FIELDS,
    ID,
    NAME,
    NO_LOG,
    WHOLE,
    Json,
    cursor,
    described,
    exclude,
    exclude_seen,
    fields,
    listed,
    operation,
    path_id,
    query,
    response,
    text,
)


class Bounds(NamedTuple):
    """What the description says of this process's settings and of the generation that is live.

    Attributes:
        default_limit: items in an answer.
        max_limit: the most that a request may ask for.
        max_batch_users: users of a batch read.
        windows_days: of popular lists; empty = none are known yet.
        user_surfaces: surfaces for users.
        page_surfaces: surfaces that a page may show.
    """

    default_limit: int = 20
    max_limit: int = 100
    max_batch_users: int = 500
    windows_days: tuple[int, ...] = ()
    user_surfaces: tuple[str, ...] = tuple(name for name, kind in SURFACES.items() if kind is SubjectKind.USER)
    page_surfaces: tuple[str, ...] = tuple(name for name, kind in SURFACES.items() if kind is not SubjectKind.ITEM)


def describe_api(bounds: Bounds | None = None) -> Json:
    """The description of every route, OpenAPI 3.1."""
    bounds = bounds or Bounds()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reco lookup API", "version": _version(), "description": _ABOUT},
        "paths": _users(bounds) | _items(bounds) | _everybody(bounds) | _process(),
        "components": {"schemas": _schemas(bounds)},
    }


_ABOUT: Final = (
    "One call, one list. A known user, an unknown user, an empty store and an unreachable store all get an answer "
    "with status 200; `source` says where it comes from. The header X-Reco-Generation names the published lists "
    "that answered, X-Request-Id the answer. Ids in paths are percent-encoded UTF-8; a slash in an id is %2F. The ids "
    "'.' and '..' cannot be asked for: clients take them out of a path."
)


def _users(bounds: Bounds) -> Json:
    user, item = path_id("user_id"), path_id("item_id")
    surface_schema = {"type": "string", "enum": list(bounds.user_surfaces), "default": "home"}
    surface = query("surface", "The place where the list is shown.", surface_schema)
    of_list = [surface, _limit(bounds), _CATEGORY, exclude(), exclude_seen(), cursor(), fields()]
    surfaces_schema = {"type": "array", "items": {"enum": list(bounds.page_surfaces)}, "minItems": 1}
    surfaces = listed("surfaces", "The lists of the page, in order.", surfaces_schema, is_required=True)
    dedupe = query("dedupe", "No item twice on the page.", {"type": "boolean", "default": True})
    of_page = [surfaces, _limit(bounds), dedupe, exclude(), exclude_seen(), fields()]
    return {
        "/v1/users/{user_id}/recommendations": {
            "get": operation(
                "A user's list", schemas.Recommendations, [user, *of_list, NO_LOG], _USER_LIST, is_tagged=True
            )
        },
        "/v1/users/{user_id}/recommendations/{item_id}/why": {
            "get": operation("Why an item is in a user's list", schemas.Why, [user, item, surface], _WHY)
        },
        "/v1/users/{user_id}/page": {
            "get": operation(
                "Several lists for one page", schemas.UserPage, [user, *of_page, NO_LOG], _PAGE, is_tagged=True
            )
        },
        "/v1/users/{user_id}/features": {"get": operation("A user's features", schemas.Features, [user], _FEATURES)},
        "/v1/users/{user_id}": {"delete": _erase(user)},
        "/v1/recommendations:batch": {"post": _batch()},
        "/v1/events": {"post": post_events()},
    }


def _items(bounds: Bounds) -> Json:
    item = path_id("item_id")
    of_item = [item, _limit(bounds), exclude(), cursor(), fields()]
    return {
        "/v1/items/{item_id}/similar": {
            "get": operation(
                "Items like one item",
                schemas.SimilarItems,
                of_item,
                "Popular items for an item without a list, or with nothing left in it.",
                is_tagged=True,
            )
        },
        "/v1/items/{item_id}/also_bought": {
            "get": operation(
                "Items that are bought with one item",
                schemas.AlsoBoughtItems,
                of_item,
                "What goes with it, not in its place. Popular items for an item without such a list.",
                is_tagged=True,
            )
        },
        "/v1/items/{item_id}/features": {"get": operation("An item's features", schemas.Features, [item], _FEATURES)},
    }


def _everybody(bounds: Bounds) -> Json:
    of_category = [_CATEGORY, _limit(bounds), exclude(), cursor(), fields()]
    days: Json = {"type": "integer", "enum": list(bounds.windows_days)} if bounds.windows_days else WHOLE
    window = query("window", "Days of history that are counted; the first published window without it.", days)
    return {
        "/v1/popular": {
            "get": operation(
                "Popular items",
                schemas.PopularItems,
                [window, *of_category],
                "A category without popular items gives an empty list.",
                is_tagged=True,
            )
        },
        "/v1/trending": {
            "get": operation(
                "What more people choose than usual",
                schemas.CategoryItems,
                of_category,
                "Popular items of the category where nothing trends.",
                is_tagged=True,
            )
        },
        "/v1/new": {
            "get": operation(
                "What came newly into the catalogue",
                schemas.CategoryItems,
                of_category,
                "Newest first. Popular items of the category where nothing is new.",
                is_tagged=True,
            )
        },
    }


def _process() -> Json:
    readiness = operation("The process has lists to answer from", schemas.Readiness, [])
    readiness["responses"]["503"] = response(
        "Neither a generation nor the copy on disk is loaded yet.", schemas.Readiness
    )
    return {
        "/healthz": {"get": operation("The process is alive", schemas.Health, [])},
        "/readyz": {"get": readiness},
        "/metrics": {"get": text("Numbers of this process, for Prometheus", "text/plain")},
        "/openapi.json": {"get": text("This description", "application/json")},
        "/docs": {"get": text("This description for people", "text/html")},
        "/": {"get": text("Links", "text/html")},
    }


def _batch() -> Json:
    responses = {
        "200": response("The lists, in the order of the users.", schemas.BatchAnswer),
        "400": response("The body is wrong; `field` names the member.", schemas.Error),
        "413": response("The body is too large.", schemas.Error),
    }
    return described("Lists of many users", _BATCH, [], responses, {"$ref": "#/components/schemas/BatchRequest"})


def _erase(user: Json) -> Json:
    responses = {
        "200": response("Nothing is left of the user in the store.", schemas.Erasure),
        "400": response("The id is wrong.", schemas.Error),
        "503": response("Something may be left; send it again.", schemas.Error),
    }
    return described("Erase a user", _ERASE, [user], responses)


def _batch_body(bounds: Bounds) -> Json:
    ids = {"type": "array", "items": ID}
    members = {
        "users": {**ids, "minItems": 1, "maxItems": bounds.max_batch_users},
        "surface": {"type": "string", "enum": list(bounds.user_surfaces), "default": "home"},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": bounds.max_limit},
        "category": {**NAME, "type": ["string", "null"]},
        "exclude": {**ids, "maxItems": 1_000},
        "exclude_seen": {"type": ["boolean", "null"]},
        "fields": {"anyOf": [{"type": "null"}, FIELDS]},
    }
    return {"type": "object", "properties": members, "required": ["users"], "additionalProperties": False}


_CATEGORY: Final = query("category", "Only items of this category, of any level.", NAME)
_USER_LIST: Final = (
    "With `category`, the user's own items of that category come first and its popular items fill up the rest. "
    "Popular items for a user without a list, or with nothing left in it."
)
_WHY: Final = (
    "What speaks for it most, as it was published with the list, for the first 20 items. For any other item "
    "`published` is false and `message` says so, with status 200: why it is not listed takes the artifacts, "
    "which `reco explain` has."
)
_PAGE: Final = (
    "In one call, and without an item twice: the first surface that has it shows it. Popular items stand in "
    "for the first list only; another one that is not there is empty, so that its row can be left out."
)
_FEATURES: Final = "As Feast published them; null where there is none."
_ERASE: Final = (
    "Removes the user's lists from every generation, what they did lately and their features, and leaves a keyed hash "
    "of the id, by which landing and publishing know: later events are rejected, no list is published, and reads get "
    "popular items. The next run erases everything at rest. It cannot be undone; sent again, it does the same again."
)
_BATCH: Final = (
    "For jobs such as e-mail. The other members are the parameters of a single read and hold for every user. One "
    "generation answers them all. Nothing is logged as served: whoever shows a list posts `impression` events with "
    "its request id."
)


def _limit(bounds: Bounds) -> Json:
    schema = {"type": "integer", "minimum": 1, "maximum": bounds.max_limit, "default": bounds.default_limit}
    return query("limit", "Items wanted.", schema)


def _schemas(bounds: Bounds) -> Json:
    types = [
        schemas.Recommendations,
        schemas.SimilarItems,
        schemas.AlsoBoughtItems,
        schemas.PopularItems,
        schemas.Why,
        schemas.CategoryItems,
        schemas.UserPage,
        schemas.BatchAnswer,
        schemas.EventsAnswer,
        schemas.Features,
        schemas.Erasure,
        schemas.Health,
        schemas.Readiness,
        schemas.Error,
    ]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(components) | {"BatchRequest": _batch_body(bounds), "Event": EVENT}


def _version() -> str:
    try:
        return version("reco")
    except PackageNotFoundError:
        return "0"
