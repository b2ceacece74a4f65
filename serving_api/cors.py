"""Web pages of other origins that may call the API from a browser: none, unless the settings name them."""

from collections.abc import Iterable
from typing import Final

from serving_api.answers import Answer
from serving_api.request import Request

Headers = list[tuple[bytes, bytes]]

_REMEMBERED_SECONDS: Final = 600
_ALLOWED_HEADERS: Final = b"authorization, content-type, if-none-match, x-api-key, x-request-id, x-reco-no-log"
_SHOWN_HEADERS: Final = b"etag, retry-after, x-reco-generation, x-request-id"


class CrossOrigin:
    """The origins of `doors.cors_origins`.

    Args:
        origins: scheme and host, as browsers send them.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        """See the class."""
        self._origins = frozenset(origins)

    def headers(self, request: Request) -> Headers:
        """What an answer says to a browser; nothing to a page that is not named."""
        if not self._origins:
            return []
        vary = (b"vary", b"origin")
        origin = request.header("origin")
        if origin not in self._origins or origin is None:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin.encode()),
            (b"access-control-expose-headers", _SHOWN_HEADERS),
        ]

    def preflight(self, request: Request, allow: bytes) -> Answer | None:
        """The answer to a browser that asks beforehand; None where it is no such question, or not for this page.

        Args:
            request: the question.
            allow: methods of the path.
        """
        if request.method != "OPTIONS" or not self._origins or request.header("origin") not in self._origins:
            return None
        if request.header("access-control-request-method") is None:
            return None
        return Answer(
            b"",
            204,
            headers=(
                (b"access-control-allow-methods", allow),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", b"%d" % _REMEMBERED_SECONDS),
            ),
        )
