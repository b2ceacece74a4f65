"""Answers as bytes: the envelope around a list, errors, and the picking of items."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from reco_contracts.list_codec import PackedHead, unpack_head
from reco_contracts.surfaces import DEFAULT_VARIANT
from serving_api.catalogue import Catalogue
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
        request_id: as JSON, as it stands in the body; empty = the answer has none.
        served: what it showed to a user, to be logged.
    """

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    generation: bytes = b""
    source: str = ""
    allow: bytes = b""
    request_id: bytes = b""
    served: tuple[Served, ...] = ()


def pick(
    catalogue: Catalogue,
    value: bytes | None,
    limit: int,
    excluded: frozenset[str] = frozenset(),
    category: str = "",
    taken: Iterable[int] = (),
) -> PackedHead:
    """The first items of a packed list that may be shown; live rules hold in every one.

    Args:
        catalogue: of the list's generation.
        value: the packed list; None = no list.
        limit: items wanted.
        excluded: item ids to leave out.
        category: only items of this category; "" = all.
        taken: item indices that are in the answer already.

    Raises:
        ContractError: the list cannot be read.
        LookupError: it names an item that is not in the catalogue.
    """
    if value is None or limit <= 0:
        return EMPTY
    hidden = catalogue.rules.hidden
    if not (excluded or category or taken):
        head = unpack_head(value, limit)
        if not hidden or hidden.isdisjoint(head.items):
            return head
    whole = unpack_head(value, _WHOLE_LIST)
    held, ids, categories = set(taken), catalogue.ids, catalogue.categories
    keep = [
        at
        for at, item in enumerate(whole.items)
        if item not in held
        and item not in hidden
        and ids[item] not in excluded
        and (not category or category in categories[item])
    ][:limit]
    return PackedHead(
        tuple(whole.items[at] for at in keep),
        tuple(whole.score_codes[at] for at in keep),
        bytes(whole.reasons[at] for at in keep),
        tuple(whole.seeds[at] for at in keep),
    )


def list_answer(
    request_id: bytes, subject: bytes, generation: Generation, surface: str, blocks: list[Block], user: str = ""
) -> Answer:
    """A list as JSON.

    Args:
        request_id: as JSON.
        subject: what the list is for, as JSON members that end with a comma.
        generation: the one that answers.
        surface: the list's surface.
        blocks: items by source, in order; the first block with items names the answer's source.
        user: to whom the list is shown; "" = it is nobody's, and is not logged.

    Raises:
        LookupError: an item, score or reason is not known.
    """
    pieces, source = list_pieces(generation, surface, blocks)
    pieces[0] = _ENVELOPE % (request_id, subject, generation.name_json) + pieces[0]
    pieces.append(b',"cursor":null}')
    served = served_items(user, surface, [block.picked.items for block in blocks]) if user else ()
    return Answer(
        b"".join(pieces), generation=generation.name_header, source=source, request_id=request_id, served=served
    )


def list_pieces(generation: Generation, surface: str, blocks: list[Block]) -> tuple[list[bytes], str]:
    """A list's own members as pieces of JSON, from `surface` to the end of `items`, and its source; see `list_answer`.

    Raises:
        LookupError: an item, score or reason is not known.
    """
    source = next((block.source for block in blocks if block.picked.items), blocks[0].source)
    rank, pieces = 1, [_LIST % (json_bytes(surface), _VARIANT_JSON, source.encode())]
    for picked, name in blocks:
        pieces += generation.catalogue.render(picked, name, rank)
        rank += len(picked.items)
    if rank > 1:
        pieces[-1] = pieces[-1][:-1]  # the comma after the last item
    pieces.append(b"]")
    return pieces, source


def json_answer(content: Any, status: int = 200) -> Answer:
    """Anything else as JSON."""
    return Answer(json_bytes(content), status)


def error_answer(error: BadRequestError, allow: bytes = b"") -> Answer:
    """A mistake of the caller's."""
    detail = {"code": error.code, "message": error.message, "field": error.field}
    return Answer(json_bytes({"error": detail}), error.status, allow=allow)


_VARIANT_JSON: Final = json_bytes(DEFAULT_VARIANT)
_ENVELOPE: Final = b'{"request_id":%b,%b"generation":%b,'
_LIST: Final = b'"surface":%b,"experiment":null,"variant":%b,"propensity":1.0,"source":"%b","items":['
