"""Keep `NS:recent:<user>` up: what users just did, with what is like it, so that a read needs no second look.

A user's hash is only ever added to, field by field, so that two processes cannot undo
each other's writes; what is too much is taken out behind the request.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.event_checks import CheckedEvent
from reco_contracts.events import EventType
from reco_contracts.folded_codec import FOLDED
from reco_contracts.list_codec import PackedHead, unpack_head
from reco_contracts.logs import get_logger
from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import (
    BOUGHT,
    DISMISSED,
    NO_INDEX,
    SEED,
    Seed,
    field_time,
    pack_mark,
    pack_seed,
    with_neighbours,
)
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.settings import Settings
from reco_contracts.surfaces import ALSO_BOUGHT, SIMILAR
from serving_api.erasure import Eraser
from serving_api.generation import Generation
from serving_api.redis_pipe import Command, RedisPipe

_log = get_logger(__name__)

_KINDS: Final[dict[str, Reason]] = {
    EventType.VIEW: Reason.BECAUSE_VIEWED,
    EventType.CLICK: Reason.BECAUSE_CLICKED,
    EventType.ADD_TO_CART: Reason.BECAUSE_IN_CART,
    EventType.PURCHASE: Reason.BECAUSE_BOUGHT,
    EventType.RATING: Reason.BECAUSE_LIKED,
}
_CONSUMED: Final = (EventType.PURCHASE, EventType.RATING)
_NO_ITEM: Final = FOLDED.encode()
_NOTHING: Final = PackedHead((), (), b"", ())
# So many users' neighbours may be refreshed at once; the others are at their next request.
_MAX_REFRESHING: Final = 256
_HOUR_SECONDS: Final = 3_600
# So many users are written at once; requests that wait get their turn in between.
_USERS_A_TURN: Final = 25
_COMMANDS_A_TURN: Final = 200


class _Did(NamedTuple):
    """What one event says about one item of a user."""

    item_id: str
    at_ms: int
    kind: int | None
    mark: str


class RecentWriter:
    """Writes what users did lately.

    Attributes:
        failed: writes that the store did not take; the events themselves are safe.
        refreshed: users whose neighbours were brought to a new generation.
    """

    def __init__(self, pipe: RedisPipe, settings: Settings, eraser: Eraser) -> None:
        """Prepare.

        Args:
            pipe: for writing; not that of lookups, so that a large batch does not hold them up.
            settings: the namespace, sizes and times.
            eraser: knows who was erased.
        """
        self.failed = 0
        self.refreshed = 0
        self._pipe = pipe
        self._eraser = eraser
        self._keys: RedisKeys = settings.keys
        self._options = settings.session
        self._liked_from = settings.interactions.rating_positive_min
        self._refreshing: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, generation: Generation, events: Sequence[CheckedEvent], now_ms: float) -> asyncio.Task[None]:
        """Begin to note events; what their items are like is looked up in this generation.

        Args:
            generation: the live one.
            events: accepted ones.
            now_ms: milliseconds since 1970; what is older than the hashes live is left out.
        """
        return self._behind(self._write(generation, self._plan(events, now_ms)))

    def refresh(self, generation: Generation, user: str, seeds: Iterable[Seed]) -> None:
        """Bring neighbours of another generation to this one, behind the request that found them.

        Args:
            generation: the live one.
            user: whose they are.
            seeds: of the user; those of this generation are left alone.
        """
        stale = [seed for seed in seeds if seed.generation != generation.name]
        if not stale or user in self._refreshing or len(self._refreshing) >= _MAX_REFRESHING:
            return
        self._refreshing.add(user)
        task = self._behind(self._refresh(generation, user, stale))
        task.add_done_callback(lambda _: self._refreshing.discard(user))

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks)

    def _behind(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (StoreUnavailableError, ContractError) as error:
            self.failed += 1
            if self.failed == 1:
                _log.warning("recent items were not written; counted from now on", error=str(error))

    def _plan(self, events: Sequence[CheckedEvent], now_ms: float) -> dict[str, list[_Did]]:
        """What to note of each user: the latest event of each item, the latest items."""
        oldest_ms = now_ms - self._options.ttl_hours * _HOUR_SECONDS * 1_000
        by_user: dict[str, dict[tuple[str, str], _Did]] = {}
        for event, micros in sorted(events, key=lambda checked: checked.micros):
            at_ms = min(micros // 1_000, int(now_ms))
            if at_ms < oldest_ms:
                continue
            for did in self._did(event.item_id, event.event_type, event.value, at_ms):
                found = by_user.setdefault(event.user_id, {})
                found.pop((did.mark, did.item_id), None)  # the latest comes last
                found[did.mark, did.item_id] = did
        return {user: list(found.values())[-self._options.max_items :] for user, found in by_user.items()}

    def _did(self, item_id: str, event_type: str, value: float | None, at_ms: int) -> list[_Did]:
        noted = []
        if event_type in _CONSUMED:
            noted.append(_Did(item_id, at_ms, None, BOUGHT))
        if event_type == EventType.DISMISS:
            noted.append(_Did(item_id, at_ms, None, DISMISSED))
        is_disliked = event_type == EventType.RATING and (value or 0.0) < self._liked_from
        if event_type in _KINDS and not is_disliked:
            noted.append(_Did(item_id, at_ms, int(_KINDS[event_type]), SEED))
        return noted

    async def _write(self, generation: Generation, plan: dict[str, list[_Did]]) -> None:
        users = list(plan)
        for start in range(0, len(users), _USERS_A_TURN):
            await self._write_some(generation, {user: plan[user] for user in users[start : start + _USERS_A_TURN]})

    async def _write_some(self, generation: Generation, plan: dict[str, list[_Did]]) -> None:
        seeds = {did.item_id: did.kind for dids in plan.values() for did in dids if did.kind is not None}
        neighbours = await self._neighbours(generation, seeds)
        users = list(plan)
        commands = [self._note(user, plan[user], generation, neighbours) for user in users]
        sizes = await self._send([command for of_user in commands for command in of_user])
        await self._take_back(set(users))
        for number, user in enumerate(users):
            size = sizes[3 * number + 2]
            if isinstance(size, int) and size > self._options.max_items:
                await self._trim(user)

    def _note(
        self, user: str, dids: list[_Did], generation: Generation, neighbours: dict[str, PackedHead]
    ) -> list[Command]:
        """The commands that note what a user did: three of them, the last tells how many fields there are."""
        fields: list[str | bytes] = []
        for did in dids:
            if did.kind is None:
                fields += [did.mark + did.item_id, pack_mark(did.at_ms)]
            else:
                seed = Seed(did.item_id, did.kind, did.at_ms, NO_INDEX, "", (), ())
                fields += [SEED + did.item_id, self._packed(seed, generation, neighbours)]
        key = self._keys.recent(user)
        return [("HSET", key, *fields), ("EXPIRE", key, self._options.ttl_hours * _HOUR_SECONDS), ("HLEN", key)]

    def _packed(self, seed: Seed, generation: Generation, neighbours: dict[str, PackedHead]) -> bytes:
        index = generation.catalogue.indices.get(seed.item_id, NO_INDEX)
        like_it = neighbours.get(seed.item_id, _NOTHING)
        return pack_seed(with_neighbours(seed, generation.name or "", index, like_it))

    async def _neighbours(self, generation: Generation, seeds: Mapping[str, int | None]) -> dict[str, PackedHead]:
        """The head of each item's list: what is bought with it if it was bought, else what is like it."""
        asked: list[str] = []
        commands: list[Command] = []
        for item_id, kind in seeds.items():
            surfaces = (ALSO_BOUGHT, SIMILAR) if kind == Reason.BECAUSE_BOUGHT else (SIMILAR,)
            for surface in surfaces:
                key = generation.list_key(self._keys, surface, item_id)
                if key is not None and item_id in generation.catalogue.indices:
                    asked.append(item_id)
                    commands.append(("HGET", key, item_id))
        found: dict[str, PackedHead] = {}
        for item_id, value in zip(asked, await self._send(commands), strict=True):
            if isinstance(value, bytes) and not found.get(item_id, _NOTHING).items:
                found[item_id] = unpack_head(value, self._options.neighbours)
        return found

    async def _refresh(self, generation: Generation, user: str, stale: list[Seed]) -> None:
        neighbours = await self._neighbours(generation, {seed.item_id: seed.kind for seed in stale})
        fields: list[str | bytes] = []
        for seed in stale:
            fields += [SEED + seed.item_id, self._packed(seed, generation, neighbours)]
        key = self._keys.recent(user)
        seconds = self._options.ttl_hours * _HOUR_SECONDS
        # NX: it lives no longer for it, and not for ever where it went a moment ago.
        await self._send([("HSET", key, *fields), ("EXPIRE", key, seconds, "NX")])
        await self._take_back({user})
        self.refreshed += 1

    async def _take_back(self, users: set[str]) -> None:
        """Unlink what was just written of users whose erasure came between: it leaves its tombstone, then unlinks."""
        erased = await self._eraser.erased_among(self._pipe, users)
        await self._send([("UNLINK", self._keys.recent(user)) for user in sorted(erased)])

    async def _trim(self, user: str) -> None:
        """Take the oldest fields out."""
        (flat,) = await self._send([("HGETALL", self._keys.recent(user))])
        fields = zip(flat[0::2], flat[1::2], strict=True)
        by_age = sorted((field_time(value), field) for field, value in fields if not field.startswith(_NO_ITEM))
        surplus = [field for _, field in by_age[: max(len(by_age) - self._options.max_items, 0)]]
        if surplus:
            await self._send([("HDEL", self._keys.recent(user), *surplus)])

    async def _send(self, commands: list[Command]) -> list[Any]:
        """The replies of many commands, in order; an error stands in its place."""
        replies: list[Any] = []
        for start in range(0, len(commands), _COMMANDS_A_TURN):
            replies += await self._pipe.send_together(*commands[start : start + _COMMANDS_A_TURN])
        for reply in replies:
            if isinstance(reply, StoreUnavailableError):
                raise reply
        return replies
