"""The routes that give lists of items, of categories, and for everybody; there is always a list and a status 200."""

from typing import TYPE_CHECKING

from reco_contracts.surfaces import ALSO_BOUGHT, NEW, POPULAR, SIMILAR, TRENDING
from serving_api.answers import Answer, json_bytes, list_answer, pick
from serving_api.generation import Generation
from serving_api.parameters import BadRequestError, id_set, name_or_empty, read_id, read_query, whole_number
from serving_api.request import Request
from serving_api.rules import Block, place_pins
from serving_api.stored_lists import answer_or_fallback, own_block, stored_list

if TYPE_CHECKING:
    from serving_api.api import LookupApi

OF_ITEM = ("limit", "exclude")
OF_POPULAR = ("category", "window", "limit", "exclude")
OF_CATEGORY = ("category", "limit", "exclude")


async def similar(api: "LookupApi", request: Request) -> Answer:
    """Items like one item; see `_list_of_item`."""
    return await _list_of_item(api, SIMILAR, request)


async def also_bought(api: "LookupApi", request: Request) -> Answer:
    """Items that are bought with one item; see `_list_of_item`."""
    return await _list_of_item(api, ALSO_BOUGHT, request)


async def trending(api: "LookupApi", request: Request) -> Answer:
    """Items that more people choose than usual; see `_list_of_category`."""
    return await _list_of_category(api, TRENDING, request)


async def new(api: "LookupApi", request: Request) -> Answer:
    """Items that came newly; see `_list_of_category`."""
    return await _list_of_category(api, NEW, request)


async def _list_of_item(api: "LookupApi", surface: str, request: Request) -> Answer:
    """An item's list; popular items for an item without one.

    Args:
        api: the process's state.
        surface: one whose subjects are items.
        request: item id in the path; limit, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    item = read_id(request.segment, "item_id")
    query = read_query(request.query_string, OF_ITEM)
    limit, excluded = api.read_limit(query), id_set(query, "exclude") | {item}
    members = b'"item_id":%b,' % json_bytes(item)
    return await _list_or_popular(api, generation, surface, item, members, limit, excluded)


async def _list_of_category(api: "LookupApi", surface: str, request: Request) -> Answer:
    """A category's list, or that of the whole catalogue; its popular items where there is none.

    Args:
        api: the process's state.
        surface: one whose subjects are categories.
        request: category, limit, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    query = read_query(request.query_string, OF_CATEGORY)
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
        blocks = own_block(generation, stored, surface, limit, excluded, "")
        if not (blocks and blocks[0].picked.items):
            blocks = [Block(pick(generation.catalogue, generation.popular_list(category), limit, excluded), missing)]
        blocks = place_pins(generation.catalogue, surface, blocks, limit, excluded, category)
        return list_answer(api.request_id(), members, generation, surface, blocks)

    return answer_or_fallback(api, build, value, otherwise)


async def popular(api: "LookupApi", request: Request) -> Answer:
    """Popular items, from memory.

    Args:
        api: the process's state.
        request: category, window (days), limit, exclude.

    Raises:
        BadRequestError: an argument is wrong, or there are no lists for the window.
    """
    generation = api.live.generation
    query = read_query(request.query_string, OF_POPULAR)
    limit, category, excluded = api.read_limit(query), name_or_empty(query, "category"), id_set(query, "exclude")
    window = _window(query, generation)
    value = generation.popular_list(category, window)
    picked = pick(generation.catalogue, value, limit, excluded)
    subject = b'"category":%b,"window_days":%b,' % (json_bytes(category or None), json_bytes(window))
    source = "popular" if api.live.is_current else "fallback"
    blocks = place_pins(generation.catalogue, POPULAR, [Block(picked, source)], limit, excluded, category)
    return list_answer(api.request_id(), subject, generation, POPULAR, blocks)


def _window(query: dict[str, list[str]], generation: Generation) -> int | None:
    if not generation.windows_days:
        whole_number(query, "window", 0, 1, 36_500)
        return None
    window = whole_number(query, "window", generation.windows_days[0], 1, 36_500)
    if window not in generation.windows_days:
        known = ", ".join(map(str, generation.windows_days))
        raise BadRequestError("unknown_window", f"window {window} is not known; there are, in days: {known}", "window")
    return window
