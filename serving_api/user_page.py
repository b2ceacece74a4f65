"""The route that gives several lists for one page, in one round trip to the store."""

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from reco_contracts.list_codec import PackedHead
from reco_contracts.recent_codec import Recent
from reco_contracts.surfaces import POPULAR, SubjectKind, subject_kind
from serving_api.answers import EMPTY, Answer, json_bytes, list_pieces, pick, tagged_answer
from serving_api.fields import Fields, read_fields
from serving_api.generation import Generation
from serving_api.parameters import BadRequestError, flag, flag_or_none, id_set, read_id, read_query, several
from serving_api.request import Request
from serving_api.rules import Block, place_pins
from serving_api.served import served_items
from serving_api.session import NO_SESSION, Session, mix
from serving_api.stored_lists import UNREADABLE, count_unreadable, read_recent, session_of, source_of, stored_list

if TYPE_CHECKING:
    from serving_api.api import LookupApi

PARAMETERS = ("surfaces", "limit", "dedupe", "exclude", "exclude_seen", "fields")


class _Asked(NamedTuple):
    """What the store said of one surface.

    Attributes:
        surface: its name.
        value: the packed list; None = no list.
        source: of its items.
        otherwise: what stands in for it.
    """

    surface: str
    value: bytes | None
    source: str
    otherwise: str


class _Wanted(NamedTuple):
    """What holds for every row of the page.

    Attributes:
        generation: that answers.
        limit: items of a row.
        excluded: item ids to leave out.
        exclude_seen: see `list_pages.Wanted`.
        fields: members of the items.
        session: what the user's latest items put into a row.
        session_surfaces: of which surfaces.
    """

    generation: Generation
    limit: int
    excluded: frozenset[str]
    exclude_seen: bool | None
    fields: Fields
    session: Session = NO_SESSION
    session_surfaces: tuple[str, ...] = ()


class _Row(NamedTuple):
    """A row of the page.

    Attributes:
        rendered: the list as a JSON object.
        items: what it shows, indices.
        source: where they come from.
    """

    rendered: bytes
    items: tuple[int, ...]
    source: str


async def user_page(api: "LookupApi", request: Request) -> Answer:
    """Lists of several surfaces for one user; without `dedupe=false` no item twice, the first surface has it.

    Popular items stand in for the first list only: one row of them is enough. Another
    list that is not there is empty, and its row can be left out.

    Args:
        api: the process's state.
        request: user id in the path; surfaces, limit (of each list), dedupe, exclude, exclude_seen, fields.

    Raises:
        BadRequestError: an argument is wrong.
    """
    generation = api.live.generation
    user = read_id(request.segment, "user_id")
    query = read_query(request.query_string, PARAMETERS)
    surfaces = _surfaces(several(query, "surfaces"), generation)
    limit, excluded = api.read_limit(query), id_set(query, "exclude")
    wanted = _Wanted(generation, limit, excluded, flag_or_none(query, "exclude_seen"), read_fields(query))
    is_deduped = flag(query, "dedupe", default=True)
    asking = asyncio.gather(*(_ask(api, generation, surface, user) for surface in surfaces))
    recent, asked = await asyncio.gather(read_recent(api, user), asking)
    wanted = wanted._replace(
        excluded=excluded | recent.hidden(exclude_seen=wanted.exclude_seen),
        session=session_of(api, generation, user, recent),
        session_surfaces=api.session.surfaces,
    )
    taken: set[int] = set()
    rows: list[_Row] = []
    for one_asked in asked:
        row = _row(api, wanted, _folded_in(one_asked, recent, generation), taken, has_stand_in=not rows)
        if is_deduped:
            taken.update(row.items)
        rows.append(row)
    members = _PAGE % (json_bytes(user), generation.name_json, b",".join(row.rendered for row in rows))
    served = [served_items(user, surface, [row.items]) for surface, row in zip(surfaces, rows, strict=True)]
    return tagged_answer(request.request_id, members, generation, rows[0].source, tuple(chain.from_iterable(served)))


def _surfaces(asked: list[str], generation: Generation) -> list[str]:
    known = generation.page_surfaces()
    names = list(dict.fromkeys(filter(None, asked)))
    if not names:
        raise BadRequestError(
            "invalid_surfaces", f"surfaces must name one or more of {', '.join(known)}, with commas between", "surfaces"
        )
    for name in names:
        if name not in known:
            raise BadRequestError(
                "unknown_surface",
                f"surface {name[:80]!r} is not known for a page; there are: {', '.join(known)}",
                "surfaces",
            )
    return names


async def _ask(api: "LookupApi", generation: Generation, surface: str, user: str) -> _Asked:
    if surface == POPULAR:
        source = "popular" if api.live.is_current else "fallback"
        return _Asked(surface, generation.popular_list(), source, source)
    is_users = subject_kind(surface) is SubjectKind.USER
    value, otherwise = await stored_list(api, generation, surface, user if is_users else "")
    return _Asked(surface, value, source_of(value) if is_users else surface, otherwise)


def _folded_in(asked: _Asked, recent: Recent, generation: Generation) -> _Asked:
    """A list that was made since takes the place of the one that was published."""
    value = recent.folded_list(asked.surface, generation.name)
    return asked if value is None else asked._replace(value=value, source=source_of(value))


def _row(api: "LookupApi", wanted: _Wanted, asked: _Asked, taken: set[int], *, has_stand_in: bool) -> _Row:
    """The items of a row; a list that cannot be read is answered for like a store that is down."""
    otherwise = asked.otherwise
    try:
        picked = _pick(wanted, asked.value, taken)
        if picked.items:
            return _rendered(wanted, asked.surface, Block(picked, asked.source), taken)
    except UNREADABLE as error:
        count_unreadable(api, error)
        otherwise = "fallback"
    popular = _pick(wanted, wanted.generation.popular_list(), taken) if has_stand_in else EMPTY
    return _rendered(wanted, asked.surface, Block(popular, otherwise), taken)


def _pick(wanted: _Wanted, value: bytes | None, taken: set[int]) -> PackedHead:
    return pick(wanted.generation.catalogue, value, wanted.limit, wanted.excluded, taken=taken)


def _rendered(wanted: _Wanted, surface: str, block: Block, taken: set[int]) -> _Row:
    blocks, catalogue = [block], wanted.generation.catalogue
    if surface in wanted.session_surfaces:
        blocks, _ = mix(wanted.session, blocks, wanted.limit, catalogue, wanted.excluded, taken=taken)
    if blocks[0].picked.items:  # a pin makes no row of its own
        blocks = place_pins(catalogue, surface, blocks, wanted.limit, wanted.excluded, taken=taken)
    pieces, source = list_pieces(wanted.generation, surface, blocks, wanted.fields)
    return _Row(b"{%b}" % b"".join(pieces), tuple(item for one in blocks for item in one.picked.items), source)


_PAGE: Final = b'"user_id":%b,"generation":%b,"lists":[%b]}'
