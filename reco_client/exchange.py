"""One call from its first attempt to its answer, without a word of how requests travel."""

from typing import Generic, Protocol, TypeVar

import httpx
import msgspec

from reco_client.calls import Call
from reco_client.errors import ApiError, CursorExpiredError, RecoClientError, UnavailableError, UnreadableAnswerError
from reco_client.retries import RETRIED_STATUSES, Retries

T = TypeVar("T")


class _Builder(Protocol):
    """What both of httpx's clients can do."""

    def build_request(
        self, method: str, url: str, *, params: dict[str, str], headers: dict[str, str], content: bytes | None
    ) -> httpx.Request:
        """Make a request with the client's own address and headers."""


class _Detail(msgspec.Struct):
    code: str
    message: str
    field: str | None = None


class _Refusal(msgspec.Struct):
    error: _Detail


class Exchange(Generic[T]):
    """A call, its attempts, and what came of them.

    Args:
        call: what is asked.
        retries: when to ask again.
    """

    def __init__(self, call: Call[T], retries: Retries) -> None:
        """Begin; nothing is sent yet."""
        self._call, self._retries = call, retries
        self._attempts = 0
        self._outcome: T | RecoClientError | None = None

    def request(self, http: _Builder) -> httpx.Request:
        """The request, the same for every attempt."""
        call, content, headers = self._call, None, dict(self._call.headers)
        if call.body is not None:
            content, headers["Content-Type"] = msgspec.json.encode(call.body), "application/json"
        return http.build_request(call.method, call.path, params=call.query, headers=headers, content=content)

    def take(self, response: httpx.Response) -> float | None:
        """Read an answer; gives the seconds to wait before the next attempt, or None: there will be none."""
        self._attempts += 1
        if response.is_success:
            self._outcome = self._read(response)
            return None
        if response.status_code in RETRIED_STATUSES:
            return self._pause(f"answered {response.status_code}", response.headers.get("retry-after"))
        self._outcome = _refusal(response)
        return None

    def failed(self, error: httpx.TransportError) -> float | None:
        """Note that an attempt brought no answer; see `take`."""
        self._attempts += 1
        return self._pause(f"{type(error).__name__}: {error}".rstrip(": "), None)

    def answer(self) -> T:
        """The answer, once no attempt follows.

        Raises:
            RecoClientError: there is none.
        """
        if isinstance(self._outcome, RecoClientError):
            raise self._outcome
        if self._outcome is None:
            raise RecoClientError("the answer was asked for before the last attempt")
        return self._outcome

    def _pause(self, what: str, retry_after: str | None) -> float | None:
        if self._attempts < self._retries.attempts:
            return self._retries.pause(self._attempts, retry_after)
        told = f"{self._call.method} {self._call.path}: {what}, after {self._attempts} attempts"
        self._outcome = UnavailableError(told, self._attempts)
        return None

    def _read(self, response: httpx.Response) -> T | RecoClientError:
        try:
            return msgspec.json.decode(response.content, type=self._call.answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return UnreadableAnswerError(f"{response.request.url}: {error}")


def _refusal(response: httpx.Response) -> RecoClientError:
    try:
        detail = msgspec.json.decode(response.content, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UnreadableAnswerError(f"{response.request.url}: status {response.status_code} without a reason")
    kind = CursorExpiredError if detail.code == "cursor_expired" else ApiError
    request_id = response.headers.get("x-request-id")
    return kind(response.status_code, detail.code, detail.message, detail.field, request_id)
