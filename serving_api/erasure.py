"""The route that erases a user from the store: every generation, what they did lately, their features.

The tombstone comes first. Landing rejects what streams still hold of the user, a
publisher that is at work looks again before its generation goes live, and the next
run erases the rest. Sent again, the call does the same again.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from reco_contracts.columns import USER_FEATURES
from reco_contracts.errors import ConfigError, ContractError, StoreUnavailableError
from reco_contracts.feast_wire import entity_key
from reco_contracts.logs import get_logger
from reco_contracts.manifests import GenerationManifest, SurfaceManifest, decode_generation_manifest
from reco_contracts.redis_keys import RedisKeys, list_bucket
from reco_contracts.settings import Settings
from reco_contracts.surfaces import SubjectKind, subject_kind
from reco_contracts.tombstones import erasure_key, key_mark, tombstone
from serving_api.answers import Answer, error_answer, json_answer
from serving_api.parameters import BadRequestError, read_id, read_query
from serving_api.redis_pipe import RedisPipe
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_log = get_logger(__name__)

_RETRY_AFTER: Final = ((b"retry-after", b"1"),)
_NEXT: Final = "the next run erases the user from everything at rest"

Commands = list[tuple[str | bytes, ...]]


async def erase_user(api: "LookupApi", request: Request) -> Answer:
    """Erase a user; 200 once nothing is left of them in the store, 503 where that is not sure.

    Args:
        api: the process's state.
        request: user id in the path.

    Raises:
        BadRequestError: the id is wrong, or there are parameters.
    """
    read_query(request.query_string, ())
    user = read_id(request.segment, "user_id")
    try:
        erased = await api.eraser.erase(api.live.patient, user)
    except StoreUnavailableError as error:
        _log.warning("a user was not erased, or not everywhere", error=str(error))
        said = "the store does not answer: the user may not be erased everywhere; send it again"
        return error_answer(BadRequestError("store_unavailable", said, status=503))._replace(headers=_RETRY_AFTER)
    except ConfigError as error:
        _log.error("nobody can be erased here", error=str(error))
        said = "the key of the tombstones cannot be read, or is not the one that others use; it is logged"
        return error_answer(BadRequestError("erasure_key", said, status=503))
    _log.info("a user was erased from the store", request_id=request.request_id, **erased)
    content = {"request_id": request.request_id, "user_id": user, "erased": erased, "next": _NEXT}
    return json_answer(content)


class Eraser:
    """Erases users from the store.

    Args:
        settings: the namespace and the key.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; the key is read when it is needed first."""
        self._keys = settings.keys
        self._settings = settings
        self._key: bytes | None = None
        self._is_told = False

    async def tombstone(self, user: str) -> str:
        """The keyed hash of a user's id.

        Raises:
            ConfigError: there is no key that can be read.
        """
        if self._key is None:
            self._key = await asyncio.to_thread(erasure_key, self._settings.layout, self._settings.erasure.key)
        return tombstone(self._key, user)

    async def erase(self, pipe: RedisPipe, user: str) -> dict[str, int]:
        """Leave a tombstone, then remove every live key of a user.

        Args:
            pipe: a connection whose deadline allows for it.
            user: id.

        Returns:
            What was removed: lists, contributors of lists, keys of recent items and of features.

        Raises:
            StoreUnavailableError: the store does not answer, or refuses.
            ConfigError: the store's tombstones were made with another key.
        """
        await self._leave_tombstone(pipe, user)
        recorded: Any = await pipe.send("HGETALL", self._keys.generations())
        names = (name.decode(errors="replace") for name in recorded[0::2])
        found = map(_manifest, names, recorded[1::2])
        manifests = [manifest for manifest in found if manifest]
        groups: dict[str, Commands] = {
            "lists": [command for one in manifests for command in _of_lists(self._keys, one, user)],
            "why": [command for one in manifests for command in _of_why(self._keys, one, user)],
            "recent": [("UNLINK", self._keys.recent(user))],
            "features": [("UNLINK", entity_key(self._keys.namespace, USER_FEATURES.key[0], user))],
        }
        sent = {name: [pipe.send(*command) for command in commands] for name, commands in groups.items()}
        replies = await asyncio.gather(*(reply for some in sent.values() for reply in some), return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return {name: sum(int(reply.result()) for reply in some) for name, some in sent.items()}

    async def erased_among(self, pipe: RedisPipe, users: set[str]) -> frozenset[str]:
        """Which of some users were erased; nobody, where the store does not say: landing looks again.

        Args:
            pipe: a connection.
            users: ids.
        """
        forgotten = self._keys.forgotten()
        try:
            if not await pipe.send("SCARD", forgotten):
                return frozenset()
            named = sorted(users)
            flags = await pipe.send("SMISMEMBER", forgotten, *[await self.tombstone(user) for user in named])
        except StoreUnavailableError:
            return frozenset()
        except ConfigError as error:
            if not self._is_told:
                self._is_told = True
                _log.error("events of erased users are not told from others before landing", error=str(error))
            return frozenset()
        return frozenset(user for user, flag in zip(named, flags, strict=True) if flag)

    async def _leave_tombstone(self, pipe: RedisPipe, user: str) -> None:
        """Add the tombstone, unless the store holds those of another key."""
        made = await self.tombstone(user)
        mark, forgotten = key_mark(self._key or b""), self._keys.forgotten()
        known, is_same = await asyncio.gather(pipe.send("SCARD", forgotten), pipe.send("SISMEMBER", forgotten, mark))
        if known and not is_same:
            raise ConfigError(
                f"{forgotten} holds {known:,} tombstones of another key than the one in force here ({mark}): give the "
                "API and the jobs the same RECO_ERASURE__KEY"
            )
        await pipe.send("SADD", forgotten, mark, made)


def _manifest(generation: str, value: bytes) -> GenerationManifest | None:
    try:
        return decode_generation_manifest(value)
    except ContractError:  # of another version; nobody reads its keys
        _log.warning("lists of a generation without a readable manifest stay until they expire", generation=generation)
        return None


def _of_lists(keys: RedisKeys, manifest: GenerationManifest, user: str) -> Commands:
    buckets = _buckets(manifest.surfaces, user)
    return [("HDEL", keys.lists(manifest.generation, *place), user) for place in buckets]


def _of_why(keys: RedisKeys, manifest: GenerationManifest, user: str) -> Commands:
    return [("HDEL", keys.why(manifest.generation, *place), user) for place in _buckets(manifest.why, user)]


def _buckets(surfaces: dict[str, dict[str, SurfaceManifest]], user: str) -> list[tuple[str, str, int]]:
    """Surface, variant and bucket of every list that a user can have."""
    return [
        (surface, variant, list_bucket(user, size.buckets))
        for surface, variants in surfaces.items()
        if subject_kind(surface) == SubjectKind.USER
        for variant, size in variants.items()
    ]
