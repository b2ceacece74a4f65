"""The route that gives a user's list. Whatever the store does, there is a list and a status 200."""

from typing import TYPE_CHECKING

from reco_contracts.surfaces import HOME
from serving_api.answers import Answer, json_bytes, list_answer, pick
from serving_api.parameters import id_set, name_or_empty, one, read_id, read_query
from serving_api.request import Request
from serving_api.rules import Block, place_pins
from serving_api.stored_lists import answer_or_fallback, own_block, source_of, stored_list, user_surface

if TYPE_CHECKING:
    from serving_api.api import LookupApi

PARAMETERS = ("surface", "limit", "category", "exclude")
_NOBODY: frozenset[str] = frozenset()


async def recommend(api: "LookupApi", request: Request) -> Answer:
    """A user's list; items of a category are filled up from its popular list.

    A list with nothing to show (its user has consumed everything, or excludes all of
    it) is answered for like one that is not there: by popular items.

    Args:
        api: the process's state.
        request: user id in the path; surface, limit, category, exclude.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    user = read_id(request.segment, "user_id")
    surface, limit, category, excluded = HOME, api.default_limit, "", _NOBODY
    if request.query_string:
        query = read_query(request.query_string, PARAMETERS)
        limit, category = api.read_limit(query), name_or_empty(query, "category")
        surface, excluded = user_surface(one(query, "surface"), generation), id_set(query, "exclude")
    value, otherwise = await stored_list(api, generation, surface, user)
    subject = b'"user_id":%b,' % json_bytes(user)

    def build(stored: bytes | None, missing: str) -> Answer:
        blocks = own_block(generation, stored, source_of(stored), limit, excluded, category)
        held = blocks[0].picked.items if blocks else ()
        if category or not held:
            filled = pick(
                generation.catalogue, generation.popular_list(category), limit - len(held), excluded, taken=held
            )
            blocks.append(Block(filled, missing))
        blocks = place_pins(generation.catalogue, surface, blocks, limit, excluded, category)
        return list_answer(api.request_id(), subject, generation, surface, blocks, user)

    return answer_or_fallback(api, build, value, otherwise)
