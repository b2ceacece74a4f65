"""Lists out of the store: looked up, named by their source, and answered for where they cannot be read."""

from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.list_codec import first_reason, unpack_list
from reco_contracts.logs import get_logger
from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import NOTHING_RECENT, Recent, unpack_recent
from reco_contracts.surfaces import HOME
from serving_api.answers import Answer
from serving_api.generation import Generation
from serving_api.list_pages import Own
from serving_api.paging import Page, expired
from serving_api.parameters import BadRequestError
from serving_api.redis_pipe import Command
from serving_api.session import NO_SESSION, Session, read_session

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_log = get_logger(__name__)

# What a damaged list raises when it is read.
UNREADABLE = (ContractError, LookupError, ValueError)
_OF_SEGMENT, _PINNED = int(Reason.POPULAR_IN_SEGMENT), int(Reason.PINNED)


class UserReads(NamedTuple):
    """What the store says of a user.

    Attributes:
        value: the packed list; None = there is none.
        missing: the name of what stands in for it.
        recent: what the user did lately.
    """

    value: bytes | None
    missing: str
    recent: Recent


async def read_user(
    api: "LookupApi", generation: Generation, surface: str, user: str, *, is_published: bool = False
) -> UserReads:
    """A user's list and what they did lately, in one round trip; without recent items where those cannot be read.

    A list that was folded in since takes the place of the one that was published, unless
    `is_published` asks for that one: pages that began on its head go on in it.
    """
    if generation.manifest is None:
        return UserReads(None, "fallback", NOTHING_RECENT)
    key, recent_key = generation.list_key(api.live.keys, surface, user), api.live.keys.recent(user)
    of_list: tuple[Command, ...] = () if key is None else (("HGET", key, user),)
    try:
        replies = await api.live.pipe.send_together(("HGETALL", recent_key), *of_list)
    except StoreUnavailableError:
        return UserReads(None, "fallback", NOTHING_RECENT)
    recent = _recent(replies[0])
    folded = None if is_published else recent.folded_list(surface, generation.name)
    value = folded or (replies[1] if key is not None else None)
    return UserReads(None, "fallback", recent) if isinstance(value, Exception) else UserReads(value, "popular", recent)


async def read_recent(api: "LookupApi", user: str) -> Recent:
    """What a user did lately; nothing where the store does not say."""
    try:
        return _recent(await api.live.pipe.send("HGETALL", api.live.keys.recent(user)))
    except StoreUnavailableError:
        return NOTHING_RECENT


def own_list(api: "LookupApi", generation: Generation, surface: str, user: str, reads: UserReads) -> Own:
    """A user's list with what the session brings into it, where the surface is one for it."""
    value, missing, recent = reads
    session = session_of(api, generation, user, recent) if surface in api.session.surfaces else NO_SESSION
    return Own(value, source_of(value), missing, recent, session)


def session_of(api: "LookupApi", generation: Generation, user: str, recent: Recent) -> Session:
    """What a user's latest items would put into a list; neighbours of a dead generation are refreshed behind."""
    if not recent.seeds:
        return NO_SESSION
    if generation is api.live.generation:
        api.events.recent.refresh(generation, user, recent.seeds)
    return read_session(recent, generation.name, api.session, time() * 1_000)


def _recent(reply: Any) -> Recent:
    return unpack_recent(reply) if reply and not isinstance(reply, Exception) else NOTHING_RECENT


async def stored_list(api: "LookupApi", generation: Generation, surface: str, subject: str) -> tuple[bytes | None, str]:
    """A list from the store, and the name of what stands in where there is none."""
    key = generation.list_key(api.live.keys, surface, subject)
    if key is None:
        return None, "popular" if generation.manifest else "fallback"
    try:
        value: Any = await api.live.pipe.send("HGET", key, subject)
    except StoreUnavailableError:
        return None, "fallback"
    return value, "popular"


def check_there(api: "LookupApi", page: Page, value: bytes | None, missing: str) -> None:
    """Check that a list that pages were shown of is still in the store.

    Args:
        api: the process's state.
        page: the one to come.
        value: the packed list; None = there is none.
        missing: what stands in for it; "fallback" where the store did not answer.

    Raises:
        BadRequestError: it is unlinked, and so is the rest of its generation (410).
    """
    if value is None and page.is_own and missing != "fallback" and page.generation is not api.live.generation:
        raise expired()


def source_of(value: bytes | None) -> str:
    """Whose a stored list is: what a segment likes stands first in the list of a user who did nothing yet."""
    reason = first_reason(value) if value else Reason.UNKNOWN
    if value and reason == _PINNED:
        with suppress(*UNREADABLE):  # who reads the list will say so
            reason = next((code for code in unpack_list(value).reasons if code != _PINNED), reason)
    return "segment" if reason == _OF_SEGMENT else "personal"


def answer_or_fallback(api: "LookupApi", build: Any, value: bytes | None, otherwise: str) -> Answer:
    """Build an answer; a stored list that cannot be read is answered for like a store that is down."""
    try:
        answer: Answer = build(value, otherwise)
    except UNREADABLE as error:
        count_unreadable(api, error)
        answer = build(None, "fallback")
    return answer


def count_unreadable(api: "LookupApi", error: Exception) -> None:
    """Note that a stored list cannot be read; only the first one is logged."""
    api.metrics.unreadable_lists += 1
    if api.metrics.unreadable_lists == 1:
        _log.error("a stored list cannot be read; counted from now on", error=repr(error))


def user_surface(name: str | None, generation: Generation) -> str:
    """The surface that a request names, home where it names none.

    Raises:
        BadRequestError: there is no such surface of users.
    """
    known = generation.user_surfaces()
    if name is None or name in known:
        return HOME if name is None else name
    raise BadRequestError(
        "unknown_surface", f"surface {name[:80]!r} is not known; there are: {', '.join(known)}", "surface"
    )
