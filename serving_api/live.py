"""Follow the pointer: which generation this process serves, and what is left when the store is gone."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from serving_api.fallback_copy import read_fallback, write_fallback
from serving_api.generation import Generation, load_generation, read_manifest
from serving_api.redis_pipe import RedisPipe
from serving_api.store_address import parse_address

_log = get_logger(__name__)


class Live:
    """The generation that is served, swapped whole, and the connection for lookups.

    Loading has a connection of its own: a catalogue of megabytes would hold up the
    replies behind it.

    Attributes:
        generation: the one to answer from; a request takes it once and keeps it.
        pipe: for lookups, with their short deadline.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; `start` connects and loads."""
        self.generation = Generation()
        self.keys = settings.keys
        address = parse_address(settings.redis)
        connect = settings.redis.connect_timeout_seconds
        self.pipe = RedisPipe(address, settings.serving.read_timeout_seconds, connect, "lookups")
        self._loading = RedisPipe(address, settings.redis.timeout_seconds, connect, "loading")
        self._poll_seconds = settings.serving.poll_seconds
        self._connect_seconds = connect
        self._fallback_path = settings.layout.serving_fallback
        self._watcher: asyncio.Task[None] | None = None
        self._last_error = ""

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to answer from: a generation, or the copy on disk."""
        return self.generation.name is not None

    @property
    def is_current(self) -> bool:
        """Whether the store is up and lists can be looked up in it."""
        return self.pipe.is_up and self.generation.manifest is not None

    async def start(self) -> None:
        """Connect and load; without a store, read the copy on disk. Then keep following."""
        self.pipe.start()
        self._loading.start()
        await self._loading.wait_until_up(self._connect_seconds)
        await self._guarded(self.refresh)
        if not self.is_ready:
            await self._guarded(self._read_copy)
        await self.pipe.wait_until_up(self._connect_seconds if self._loading.is_up else 0.01)
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Stop following and close both connections."""
        if self._watcher:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        await self.pipe.close()
        await self._loading.close()

    async def refresh(self) -> None:
        """Load the live generation if it is not the one that is served; swap in one assignment.

        Raises:
            StoreUnavailableError: the store does not answer; what is served stays.
            ContractError: the generation is incomplete or of another version; what is served stays.
        """
        manifest = await read_manifest(self._loading, self.keys)
        if manifest is None or manifest == self.generation.manifest:
            return
        generation = await load_generation(self._loading, self.keys, manifest)
        self.generation = generation
        self._last_error = ""
        _log.info("generation is live", generation=generation.name, items=len(generation.catalogue))
        try:
            await asyncio.to_thread(write_fallback, self._fallback_path, generation)
        except OSError as error:
            _log.warning(
                "the copy of the popular items was not written", path=str(self._fallback_path), error=str(error)
            )

    async def _read_copy(self) -> None:
        copy = await read_fallback(self._fallback_path)
        if copy:
            self.generation = copy
            _log.warning("serving the last known popular items from disk", generation=copy.name)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._guarded(self.refresh)

    async def _guarded(self, step: Callable[[], Any]) -> None:
        """Run a step; what is wrong is said once, and what is served stays."""
        try:
            await step()
        except StoreUnavailableError:
            pass  # the pipe reports it
        except Exception as error:  # noqa: BLE001 - following must not end, whatever is in the store
            said = str(error) if isinstance(error, ContractError) else repr(error)
            if said != self._last_error:
                self._last_error = said
                _log.error("generation not loaded", error=said)
