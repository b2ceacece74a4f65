"""The routes that give lists. Whatever the store does, there is a list and a status 200."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.list_codec import first_reason, unpack_list
from reco_contracts.logs import get_logger
from reco_contracts.reasons import Reason
from reco_contracts.surfaces import ALSO_BOUGHT, HOME, NEW, POPULAR, SIMILAR, TRENDING
from serving_api.answers import Answer, json_bytes, list_answer, pick
from serving_api.generation import Generation
from serving_api.parameters import BadRequestError, id_set, name_or_empty, one, read_id, read_query, whole_number
from serving_api.rules import Block, place_pins

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_log = get_logger(__name__)

_RECOMMEND = ("surface", "limit", "category", "exclude")
_SIMILAR = ("limit", "exclude")
_POPULAR = ("category", "window", "limit", "exclude")
_OF_CATEGORY = ("category", "limit", "exclude")
_NOBODY: frozenset[str] = frozenset()
# What a damaged list raises when it is read.
UNREADABLE = (ContractError, LookupError, ValueError)
_OF_SEGMENT, _PINNED = int(Reason.POPULAR_IN_SEGMENT), int(Reason.PINNED)


async def recommend(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:
    """A user's list; items of a category are filled up from its popular list.

    A list with nothing to show (its user has consumed everything, or excludes all of
    it) is answered for like one that is not there: by popular items.

    Args:
        api: the process's state.
        segment: the user id, percent-encoded.
        query_string: surface, limit, category, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    user = read_id(segment, "user_id")
    surface, limit, category, excluded = HOME, api.default_limit, "", _NOBODY
    if query_string:
        query = read_query(query_string, _RECOMMEND)
        limit, category = api.read_limit(query), name_or_empty(query, "category")
        surface, excluded = user_surface(one(query, "surface"), generation), id_set(query, "exclude")
    value, otherwise = await stored_list(api, generation, surface, user)
    subject = b'"user_id":%b,' % json_bytes(user)

    def build(stored: bytes | None, missing: str) -> Answer:
        blocks = _own(generation, stored, source_of(stored), limit, excluded, category)
        held = blocks[0].picked.items if blocks else ()
        if category or not held:
            filled = pick(
                generation.catalogue, generation.popular_list(category), limit - len(held), excluded, taken=held
            )
            blocks.append(Block(filled, missing))
        blocks = place_pins(generation.catalogue, surface, blocks, limit, excluded, category)
        return list_answer(api.request_id(), subject, generation, surface, blocks)

    return _or_fallback(api, build, value, otherwise)


async def similar(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:
    """Items like one item; see `_list_of_item`."""
    return await _list_of_item(api, SIMILAR, segment, query_string)


async def also_bought(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:
    """Items that are bought with one item; see `_list_of_item`."""
    return await _list_of_item(api, ALSO_BOUGHT, segment, query_string)


async def trending(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    """Items that more people choose than usual; see `_list_of_category`."""
    return await _list_of_category(api, TRENDING, query_string)


async def new(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    """Items that came newly; see `_list_of_category`."""
    return await _list_of_category(api, NEW, query_string)


async def _list_of_item(api: "LookupApi", surface: str, segment: bytes, query_string: bytes) -> Answer:
    """An item's list; popular items for an item without one.

    Args:
        api: the process's state.
        surface: one whose subjects are items.
        segment: the item id, percent-encoded.
        query_string: limit, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    item = read_id(segment, "item_id")
    query = read_query(query_string, _SIMILAR)
    limit, excluded = api.read_limit(query), id_set(query, "exclude") | {item}
    members = b'"item_id":%b,' % json_bytes(item)
    return await _list_or_popular(api, generation, surface, item, members, limit, excluded)


async def _list_of_category(api: "LookupApi", surface: str, query_string: bytes) -> Answer:
    """A category's list, or that of the whole catalogue; its popular items where there is none.

    Args:
        api: the process's state.
        surface: one whose subjects are categories.
        query_string: category, limit, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    query = read_query(query_string, _OF_CATEGORY)
    limit, excluded = api.read_limit(query), id_set(query, "exclude")
    category = name_or_empty(query, "category")
    members = b'"category":%b,' % json_bytes(category or None)
    return await _list_or_popular(api, generation, surface, category, members, limit, excluded, category)


async def _list_or_popular(
    api: "LookupApi",
    generation: Generation,
    surface: str,
    subject: str,
    members: bytes,
    limit: int,
    excluded: frozenset[str],
    category: str = "",
) -> Answer:
    """A subject's list, else the popular items of a category; `members` are the subject in the answer, as JSON."""
    value, otherwise = await stored_list(api, generation, surface, subject)

    def build(stored: bytes | None, missing: str) -> Answer:
        blocks = _own(generation, stored, surface, limit, excluded, "")
        if not (blocks and blocks[0].picked.items):
            blocks = [Block(pick(generation.catalogue, generation.popular_list(category), limit, excluded), missing)]
        blocks = place_pins(generation.catalogue, surface, blocks, limit, excluded, category)
        return list_answer(api.request_id(), members, generation, surface, blocks)

    return _or_fallback(api, build, value, otherwise)


async def popular(api: "LookupApi", segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    """Popular items, from memory.

    Args:
        api: the process's state.
        segment: unused.
        query_string: category, window (days), limit, exclude.

    Raises:
        BadRequestError: an argument is wrong, or there are no lists for the window.
    """
    generation = api.live.generation
    query = read_query(query_string, _POPULAR)
    limit, category, excluded = api.read_limit(query), name_or_empty(query, "category"), id_set(query, "exclude")
    window = _window(query, generation)
    value = generation.popular_list(category, window)
    picked = pick(generation.catalogue, value, limit, excluded)
    subject = b'"category":%b,"window_days":%b,' % (json_bytes(category or None), json_bytes(window))
    source = "popular" if api.live.is_current else "fallback"
    blocks = place_pins(generation.catalogue, POPULAR, [Block(picked, source)], limit, excluded, category)
    return list_answer(api.request_id(), subject, generation, POPULAR, blocks)


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


def source_of(value: bytes | None) -> str:
    """Whose a stored list is: what a segment likes stands first in the list of a user who did nothing yet."""
    reason = first_reason(value) if value else Reason.UNKNOWN
    if value and reason == _PINNED:
        with suppress(*UNREADABLE):  # who reads the list will say so
            reason = next((code for code in unpack_list(value).reasons if code != _PINNED), reason)
    return "segment" if reason == _OF_SEGMENT else "personal"


def _own(
    generation: Generation, value: bytes | None, source: str, limit: int, excluded: frozenset[str], category: str
) -> list[Block]:
    if value is None:
        return []
    return [Block(pick(generation.catalogue, value, limit, excluded, category), source)]


def _or_fallback(api: "LookupApi", build: Any, value: bytes | None, otherwise: str) -> Answer:
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
        return name or HOME
    raise BadRequestError(
        "unknown_surface", f"surface {name[:80]!r} is not known; there are: {', '.join(known)}", "surface"
    )


def _window(query: dict[str, list[str]], generation: Generation) -> int | None:
    if not generation.windows_days:
        whole_number(query, "window", 0, 1, 36_500)
        return None
    window = whole_number(query, "window", generation.windows_days[0], 1, 36_500)
    if window not in generation.windows_days:
        known = ", ".join(map(str, generation.windows_days))
        raise BadRequestError("unknown_window", f"window {window} is not known; there are, in days: {known}", "window")
    return window
