"""A line in the log for each request that was refused or failed, and never more than so many a second."""

from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from reco_contracts.logs import get_logger

if TYPE_CHECKING:
    from serving_api.answers import Answer
    from serving_api.request import Request

_log = get_logger(__name__)
_FAULT = 500
_UNAVAILABLE = 503  # the store, which is told once by the change of state


class _Detail(msgspec.Struct):
    code: str
    message: str = ""
    field: str | None = None


class _Body(msgspec.Struct):
    error: _Detail


class ErrorLog:
    """Writes what went wrong; the request id is that of the answer's header.

    Args:
        lines_per_second: written at most; the rest is counted.

    Attributes:
        unwritten: lines that were left out.
    """

    def __init__(self, lines_per_second: int) -> None:
        """See the class."""
        self.unwritten = 0
        self._lines_per_second = lines_per_second
        self._second = 0
        self._written = 0

    def note(self, request: "Request", template: str, answer: "Answer", seconds: float) -> None:
        """Write one line, but for a 503; no part of a key, a body or a query is in it.

        Args:
            request: as it came.
            template: of its route.
            answer: what it got.
            seconds: it took.
        """
        if answer.status == _UNAVAILABLE:
            return
        if not self._may_write():
            self.unwritten += 1
            return
        write = _log.error if answer.status >= _FAULT else _log.info
        write(
            "a request was refused" if answer.status < _FAULT else "a request failed",
            request_id=request.request_id,
            method=request.method[:16],
            route=template,
            status=answer.status,
            error=_code(answer.body),
            caller=request.caller or None,
            milliseconds=round(seconds * 1_000, 2),
        )

    def _may_write(self) -> bool:
        second = int(monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        self._written += 1
        return self._written <= self._lines_per_second


def _code(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Body).error.code
    except msgspec.DecodeError:
        return None
