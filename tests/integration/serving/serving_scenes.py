"""What the serving tests share: settings for a server, and questions to the API."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import redis

from reco_contracts.settings import Settings, load_settings
from serving_api.api import LookupApi

T = TypeVar("T")


def settings_for(url: str, data: Path, **sections: Any) -> Settings:
    """Settings for one server and data folder."""
    return load_settings(paths={"data": str(data)}, redis={"url": url} | sections.pop("redis", {}), **sections)


def patient(settings: Settings) -> Settings:
    """The same with a store that may take its time, for tests that are not about time."""
    serving = settings.serving.model_copy(update={"read_timeout_seconds": 10.0})
    return settings.model_copy(update={"serving": serving})


def with_api(settings: Settings, scene: Callable[[LookupApi, httpx.AsyncClient], Awaitable[T]]) -> T:
    """Start the API in this process, play a scene with a client on it, and close it."""

    async def play() -> T:
        api = LookupApi(settings)
        await api.start()
        try:
            transport = httpx.ASGITransport(app=api)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://reco") as client:
                return await scene(api, client)
        finally:
            await api.close()

    return asyncio.run(play())


def ask(settings: Settings, *paths: str) -> list[httpx.Response]:
    """Ask the API of these settings, one question after the other."""

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get(path) for path in paths]

    return with_api(settings, scene)


def items_of(response: httpx.Response) -> list[str]:
    """The item ids of a list."""
    assert response.status_code == 200, response.text
    return [item["item_id"] for item in response.json()["items"]]


def generation_keys(client: redis.Redis, settings: Settings, generation: str) -> int:
    """Keys of a generation that are in the store, by a scan (tests may)."""
    namespace = settings.project.namespace
    patterns = tuple(f"{namespace}:{kind}:{generation}:*" for kind in ("lists", "catalogue", "why"))
    return sum(1 for pattern in patterns for _ in client.scan_iter(pattern, count=1_000))


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it does not come about.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.01)
