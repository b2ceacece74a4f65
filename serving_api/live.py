"""Follow the store: which generation and which rules this process serves, and what is left when the store is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.live_rules import LiveRules
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from serving_api.fallback_copy import read_fallback, read_rules_copy, write_fallback, write_rules_copy
from serving_api.generation import Generation, load_generation, read_manifest
from serving_api.key_ring import KeyRing
from serving_api.redis_pipe import RedisPipe
from serving_api.rules import RuleIndex, index_rules, read_rules
from serving_api.served_log import ServedLog
from serving_api.state import Seen, StateLog, look
from serving_api.store_address import parse_address
from serving_api.store_watch import StoreWatch

_log = get_logger(__name__)


class Live:
    """The generation that is served, swapped whole, and the connection for lookups.

    Loading has a connection of its own: a catalogue of megabytes would hold up the
    replies behind it.

    Attributes:
        generation: the one to answer from; a request takes it once and keeps it.
        previous: the one before, for further pages of lists that were begun on it.
        pipe: for lookups, with their short deadline.
        rules: the last good live rules.
        broken_rules: how often the rules in the store could not be read.
        watch: how the store does, and whether lookups leave it alone.
        is_store_empty: whether the store answers and has no generation.
        key_ring: the API keys that are known.
        states: what state this process is in, and since when.
        served_log: takes what was served.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; `start` connects and loads."""
        self.generation = Generation()
        self.previous: Generation | None = None
        self.rules = LiveRules()
        self.broken_rules = 0
        self.keys = settings.keys
        address = parse_address(settings.redis)
        connect = settings.redis.connect_timeout_seconds
        self.watch = StoreWatch(settings.breaker)
        self.key_ring = KeyRing(settings.doors.keys, settings.layout.serving_keys)
        self.states = StateLog()
        self.is_store_empty = False
        self.pipe = RedisPipe(address, settings.serving.read_timeout_seconds, connect, "lookups", self.watch)
        self._loading = RedisPipe(address, settings.redis.timeout_seconds, connect, "loading")
        self.served_log = ServedLog(
            RedisPipe(address, settings.redis.timeout_seconds, connect, "served log"), settings.keys, settings.served
        )
        self._poll_seconds = settings.serving.poll_seconds
        self._connect_seconds = connect
        self._fallback_path = settings.layout.serving_fallback
        self._rules_path = settings.layout.serving_rules
        self._keys_path = settings.layout.serving_keys
        self._rules_version = b""
        self._watchers: list[asyncio.Task[None]] = []
        self._last_errors: dict[str, str] = {}

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to answer from: a generation, or the copy on disk."""
        return self.generation.name is not None

    @property
    def is_current(self) -> bool:
        """Whether the store is up and lists can be looked up in it."""
        return self.pipe.is_up and not self.watch.is_open and self.generation.manifest is not None

    @property
    def patient(self) -> RedisPipe:
        """The connection with the longer deadline, for what is no lookup."""
        return self._loading

    def look(self) -> Seen:
        """The state of now; a change is written down."""
        seen = look(self)
        self.states.note(seen, self.generation.name)
        return seen

    def known(self, name: str) -> Generation | None:
        """The generation of this name, if it is live or was live before."""
        return next((one for one in (self.generation, self.previous) if one and one.name == name), None)

    async def start(self) -> None:
        """Connect and load; without a store, read the copy on disk. Then keep following."""
        self.pipe.start()
        self._loading.start()
        self.served_log.start()
        await self._loading.wait_until_up(self._connect_seconds)
        # First, so that nothing is served before it is known what may not be, and to whom.
        await self._guarded("keys", self.refresh_keys)
        if not self.key_ring.is_from_store:
            await self._guarded("keys", self._read_keys_copy)
        await self._guarded("rules", self.refresh_rules)
        if not self._rules_version:
            await self._guarded("rules", self._read_rules_copy)
        await self._guarded("generation", self.refresh)
        if not self.is_ready:
            await self._guarded("generation", self._read_copy)
        await self.pipe.wait_until_up(self._connect_seconds if self._loading.is_up else 0.01)
        loop = asyncio.get_running_loop()
        self.look()
        # Rules and keys do not wait while a large catalogue is loaded.
        steps = (("generation", self.refresh), ("rules", self.refresh_rules), ("keys", self.refresh_keys))
        self._watchers = [loop.create_task(self._watch(*step)) for step in (*steps, ("state", self._note_state))]
        self._watchers.append(loop.create_task(self.watch.mend(lambda: self.pipe.probe("PING"))))

    async def close(self) -> None:
        """Stop following and close both connections."""
        for watcher in self._watchers:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
        await self.served_log.close()
        await self.pipe.close()
        await self._loading.close()

    async def refresh(self) -> None:
        """Load the live generation if it is not the one that is served; swap in one assignment.

        Raises:
            StoreUnavailableError: the store does not answer; what is served stays.
            ContractError: the generation is incomplete or of another version; what is served stays.
        """
        manifest = await read_manifest(self._loading, self.keys)
        self.is_store_empty = manifest is None
        if manifest is None or manifest == self.generation.manifest:
            return
        is_back = self.previous is not None and self.previous.manifest == manifest  # after a rollback
        if not is_back:
            self.previous = None  # never three catalogues in memory, and its lists are unlinked by now
        await self._serve(self.previous or await load_generation(self._loading, self.keys, manifest))
        generation = self.generation
        self._last_errors.pop("generation", None)
        _log.info("generation is live", generation=generation.name, items=len(generation.catalogue))
        try:
            await asyncio.to_thread(write_fallback, self._fallback_path, generation)
        except OSError as error:
            _log.warning(
                "the copy of the popular items was not written", path=str(self._fallback_path), error=str(error)
            )

    async def refresh_rules(self) -> None:
        """Read the live rules if they are others than those that hold; swap in one assignment.

        Raises:
            StoreUnavailableError: the store does not answer; the rules that hold stay.
            ContractError: the value cannot be read; the rules that hold stay.
        """
        try:
            found = await read_rules(self._loading, self.keys, self._rules_version)
        except ContractError:
            self.broken_rules += 1
            raise
        except StoreUnavailableError:
            self.broken_rules += self._loading.is_up  # it answers, but with no rules
            raise
        self._last_errors.pop("rules", None)
        if found is None:
            return
        rules, version = found
        await self._hold(rules)
        self._rules_version = version
        _log.info("rules hold", version=rules.version, hidden=len(rules.hidden), pins=len(rules.pins))
        try:
            await asyncio.to_thread(write_rules_copy, self._rules_path, rules)
        except OSError as error:
            _log.warning("the copy of the rules was not written", path=str(self._rules_path), error=str(error))

    async def refresh_keys(self) -> None:
        """Read the API keys.

        Raises:
            StoreUnavailableError: the store does not answer; the keys that are known stay.
            ContractError: a key cannot be read; the keys that are known stay.
        """
        try:
            await self.key_ring.refresh(self._loading, self.keys)
        except OSError as error:
            _log.warning("the copy of the API keys was not written", path=str(self._keys_path), error=str(error))
        self._last_errors.pop("keys", None)

    async def _read_keys_copy(self) -> None:
        if await self.key_ring.read_copy():
            _log.warning("the last known API keys hold, from disk", keys=len(self.key_ring))

    async def _note_state(self) -> None:
        self.look()

    async def _hold(self, rules: LiveRules) -> None:
        """Let rules hold for the generation that is served, also if another one comes meanwhile, and the one before."""
        self.rules, generation, index = rules, None, RuleIndex()
        while generation is not self.generation:
            generation = self.generation
            index = await index_rules(rules, generation.catalogue)
        self.generation.catalogue.rules = index
        if previous := self.previous:  # by its name: another one may take its place while this waits
            index = await index_rules(rules, previous.catalogue)
            previous.catalogue.rules = index

    async def _serve(self, generation: Generation) -> None:
        """Serve a generation with the rules that hold, also if others come meanwhile."""
        rules = None
        while rules is not self.rules:
            rules = self.rules
            generation.catalogue.rules = await index_rules(rules, generation.catalogue)
        if self.generation.manifest and self.generation.name != generation.name:
            self.previous = self.generation
        self.generation = generation

    async def _read_rules_copy(self) -> None:
        rules = await asyncio.to_thread(read_rules_copy, self._rules_path)
        if rules:
            await self._hold(rules)
            _log.warning("holding the last known rules from disk", version=rules.version)

    async def _read_copy(self) -> None:
        copy = await read_fallback(self._fallback_path)
        if copy:
            await self._serve(copy)
            _log.warning("serving the last known popular items from disk", generation=copy.name)

    async def _watch(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._guarded(what, step)

    async def _guarded(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step; what is wrong is said once, and what is served stays."""
        try:
            await step()
        except StoreUnavailableError:
            pass  # the pipe reports it
        except Exception as error:  # noqa: BLE001 - following must not end, whatever is in the store
            said = str(error) if isinstance(error, ContractError) else repr(error)
            if said != self._last_errors.get(what):
                self._last_errors[what] = said
                _log.error(f"{what} not loaded", error=said)
