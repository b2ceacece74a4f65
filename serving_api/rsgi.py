"""The lookup API behind granian's own protocol, which saves a request its ASGI dictionaries.

RSGI gives the path decoded, so an id with a slash in it cannot be told from two
segments by looking at the slashes. The routes tell: whatever stands where a template
has its id, is the id.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from serving_api.parameters import BadRequestError
from serving_api.request import Request
from serving_api.routes import ROUTES, Route, find_route

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_ID: Final = re.compile(rb"\{\w+\}")
# Bytes of a path that were not UTF-8; RSGI gives this character for them.
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}".encode()
# Nearly all requests are of this route, and no id in it has a slash.
_MOST_ASKED: Final = b"/recommendations"
_SLASHES: Final = 4


async def serve(api: "LookupApi", scope: Any, protocol: Any) -> None:
    """Answer one request."""
    if api.doors.is_open:
        host, _, port = scope.server.rpartition(":")
        api.doors.meet((host.strip("[]"), port))
    answer, headers = await api.respond(_request(scope, protocol))
    texts = [(name.decode(), value.decode()) for name, value in headers]
    protocol.response_bytes(answer.status, texts, answer.body)  # the server leaves the body out for HEAD


def _request(scope: Any, protocol: Any) -> Request:
    async def read_body(limit: int) -> bytes:
        return await _read_body(protocol, limit)

    query = scope.query_string.encode() if scope.query_string else b""
    method = scope.method
    return Request(method, encode_path(scope.path, method), query, scope.headers.get, read_body)


async def _read_body(protocol: Any, limit: int) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in protocol:
            size += len(piece)
            if size > limit:
                raise BadRequestError("too_large", f"the body has more than {limit:,} bytes", status=413)
            pieces.append(piece)
    except RuntimeError as error:  # granian's errors of a connection are of this kind
        raise BadRequestError("cut_off", "the connection was closed before the body was complete") from error
    return b"".join(pieces)


def encode_path(path: str, method: str) -> bytes:
    """A decoded path as it may have come: percent-encoded, so that an id may contain a slash.

    Args:
        path: decoded.
        method: of the request; a path with slashes to spare is only read as a route that has this method.
    """
    encoded = path.encode().replace(b"%", b"%25")
    if path.isascii() and encoded.count(b"/") == _SLASHES and encoded.endswith(_MOST_ASKED):
        return encoded
    if not path.isascii():
        encoded = encoded.replace(_REPLACED, b"%FF")  # as an id it is refused, for what was sent is not known
    return encoded if find_route(encoded)[0] else _with_slashes_in_ids(encoded, method)


def _with_slashes_in_ids(path: bytes, method: str) -> bytes:
    for route, fixed, pattern in _with_ids():
        match = pattern.fullmatch(path)
        if match and route.operation(method):
            ids = [identifier.replace(b"/", b"%2F") for identifier in match.groups()]
            return b"".join(part for pair in zip(fixed, [*ids, b""], strict=True) for part in pair)
    return path


@lru_cache(maxsize=1)
def _with_ids() -> list[tuple[Route, list[bytes], re.Pattern[bytes]]]:
    """The routes with an id, what of each is fixed, and what its paths look like; the most fixed first."""
    found = []
    for route in ROUTES:
        fixed = _ID.split(route.template.encode())
        if len(fixed) > 1:
            found.append((route, fixed, re.compile(b"(.+?)".join(map(re.escape, fixed)), re.DOTALL)))
    return sorted(found, key=lambda entry: -sum(map(len, entry[1])))
