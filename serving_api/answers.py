"""Answers as bytes: the envelope around a list, errors, and the picking of items."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
from mmh3 import mmh3_x64_128_uintdigest

from reco_contracts.list_codec import PackedHead, list_length, unpack_head
from reco_contracts.surfaces import DEFAULT_VARIANT
from serving_api.catalogue import Catalogue
from serving_api.fields import ALL, LEAN, Fields, render_items
from serving_api.generation import Generation
from serving_api.parameters import BadRequestError
from serving_api.rules import Block
from serving_api.served import Served, served_items

JSON: Final = b"application/json"
HTML: Final = b"text/html; charset=utf-8"
EMPTY: Final = PackedHead((), (), b"", ())
_WHOLE_LIST: Final = 65_535

json_bytes = msgspec.json.encode


class Answer(NamedTuple):
    """What a route gives.

    Attributes:
        body: the bytes to send.
        status: HTTP status.
        content_type: of the body.
        generation: for the header X-Reco-Generation; empty = no header.
        source: of a list, for the metrics.
        allow: for the header Allow.
        etag: of what is shown, for the header ETag; empty = the answer cannot be kept.
        request_id: as JSON, as it stands in the body; empty = the answer has none.
        served: what it showed to a user, to be logged.
        headers: any others.
    """

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    generation: bytes = b""
    source: str = ""
    allow: bytes = b""
    etag: bytes = b""
    request_id: bytes = b""
    served: tuple[Served, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Picked(NamedTuple):
    """Items out of a packed list.

    Attributes:
        head: the items.
        has_more: whether more of the list may be shown.
        is_plain: whether they stand in the list as they stand here, with nothing left out.
    """

    head: PackedHead
    has_more: bool
    is_plain: bool


def pick(
    catalogue: Catalogue,
    value: bytes | None,
    limit: int,
    excluded: frozenset[str] = frozenset(),
    category: str = "",
    taken: Iterable[int] = (),
) -> PackedHead:
    """The first items of a packed list that may be shown; see `pick_page`."""
    return pick_page(catalogue, value, limit, excluded, category, taken).head


def pick_page(
    catalogue: Catalogue,
    value: bytes | None,
    limit: int,
    excluded: frozenset[str] = frozenset(),
    category: str = "",
    taken: Iterable[int] = (),
    skip: int = 0,
) -> Picked:
    """Items of a packed list that may be shown; live rules hold in every one.

    Args:
        catalogue: of the list's generation.
        value: the packed list; None = no list.
        limit: items wanted.
        excluded: item ids to leave out.
        category: only items of this category; "" = all.
        taken: item indices that are in the answer already, or were in an earlier page.
        skip: places at the list's beginning that were in an earlier page.

    Raises:
        ContractError: the list cannot be read.
        LookupError: it names an item that is not in the catalogue.
    """
    if value is None:
        return _NOTHING
    hidden = catalogue.rules.hidden
    if not (excluded or category or taken):
        head = unpack_head(value, skip + limit)
        if not hidden or hidden.isdisjoint(head.items):
            has_more = list_length(value) > skip + limit
            return Picked(_without_first(head, skip) if skip else head, has_more, is_plain=True)
    whole = _without_first(unpack_head(value, _WHOLE_LIST), skip)
    held, ids, categories = set(taken), catalogue.ids, catalogue.categories
    keep = [
        at
        for at, item in enumerate(whole.items)
        if item not in held
        and item not in hidden
        and ids[item] not in excluded
        and (not category or category in categories[item])
    ]
    has_more = len(keep) > limit
    del keep[limit:]
    head = PackedHead(
        tuple(whole.items[at] for at in keep),
        tuple(whole.score_codes[at] for at in keep),
        bytes(whole.reasons[at] for at in keep),
        tuple(whole.seeds[at] for at in keep),
    )
    return Picked(head, has_more, is_plain=False)


def _without_first(head: PackedHead, skip: int) -> PackedHead:
    return PackedHead(head.items[skip:], head.score_codes[skip:], head.reasons[skip:], head.seeds[skip:])


def list_answer(
    request_id: str,
    subject: bytes,
    generation: Generation,
    surface: str,
    blocks: list[Block],
    user: str = "",
    *,
    fields: Fields = ALL,
    first_rank: int = 1,
    cursor: bytes = b"null",
) -> Answer:
    """A list as JSON.

    Args:
        request_id: of this answer.
        subject: what the list is for, as JSON members that end with a comma.
        generation: the one that answers.
        surface: the list's surface.
        blocks: items by source, in order; the first block with items names the answer's source.
        user: to whom the list is shown; "" = it is nobody's, and is not logged.
        fields: members of the items.
        first_rank: rank of the first item.
        cursor: where the next page begins, as JSON.

    Raises:
        LookupError: an item, score or reason is not known.
    """
    pieces, source = list_pieces(generation, surface, blocks, fields, first_rank)
    pieces[0] = _ENVELOPE % (subject, generation.name_json) + pieces[0]
    pieces.append(b',"cursor":%b}' % cursor)
    served = served_items(user, surface, [block.picked.items for block in blocks], first_rank) if user else ()
    return tagged_answer(request_id, b"".join(pieces), generation, source, served)


def tagged_answer(
    request_id: str, members: bytes, generation: Generation, source: str, served: tuple[Served, ...]
) -> Answer:
    """An answer with a tag of all that it shows; the request id, new each time, is not part of that.

    Args:
        request_id: of this answer.
        members: the answer's other members as JSON, with the closing brace.
        generation: the one that answers.
        source: of the first list.
        served: what it shows to a user.
    """
    tag = b'W/"%016x"' % (mmh3_x64_128_uintdigest(members) & _TAG_BITS)
    own_id = b'"%b"' % request_id.encode()
    return Answer(
        b'{"request_id":%b,%b' % (own_id, members),
        generation=generation.name_header,
        source=source,
        etag=tag,
        request_id=own_id,
        served=served,
    )


def list_pieces(
    generation: Generation, surface: str, blocks: list[Block], fields: Fields = ALL, first_rank: int = 1
) -> tuple[list[bytes], str]:
    """A list's own members as pieces of JSON, from `surface` to the end of `items`, and its source; see `list_answer`.

    Raises:
        LookupError: an item, score or reason is not known.
    """
    source = next((block.source for block in blocks if block.picked.items), blocks[0].source)
    rank, pieces = first_rank, [_opening(surface, source, fields)]
    if fields is ALL and len(blocks) > _FEW_BLOCKS:
        pieces += generation.catalogue.render_mixed(blocks, rank)
        rank += sum(len(block.picked.items) for block in blocks)
        blocks = []
    for picked, block_source in blocks:
        pieces += render_items(generation.catalogue, picked, block_source, rank, fields)
        rank += len(picked.items)
    if rank > first_rank:
        pieces[-1] = pieces[-1][:-1]  # the comma after the last item
    pieces.append(b"]")
    return pieces, source


def list_opening(generation: Generation, surface: str, source: str, fields: Fields) -> bytes:
    """The members of a list's answer between its subject and its items."""
    return _ENVELOPE % (b"", generation.name_json) + _opening(surface, source, fields)


def _opening(surface: str, source: str, fields: Fields) -> bytes:
    name = _ITEM_IDS if fields is LEAN else _ITEMS
    return _LIST % (json_bytes(surface), _VARIANT_JSON, source.encode(), name)


def json_answer(content: Any, status: int = 200) -> Answer:
    """Anything else as JSON."""
    return Answer(json_bytes(content), status)


def error_answer(error: BadRequestError, allow: bytes = b"") -> Answer:
    """A mistake of the caller's."""
    detail = {"code": error.code, "message": error.message, "field": error.field}
    return Answer(json_bytes({"error": detail}), error.status, allow=allow, headers=error.headers)


_VARIANT_JSON: Final = json_bytes(DEFAULT_VARIANT)
_ENVELOPE: Final = b'%b"generation":%b,'
_LIST: Final = b'"surface":%b,"experiment":null,"variant":%b,"propensity":1.0,"source":"%b",%b['
_ITEMS: Final = b'"items":'
_ITEM_IDS: Final = b'"item_ids":'
# From so many turns of sources on, their items are rendered at once.
_FEW_BLOCKS: Final = 2
_TAG_BITS: Final = 2**64 - 1
_NOTHING: Final = Picked(EMPTY, has_more=False, is_plain=True)
