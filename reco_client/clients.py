"""The two clients: the same calls, answered at once or awaited."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from reco_client import calls
from reco_client.calls import Call
from reco_client.exchange import Exchange
from reco_client.retries import Retries

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_TIMEOUT: Final = httpx.Timeout(2.0, connect=1.0)


def _called(make: Callable[P, Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    @wraps(make)
    def call(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(make(*args, **kwargs))

    return call


def _awaited(make: Callable[P, Call[T]]) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    @wraps(make)
    async def call(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(make(*args, **kwargs))

    return call


class Client:
    """Calls that return when the answer is there. Threads may share one.

    Args:
        base_url: the API's address.
        api_key: for an API that asks for one.
        timeout: of one attempt, seconds, or httpx's own kind.
        retries: when to send again.
        transport: another way to the API; for tests.
        sleep: how to wait between two attempts; for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; the first call connects."""
        headers = _headers(api_key)
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, transport=transport)
        self._retries = retries or Retries()
        self._sleep = sleep

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that may help.

        Raises:
            UnavailableError: no answer after all attempts.
            ApiError: the API refused it.
            UnreadableAnswerError: what came back is no answer of the API.
        """
        exchange = Exchange(call, self._retries)
        request = exchange.request(self._http)
        while True:
            try:
                pause = exchange.take(self._http.send(request))
            except httpx.TransportError as error:
                pause = exchange.failed(error)
            if pause is None:
                return exchange.answer()
            self._sleep(pause)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    recommendations = _called(calls.recommendations)
    page = _called(calls.page)
    batch = _called(calls.batch)
    similar = _called(calls.similar)
    also_bought = _called(calls.also_bought)
    popular = _called(calls.popular)
    trending = _called(calls.trending)
    new = _called(calls.new)
    why = _called(calls.why)
    user_features = _called(calls.user_features)
    item_features = _called(calls.item_features)
    send_events = _called(calls.send_events)
    erase_user = _called(calls.erase_user)
    health = _called(calls.health)
    readiness = _called(calls.readiness)


class AsyncClient:
    """Calls to be awaited, for one event loop; arguments as for `Client`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare; the first call connects."""
        headers = _headers(api_key)
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, transport=transport)
        self._retries = retries or Retries()
        self._sleep = sleep

    async def send(self, call: Call[T]) -> T:
        """Send a call; see `Client.send`."""
        exchange = Exchange(call, self._retries)
        request = exchange.request(self._http)
        while True:
            try:
                pause = exchange.take(await self._http.send(request))
            except httpx.TransportError as error:
                pause = exchange.failed(error)
            if pause is None:
                return exchange.answer()
            await self._sleep(pause)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Use it for a block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    recommendations = _awaited(calls.recommendations)
    page = _awaited(calls.page)
    batch = _awaited(calls.batch)
    similar = _awaited(calls.similar)
    also_bought = _awaited(calls.also_bought)
    popular = _awaited(calls.popular)
    trending = _awaited(calls.trending)
    new = _awaited(calls.new)
    why = _awaited(calls.why)
    user_features = _awaited(calls.user_features)
    item_features = _awaited(calls.item_features)
    send_events = _awaited(calls.send_events)
    erase_user = _awaited(calls.erase_user)
    health = _awaited(calls.health)
    readiness = _awaited(calls.readiness)


def _headers(api_key: str | None) -> dict[str, str]:
    return {"User-Agent": "reco-client", **({"Authorization": f"Bearer {api_key}"} if api_key else {})}
