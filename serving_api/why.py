"""The route that says why an item is in a user's list: the contributors that were published with it."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.list_codec import unpack_list
from reco_contracts.signals import Signal
from reco_contracts.surfaces import DEFAULT_VARIANT
from reco_contracts.why_codec import Contributor, unpack_why
from serving_api.answers import Answer, json_answer
from serving_api.catalogue import Catalogue
from serving_api.generation import Generation
from serving_api.parameters import one, read_id, read_query
from serving_api.request import Request
from serving_api.stored_lists import user_surface

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_Json = dict[str, Any]
_EXPLAIN: Final = "`reco explain` has the artifacts to say why, and why not"


async def why(api: "LookupApi", request: Request) -> Answer:
    """Why an item is in a user's list, as far as that was published; status 200 also where it was not.

    Args:
        api: the process's state.
        request: user id and item id in the path, with a slash between; surface.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    first, _, second = request.segment.partition(b"/")
    user, item = read_id(first, "user_id"), read_id(second, "item_id")
    surface = user_surface(one(read_query(request.query_string, ("surface",)), "surface"), generation)
    try:
        found = await _read(api, generation, surface, user, item)
    except (StoreUnavailableError, ContractError, LookupError, ValueError):
        found = _unpublished("the store gives no answer that can be read; ask again later")
    content = {
        "request_id": request.request_id,
        "user_id": user,
        "item_id": item,
        "generation": generation.name,
        "surface": surface,
        "variant": DEFAULT_VARIANT,
    }
    return json_answer(content | found)._replace(generation=generation.name_header)


async def _read(api: "LookupApi", generation: Generation, surface: str, user: str, item: str) -> _Json:
    """Look a list and its contributors up, in one round trip."""
    keys = generation.list_key(api.live.keys, surface, user), generation.why_key(api.live.keys, surface, user)
    replies = [api.live.pipe.send("HGET", key, user) for key in keys if key is not None]
    values: list[Any] = await asyncio.gather(*replies)
    if keys[0] is None or values[0] is None:
        return _unpublished(f"no list of this user is published; {_EXPLAIN}")
    listed = unpack_list(values[0])
    ids = generation.catalogue.ids
    rank = next((at for at, index in enumerate(listed.items) if ids[index] == item), None)
    if rank is None:
        return _unpublished(f"the item is not in the user's published list; {_EXPLAIN}")
    told = {"rank": rank + 1, "reason": generation.catalogue.describe(listed.reasons[rank], listed.seeds[rank])}
    packed = unpack_why(values[1]) if len(values) > 1 and values[1] is not None else []
    if rank >= len(packed):
        return _unpublished(f"contributors are published for the first items of a list alone; {_EXPLAIN}") | told
    contributors = [_contributor(generation.catalogue, part) for part in packed[rank]]
    return {"published": True, "message": None, **told, "contributors": contributors}


def _unpublished(message: str) -> _Json:
    return {"published": False, "message": message, "rank": None, "reason": None, "contributors": []}


def _contributor(catalogue: Catalogue, part: Contributor) -> _Json:
    has_seed = part.seed >= 0
    return {
        "signal": Signal(part.signal).name.lower(),
        "share": round(part.share, 3),
        "seed_item_id": catalogue.ids[part.seed] if has_seed else None,
        "seed_title": catalogue.titles[part.seed] if has_seed else None,
    }
