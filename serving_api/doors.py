"""Who may come in: keys, their rate limit, and bodies that arrive in time and have a size.

Nobody needs a key where the API listens on loopback only, unless `doors.keys_required`
says so. What the settings say about the address is not enough to trust: a server may
have been started by hand on another one, so the address of each connection's socket
counts as well.
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import Final

from reco_contracts.api_keys import ApiKey
from reco_contracts.doors_settings import DoorsSection
from reco_contracts.logs import get_logger
from serving_api.key_ring import KeyRing
from serving_api.parameters import BadRequestError
from serving_api.request import Request

_log = get_logger(__name__)

OPEN: Final = "open"
_BEARER: Final = "bearer "


class Doors:
    """What stands before every route.

    Args:
        section: the [doors] settings.
        host: the address that the settings let the server listen on.
        ring: the keys.

    Attributes:
        is_open: whether everybody may come in without a key.
    """

    def __init__(self, section: DoorsSection, host: str, ring: KeyRing) -> None:
        """See the class."""
        self.is_open = section.keys_required == "never" or (section.keys_required == "auto" and is_loopback(host))
        self._may_close = section.keys_required == "auto"
        self._section = section
        self._ring = ring
        self._buckets: dict[str, TokenBucket] = {}

    def meet(self, server: Sequence[str | int | None] | None) -> None:
        """Note the address that the server listens on; one that is not loopback closes the doors for good.

        Args:
            server: host and port as ASGI names them; an application that is called in its own process has no port.
        """
        if not (self._may_close and self.is_open and server and server[1] is not None):
            return
        if not is_loopback(str(server[0])):
            self.is_open = False
            _log.warning(
                "API keys are needed: the server does not listen on loopback only",
                address=server[0],
                hint="set RECO_SERVING__HOST to the same address, and add keys with `reco keys add`",
            )

    def warn_without_keys(self) -> None:
        """Say once that nobody can come in, where that is so."""
        if not self.is_open and not self._ring:
            _log.warning("no API key is known, every call gets a 401", hint="make one: `reco keys add NAME`")

    def admit(self, request: Request, access: str) -> None:
        """Let a request in.

        Args:
            request: its body is bounded from now on, in size and time.
            access: what the route asks for.

        Raises:
            BadRequestError: no key or a wrong one (401), one that does not open this (403), too many requests (429).
        """
        if request.method not in ("GET", "HEAD"):
            self._bound_body(request)
        if self.is_open or access == OPEN:
            return
        key = self._known(request)
        request.caller = key.name
        if not key.opens(access):
            raise BadRequestError(
                "forbidden", f"the key {key.name!r} does not open this; it needs {access}", status=403
            )
        self._count(key)

    def _known(self, request: Request) -> ApiKey:
        text = _sent_key(request)
        key = self._ring.find(text) if text else None
        if key is None:
            said = "this key is not known" if text else "a key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY"
            raise BadRequestError("unauthorized", said, status=401, headers=((b"www-authenticate", b"Bearer"),))
        return key

    def _count(self, key: ApiKey) -> None:
        rate = self._section.requests_per_second if key.requests_per_second is None else key.requests_per_second
        if not rate:
            return
        bucket = self._buckets.get(key.name)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key.name] = TokenBucket(rate, rate * self._section.burst_seconds)
        seconds = bucket.take(monotonic())
        if seconds:
            said = f"the key {key.name!r} may do {rate:g} requests a second"
            retry = (b"retry-after", b"%d" % ceil(seconds))
            raise BadRequestError("too_many_requests", said, status=429, headers=(retry,))

    def _bound_body(self, request: Request) -> None:
        read, largest, seconds = (
            request.read_body,
            int(self._section.max_body_mb * 1e6),
            self._section.body_timeout_seconds,
        )

        async def read_in_time(limit: int) -> bytes:
            try:
                async with asyncio.timeout(seconds):
                    return await read(min(limit, largest))
            except TimeoutError as error:
                said = f"the body was not complete within {seconds:g} s"
                raise BadRequestError("too_slow", said, status=408) from error

        request.read_body = read_in_time


class TokenBucket:
    """Requests that a caller may still do: so many a second, and a few at once after a pause.

    Args:
        rate: tokens a second.
        size: tokens that may be kept, at least one.
    """

    __slots__ = ("_at", "_size", "_tokens", "rate")

    def __init__(self, rate: float, size: float) -> None:
        """Begin full."""
        self.rate = rate
        self._size = self._tokens = max(size, 1.0)
        self._at = 0.0

    def take(self, now: float) -> float:
        """Take one token; gives the seconds until there is one, 0 = it was taken."""
        self._tokens = min(self._size, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self.rate
        self._tokens -= 1.0
        return 0.0


@lru_cache(maxsize=64)  # asked with each request
def is_loopback(host: str) -> bool:
    """Whether nobody else than this machine reaches an address; a name counts only if it is localhost."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith(("/", "unix:"))


def _sent_key(request: Request) -> str:
    key = request.header("x-api-key")
    if key:
        return key.strip()
    authorization = request.header("authorization") or ""
    return authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else ""
