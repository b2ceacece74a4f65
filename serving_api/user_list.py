"""The route that gives a user's list. Whatever the store does, there is a list and a status 200."""

from typing import TYPE_CHECKING

from reco_contracts.recent_codec import NOTHING_RECENT
from reco_contracts.surfaces import HOME
from serving_api.answers import Answer, json_bytes
from serving_api.fields import read_fields
from serving_api.list_pages import Wanted, answer_page
from serving_api.paging import Page, find_page
from serving_api.parameters import flag_or_none, id_set, name_or_empty, one, read_id, read_query
from serving_api.request import Request
from serving_api.stored_lists import (
    UserReads,
    answer_or_fallback,
    check_there,
    own_list,
    read_user,
    user_surface,
)

if TYPE_CHECKING:
    from serving_api.api import LookupApi

PARAMETERS = ("surface", "limit", "category", "exclude", "exclude_seen", "cursor", "fields")


async def recommend(api: "LookupApi", request: Request) -> Answer:
    """A user's list; items of a category are filled up from its popular list.

    A list with nothing to show (its user has consumed everything, or excludes all of
    it) is answered for like one that is not there: by popular items.

    Args:
        api: the process's state.
        request: user id in the path; surface, limit, category, exclude, exclude_seen, cursor, fields.

    Raises:
        BadRequestError: an argument is wrong, or the cursor's lists are gone.
    """
    user = read_id(request.segment, "user_id")
    plain = api.plain_lists.find(request.query_string, api.live.generation)
    wanted = plain.wanted if plain else await _wanted(api, request)
    page = wanted.page
    reads = await read_user(api, page.generation, wanted.surface, user, is_published=page.skip > 0)
    if plain and reads.value is not None and reads.recent is NOTHING_RECENT:
        answer = plain.answer(request.request_id, user, reads.value)
        if answer:
            return answer
    check_there(api, page, reads.value, reads.missing)
    subject = b'"user_id":%b,' % json_bytes(user)

    def build(stored: bytes | None, otherwise: str) -> Answer:
        own = own_list(api, page.generation, wanted.surface, user, UserReads(stored, otherwise, reads.recent))
        return answer_page(request, wanted, own, subject, user)

    return answer_or_fallback(api, build, reads.value, reads.missing)


async def _wanted(api: "LookupApi", request: Request) -> Wanted:
    wanted = await _read_wanted(api, request)
    api.plain_lists.remember(request.query_string, wanted)
    return wanted


async def _read_wanted(api: "LookupApi", request: Request) -> Wanted:
    if not request.query_string:
        return Wanted(Page(api.live.generation, _of(HOME, "")), HOME, api.default_limit)
    query = read_query(request.query_string, PARAMETERS)
    category = name_or_empty(query, "category")
    surface = user_surface(one(query, "surface"), api.live.generation)
    page = await find_page(api, one(query, "cursor"), _of(surface, category))
    return Wanted(
        page,
        surface,
        api.read_limit(query),
        id_set(query, "exclude"),
        category,
        category,
        exclude_seen=flag_or_none(query, "exclude_seen"),
        fields=read_fields(query),
    )


def _of(surface: str, category: str) -> bytes:
    return f"user|{surface}|{category}".encode()
