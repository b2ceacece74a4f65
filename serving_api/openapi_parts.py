"""What the OpenAPI description is put together from: parameters, answers, operations."""

from typing import Any, Final

from reco_contracts.events import MAX_ID_LENGTH
from serving_api import schemas
from serving_api.fields import IDS, MEMBERS
from serving_api.parameters import MAX_EXCLUDED

Json = dict[str, Any]

# No control characters; '.' and '..' never arrive: clients take them out of a path.
_ID_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f]+$"
_PATH_ID_PATTERN: Final = r"^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f]+$"
# Between two commas may stand nothing; it counts for nothing.
NO_CONTROLS: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_LISTED_ID_PATTERN: Final = r"^[^,\u0000-\u001f\u007f-\u009f]*$"

ID: Final[Json] = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": _ID_PATTERN}
NAME: Final[Json] = {"type": "string", "maxLength": MAX_ID_LENGTH}
WHOLE: Final[Json] = {"type": "integer", "minimum": 1}
FIELDS: Final[Json] = {
    "type": "array",
    "minItems": 1,
    "anyOf": [{"items": {"const": IDS}, "maxItems": 1}, {"items": {"enum": list(MEMBERS)}}],
}


def operation(
    summary: str, answer: type, parameters: list[Json], description: str = "", *, is_tagged: bool = False
) -> Json:
    """A GET with an answer in JSON.

    Args:
        summary: one line.
        answer: the schema of the 200.
        parameters: of path and query.
        description: more lines.
        is_tagged: whether the answer has an ETag, and a 304.
    """
    responses = {"200": response("The answer.", answer, TAGGED if is_tagged else None)}
    if is_tagged:
        parameters = [*parameters, _IF_NONE_MATCH]
        responses["304"] = {"description": "The caller has it already.", "headers": TAGGED}
    if parameters:
        responses["400"] = response("An argument is wrong; `field` names it.", schemas.Error)
        responses["414"] = {"description": "The query string is too long.", "headers": _REQUEST_ID}
    if any(parameter["name"] == "cursor" for parameter in parameters):
        responses["410"] = response("The lists of this cursor are gone; ask without it.", schemas.Error)
    return described(summary, description, parameters, responses)


def described(
    summary: str, description: str, parameters: list[Json], responses: Json, body: Json | None = None
) -> Json:
    """An operation of any method; what every route may answer besides is added."""
    made: Json = {"summary": summary, "description": description, "parameters": parameters}
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    made["responses"] = responses | {"default": response("The request was refused, or failed.", schemas.Error)}
    return made


def text(summary: str, content_type: str) -> Json:
    """A page."""
    return {"summary": summary, "responses": {"200": {"description": "The page.", "content": {content_type: {}}}}}


def response(description: str, answer: type, headers: Json | None = None) -> Json:
    """One answer in JSON."""
    content = {"application/json": {"schema": reference(answer)}}
    return {"description": description, "headers": headers or _REQUEST_ID, "content": content}


def reference(kind: type) -> Json:
    """Where a type's schema stands."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def path_id(name: str) -> Json:
    """An id in the path."""
    schema = ID | {"pattern": _PATH_ID_PATTERN}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def query(name: str, description: str, schema: Json) -> Json:
    """A parameter after the question mark."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def listed(name: str, description: str, schema: Json, *, is_required: bool = False) -> Json:
    """A parameter of several values with commas between."""
    made = {**query(name, description, schema), "style": "form", "explode": False}
    return {**made, "required": True} if is_required else made


def exclude() -> Json:
    """The parameter of that name."""
    item = ID | {"minLength": 0, "pattern": _LISTED_ID_PATTERN}
    schema = {"type": "array", "items": item, "maxItems": MAX_EXCLUDED}
    return listed("exclude", "Item ids to leave out: comma-separated, or the parameter repeated.", schema)


def fields() -> Json:
    """The parameter of that name."""
    told = f"Members of the items; `{IDS}` = nothing but their ids, as `item_ids`. All members without it."
    return listed("fields", told, FIELDS)


def exclude_seen() -> Json:
    """The parameter of that name."""
    told = (
        "Whether items of the user's recent events are left out: `true` all of them, `false` only those that were "
        "dismissed; without it those that were bought or dismissed. What was left out when the list was made stays out."
    )
    return query("exclude_seen", told, {"type": "boolean"})


def cursor() -> Json:
    """The parameter of that name."""
    told = (
        "For the next page: `cursor` of the page before, with the same other parameters. Pages keep their generation, "
        "also when a new one is published; no item comes twice."
    )
    return query("cursor", told, {"type": "string", "minLength": 1, "maxLength": 12_000})


_REQUEST_ID: Final[Json] = {
    "X-Request-Id": {"description": "Unique; the answer's `request_id`.", "schema": {"type": "string"}}
}
TAGGED: Final[Json] = {
    **_REQUEST_ID,
    "ETag": {"description": "Of all that the answer shows but the request id.", "schema": {"type": "string"}},
    "X-Reco-Generation": {"description": "The lists that answered.", "schema": {"type": "string"}},
}
_IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "Tags of answers that the caller has; the answer is a 304 where one of them still holds.",
    "schema": {"type": "string"},
}
NO_LOG: Final[Json] = {
    "name": "X-Reco-No-Log",
    "in": "header",
    "description": "Sent with any value, what the answer shows is not logged as served.",
    "schema": {"type": "string"},
}
