"""The route that gives many users' lists at once, for jobs such as e-mail; what it shows is not logged."""

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from reco_contracts.surfaces import HOME
from serving_api.answers import Answer, json_bytes, list_pieces
from serving_api.fields import ALL, choose_fields
from serving_api.generation import Generation
from serving_api.list_pages import Own, Wanted, page_blocks
from serving_api.paging import Page
from serving_api.parameters import BadRequestError, check_id, check_ids, check_name
from serving_api.request import Request
from serving_api.rules import Block
from serving_api.stored_lists import UNREADABLE, count_unreadable, own_list, read_user, user_surface

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_MAX_BODY_BYTES: Final = 2 * 2**20
# A round trip each. Rendering a list takes some 30 µs: other requests wait for so many of them at most.
_USERS_AT_ONCE: Final = 25


class BatchRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a batch asks for: the users, and the arguments of a single read that hold for all of them."""

    users: list[str]
    surface: str = HOME
    limit: int | float | None = None  # 4.0 is a whole number in JSON
    category: str | None = None
    exclude: list[str] = []
    exclude_seen: bool | None = None
    fields: list[str] | None = None


_decode = msgspec.json.Decoder(BatchRequest).decode


async def batch(api: "LookupApi", request: Request) -> Answer:
    """Lists of many users, in the order asked for; one generation answers them all.

    Each list has a request id of its own, for a client that posts impressions when its
    mail is opened. Nothing is logged as served.

    Args:
        api: the process's state.
        request: the body holds a `BatchRequest`.

    Raises:
        BadRequestError: the body, or a value in it, is wrong.
    """
    asked = _read(await request.read_body(_MAX_BODY_BYTES), api)
    generation = api.live.generation
    wanted = _wanted(api, asked, generation)
    lists: list[bytes] = []
    for first in range(0, len(asked.users), _USERS_AT_ONCE):
        users = asked.users[first : first + _USERS_AT_ONCE]
        reads = await asyncio.gather(*(read_user(api, generation, wanted.surface, user) for user in users))
        for user, read in zip(users, reads, strict=True):
            lists.append(_render(api, wanted, user, own_list(api, generation, wanted.surface, user, read)))
    request_id = b'"%b"' % request.request_id.encode()
    body = b'{"request_id":%b,"generation":%b,"lists":[%b]}' % (request_id, generation.name_json, b",".join(lists))
    return Answer(body, generation=generation.name_header, request_id=request_id)


def _read(body: bytes, api: "LookupApi") -> BatchRequest:
    try:
        asked = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError("invalid_body", f"JSON with `users` expected: {error}", _field(str(error))) from error
    most = api.max_batch_users
    if not 1 <= len(asked.users) <= most:
        raise BadRequestError("invalid_users", f"1 to {most} users expected, got {len(asked.users)}", "users")
    for user in asked.users:
        check_id(user, "users")
    limit = asked.limit
    if limit is not None and not (1 <= limit <= api.max_limit and limit == int(limit)):
        raise BadRequestError(
            "invalid_limit", f"limit must be a whole number from 1 to {api.max_limit}, got {limit}", "limit"
        )
    return asked


def _field(message: str) -> str | None:
    """The member that a decoder's message names, such as `$.users[0]`."""
    _, _, path = message.partition("`$.")
    name = path.split("`")[0].split("[")[0]
    return name or None


def _wanted(api: "LookupApi", asked: BatchRequest, generation: Generation) -> Wanted:
    category = check_name(asked.category or "", "category")
    return Wanted(
        Page(generation, b""),
        user_surface(asked.surface, generation),
        int(asked.limit or api.default_limit),
        check_ids(asked.exclude, "exclude"),
        category,
        category,
        exclude_seen=asked.exclude_seen,
        fields=ALL if asked.fields is None else choose_fields(asked.fields),
    )


def _render(api: "LookupApi", wanted: Wanted, user: str, own: Own) -> bytes:
    try:
        pieces = _pieces(wanted, page_blocks(wanted, own)[0])
    except UNREADABLE as error:
        count_unreadable(api, error)
        pieces = _pieces(wanted, page_blocks(wanted, own._replace(value=None, missing="fallback"))[0])
    head = b'{"request_id":"%b","user_id":%b,' % (api.new_request_id().encode(), json_bytes(user))
    return b"".join((head, *pieces, b"}"))


def _pieces(wanted: Wanted, blocks: list[Block]) -> list[bytes]:
    return list_pieces(wanted.page.generation, wanted.surface, blocks, wanted.fields)[0]
