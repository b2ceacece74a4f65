"""The headers of an answer, and the 304 for a caller who has it already."""

from typing import Final

from serving_api.answers import Answer
from serving_api.request import Request

Headers = list[tuple[bytes, bytes]]

_OK: Final = 200
_NOT_MODIFIED: Final = 304
# A list may be kept, by its reader alone, and must be asked for again each time it is shown.
_CACHING: Final = (b"cache-control", b"private, no-cache")


def headers_of(request: Request, answer: Answer) -> Headers:
    """What goes before the body."""
    headers = [(b"x-request-id", request.request_id.encode())]
    if answer.status != _NOT_MODIFIED:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(answer.body)))
    if answer.generation:
        headers.append((b"x-reco-generation", answer.generation))
    if answer.etag:
        headers.append((b"etag", answer.etag))
        headers.append(_CACHING)
    if answer.allow:
        headers.append((b"allow", answer.allow))
    return [*headers, *answer.headers]


def unless_known(request: Request, answer: Answer) -> Answer:
    """The answer, or a 304 without a body where the caller names its tag in If-None-Match."""
    if not answer.etag or answer.status != _OK:
        return answer
    known = request.header("if-none-match")
    if known is None or not _names(known, answer.etag.decode()):
        return answer
    return Answer(b"", _NOT_MODIFIED, generation=answer.generation, source=answer.source, etag=answer.etag)


def _names(known: str, tag: str) -> bool:
    """Whether a list of tags holds one, by the weak comparison (RFC 9110, 8.8.3.2)."""
    tags = {part.strip().removeprefix("W/") for part in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags
