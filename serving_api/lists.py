"""The routes that give lists of items, of categories, and for everybody; there is always a list and a status 200."""

from typing import TYPE_CHECKING

from reco_contracts.surfaces import ALSO_BOUGHT, NEW, POPULAR, SIMILAR, TRENDING
from serving_api.answers import Answer, json_bytes
from serving_api.fields import read_fields
from serving_api.generation import Generation
from serving_api.list_pages import Own, Wanted, answer_page
from serving_api.paging import find_page
from serving_api.parameters import BadRequestError, id_set, name_or_empty, one, read_id, read_query, whole_number
from serving_api.request import Request
from serving_api.stored_lists import answer_or_fallback, check_there, stored_list

if TYPE_CHECKING:
    from serving_api.api import LookupApi

OF_ITEM = ("limit", "exclude", "cursor", "fields")
OF_POPULAR = ("category", "window", "limit", "exclude", "cursor", "fields")
OF_CATEGORY = ("category", "limit", "exclude", "cursor", "fields")


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
        request: item id in the path; limit, exclude, cursor, fields.

    Raises:
        BadRequestError: an argument is wrong, or the cursor's lists are gone.
    """
    item = read_id(request.segment, "item_id")
    query = read_query(request.query_string, OF_ITEM)
    limit, excluded = api.read_limit(query), id_set(query, "exclude") | {item}
    page = await find_page(api, one(query, "cursor"), f"item|{surface}".encode())
    wanted = Wanted(page, surface, limit, excluded, fields=read_fields(query))
    return await _list_or_popular(api, request, wanted, item, b'"item_id":%b,' % json_bytes(item))


async def _list_of_category(api: "LookupApi", surface: str, request: Request) -> Answer:
    """A category's list, or that of the whole catalogue; its popular items where there is none.

    Args:
        api: the process's state.
        surface: one whose subjects are categories.
        request: category, limit, exclude, cursor, fields.

    Raises:
        BadRequestError: an argument is wrong, or the cursor's lists are gone.
    """
    query = read_query(request.query_string, OF_CATEGORY)
    limit, excluded = api.read_limit(query), id_set(query, "exclude")
    category = name_or_empty(query, "category")
    page = await find_page(api, one(query, "cursor"), f"category|{surface}|{category}".encode())
    wanted = Wanted(page, surface, limit, excluded, category, fields=read_fields(query))
    return await _list_or_popular(api, request, wanted, category, b'"category":%b,' % json_bytes(category or None))


async def _list_or_popular(api: "LookupApi", request: Request, wanted: Wanted, subject: str, members: bytes) -> Answer:
    """A subject's list, else the popular items of a category; `members` are the subject in the answer, as JSON."""
    value, missing = await stored_list(api, wanted.page.generation, wanted.surface, subject)
    check_there(api, wanted.page, value, missing)

    def build(stored: bytes | None, otherwise: str) -> Answer:
        return answer_page(request, wanted, Own(stored, wanted.surface, otherwise), members)

    return answer_or_fallback(api, build, value, missing)


async def popular(api: "LookupApi", request: Request) -> Answer:
    """Popular items, from memory.

    Args:
        api: the process's state.
        request: category, window (days), limit, exclude, cursor, fields.

    Raises:
        BadRequestError: an argument is wrong, or there are no lists for the window.
    """
    query = read_query(request.query_string, OF_POPULAR)
    limit, category, excluded = api.read_limit(query), name_or_empty(query, "category"), id_set(query, "exclude")
    asked = one(query, "window") or ""
    page = await find_page(api, one(query, "cursor"), f"popular|{asked}|{category}".encode())
    window = _window(query, page.generation)
    subject = b'"category":%b,"window_days":%b,' % (json_bytes(category or None), json_bytes(window))
    source = "popular" if api.live.is_current else "fallback"
    own = Own(page.generation.popular_list(category, window), source, source)
    wanted = Wanted(page, POPULAR, limit, excluded, category, has_stand_in=False, fields=read_fields(query))
    return answer_page(request, wanted, own, subject)


def _window(query: dict[str, list[str]], generation: Generation) -> int | None:
    if not generation.windows_days:
        whole_number(query, "window", 0, 1, 36_500)
        return None
    window = whole_number(query, "window", generation.windows_days[0], 1, 36_500)
    if window not in generation.windows_days:
        known = ", ".join(map(str, generation.windows_days))
        raise BadRequestError("unknown_window", f"window {window} is not known; there are, in days: {known}", "window")
    return window
