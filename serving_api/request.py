"""One request, whatever protocol brought it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Request:
    """What a route may know of a request.

    Attributes:
        method: in capitals.
        path: still percent-encoded, so that an id may contain a slash.
        query_string: without the question mark.
        header: the value of a header by its name in lower case; None = it was not sent.
        read_body: the whole body; raises BadRequestError (413) where it has more than so many bytes.
        segment: the id in the path, percent-encoded; of two ids, both with a slash between.
        request_id: of this answer: letters, digits and a dash, which no other request of any process has.
        caller: name of the key that it came with; "" = none.
    """

    method: str
    path: bytes
    query_string: bytes
    header: Callable[[str], str | None]
    read_body: Callable[[int], Awaitable[bytes]]
    segment: bytes = b""
    request_id: str = ""
    caller: str = ""
