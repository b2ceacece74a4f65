"""The OpenAPI description, kept by hand beside the routes; a test holds the two against each other."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from reco_contracts.events import MAX_ID_LENGTH
from reco_contracts.surfaces import SURFACES, SubjectKind
from serving_api import schemas

_Json = dict[str, Any]


def describe_api() -> _Json:
    """The description of every route, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Reco lookup API", "version": _version(), "description": _ABOUT},
        "paths": {path: {"get": operation} for path, operation in _gets().items()},
        "components": {"schemas": _schemas()},
    }


_ABOUT: Final = (
    "One call, one list. A known user, an unknown user, an empty store and an unreachable store all get an answer "
    "with status 200; `source` says where it comes from. The header X-Reco-Generation names the published lists "
    "that answered. Ids in paths are percent-encoded UTF-8; a slash in an id is %2F. The ids '.' and '..' cannot be "
    "asked for: clients take them out of a path."
)


def _gets() -> dict[str, _Json]:
    user, item = _path_id("user_id"), _path_id("item_id")
    limit = _query("limit", "Items wanted.", {"type": "integer", "minimum": 1})
    category = _query("category", "Only items of this category, of any level.", {"type": "string"})
    exclude = _exclude()
    surface = _query("surface", "The place where the list is shown.", {"type": "string", "default": "home"})
    window = _query("window", "Days of history that are counted; the first published window without it.", _POSITIVE)
    surfaces = _surfaces()
    dedupe = _query("dedupe", "No item twice on the page.", {"type": "boolean", "default": True})
    return {
        "/v1/users/{user_id}/recommendations": _operation(
            "A user's list",
            "With `category`, the user's own items of that category come first and its popular items fill up the rest. "
            "Popular items for a user without a list, or with nothing left in it.",
            schemas.Recommendations,
            [user, surface, limit, category, exclude],
        ),
        "/v1/users/{user_id}/recommendations/{item_id}/why": _operation(
            "Why an item is in a user's list",
            "What speaks for it most, as it was published with the list, for the first 20 items. For any other item "
            "`published` is false and `message` says so, with status 200: why it is not listed takes the artifacts, "
            "which `reco explain` has.",
            schemas.Why,
            [user, item, surface],
        ),
        "/v1/items/{item_id}/similar": _operation(
            "Items like one item",
            "Popular items for an item without a list, or with nothing left in it.",
            schemas.SimilarItems,
            [item, limit, exclude],
        ),
        "/v1/items/{item_id}/also_bought": _operation(
            "Items that are bought with one item",
            "What goes with it, not in its place. Popular items for an item without such a list.",
            schemas.AlsoBoughtItems,
            [item, limit, exclude],
        ),
        "/v1/trending": _operation(
            "What more people choose than usual",
            "Popular items of the category where nothing trends.",
            schemas.CategoryItems,
            [category, limit, exclude],
        ),
        "/v1/new": _operation(
            "What came newly into the catalogue",
            "Newest first. Popular items of the category where nothing is new.",
            schemas.CategoryItems,
            [category, limit, exclude],
        ),
        "/v1/users/{user_id}/page": _operation(
            "Several lists for one page",
            "In one call, and without an item twice: the first surface that has it shows it. Popular items stand in "
            "for the first list only; another one that is not there is empty, so that its row can be left out.",
            schemas.UserPage,
            [user, surfaces, limit, dedupe, exclude],
        ),
        "/v1/popular": _operation(
            "Popular items",
            "A category without popular items gives an empty list.",
            schemas.PopularItems,
            [category, window, limit, exclude],
        ),
        "/v1/users/{user_id}/features": _operation("A user's features", _FEATURES, schemas.Features, [user]),
        "/v1/items/{item_id}/features": _operation("An item's features", _FEATURES, schemas.Features, [item]),
        "/healthz": _operation("The process is alive", "", schemas.Health, []),
        "/readyz": _readiness(),
        "/metrics": _text("Numbers of this process, for Prometheus", "text/plain"),
        "/openapi.json": _text("This description", "application/json"),
        "/docs": _text("This description for people", "text/html"),
        "/": _text("Links", "text/html"),
    }


_POSITIVE: Final[_Json] = {"type": "integer", "minimum": 1}
_FEATURES: Final = "As Feast published them; null where there is none."


def _operation(summary: str, description: str, answer: type, parameters: list[_Json]) -> _Json:
    responses = {"200": _response("The answer.", answer)}
    if parameters:
        responses["400"] = _response("An argument is wrong; `field` names it.", schemas.Error)
    return {"summary": summary, "description": description, "parameters": parameters, "responses": responses}


def _readiness() -> _Json:
    operation = _operation("The process has lists to answer from", "", schemas.Readiness, [])
    operation["responses"]["503"] = _response(
        "Neither a generation nor the copy on disk is loaded yet.", schemas.Readiness
    )
    return operation


def _text(summary: str, content_type: str) -> _Json:
    return {"summary": summary, "responses": {"200": {"description": "The page.", "content": {content_type: {}}}}}


def _response(description: str, answer: type) -> _Json:
    schema = {"$ref": f"#/components/schemas/{answer.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _path_id(name: str) -> _Json:
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(name: str, description: str, schema: _Json) -> _Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _exclude() -> _Json:
    schema = {"type": "array", "items": {"type": "string"}}
    text = "Item ids to leave out: comma-separated, or the parameter repeated."
    return {**_query("exclude", text, schema), "style": "form", "explode": True}


def _surfaces() -> _Json:
    names = [name for name, kind in SURFACES.items() if kind is not SubjectKind.ITEM]
    text = "The lists of the page, in order, with commas between."
    schema = {"type": "array", "items": {"type": "string", "enum": names}, "minItems": 1}
    return {**_query("surfaces", text, schema), "required": True, "style": "form", "explode": False}


def _schemas() -> _Json:
    types = [
        schemas.Recommendations,
        schemas.SimilarItems,
        schemas.AlsoBoughtItems,
        schemas.PopularItems,
        schemas.Why,
        schemas.CategoryItems,
        schemas.UserPage,
        schemas.Features,
        schemas.Health,
        schemas.Readiness,
        schemas.Error,
    ]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(components)


def _version() -> str:
    try:
        return version("reco")
    except PackageNotFoundError:
        return "0"
