"""What the OpenAPI description says of keys, and of those who have none."""

from collections.abc import Iterator
from typing import Final

from serving_api import schemas
from serving_api.openapi_parts import Json, response

SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key as `reco keys add` printed it."},
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same key."},
}
_OPEN: Final[Json] = {}  # no key is a way in as well


def guard(paths: Json, *, needs_key: bool) -> Json:
    """Paths with what their doors ask for and answer; those outside /v1 are open to everybody.

    Args:
        paths: of the description; changed.
        needs_key: whether the process asks for keys.
    """
    for operation in _guarded(paths):
        operation["security"] = [{name: []} for name in SCHEMES] + ([] if needs_key else [_OPEN])
        operation["responses"] |= {
            "401": response("A key is needed, or this one is not known.", schemas.Error),
            "403": response("The key does not open this.", schemas.Error),
            "429": response("The key asks too often; Retry-After says when to come back.", schemas.Error),
        }
        if "requestBody" in operation:
            operation["responses"]["408"] = response("The body did not come in time.", schemas.Error)
    return paths


def _guarded(paths: Json) -> Iterator[Json]:
    for path, operations in paths.items():
        if path.startswith("/v1/"):
            yield from operations.values()
