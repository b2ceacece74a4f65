"""Which members an answer's items have: all of them, a choice, or nothing but their ids."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from reco_contracts.list_codec import PackedHead
from serving_api.catalogue import Catalogue, score_texts
from serving_api.parameters import BadRequestError, Query, several

IDS: Final = "ids"
MEMBERS: Final = ("item_id", "title", "categories", "rank", "score", "source", "reason")

Fields = tuple[str, ...]
ALL: Final[Fields] = MEMBERS
LEAN: Final[Fields] = (IDS,)

_json = msgspec.json.encode


def read_fields(query: Query) -> Fields:
    """The members that a request names, in the order of a full item; all where it names none.

    Raises:
        BadRequestError: one of them is none.
    """
    names = several(query, "fields")
    return choose_fields(names) if names else ALL


def choose_fields(names: list[str]) -> Fields:
    """The same for names that are split already; the id is always there.

    Raises:
        BadRequestError: one of them is none.
    """
    if names == [IDS]:
        return LEAN
    strange = next((name for name in names if name not in MEMBERS), None)
    if strange is not None or not names:
        known = f"{', '.join(MEMBERS)}; or {IDS} alone"
        came = "none" if strange is None else repr(strange[:40])
        raise BadRequestError("invalid_fields", f"fields of items expected, {known}; got {came}", "fields")
    chosen = tuple(member for member in MEMBERS if member == "item_id" or member in names)
    return ALL if chosen == ALL else chosen


def render_items(catalogue: Catalogue, picked: PackedHead, source: str, first_rank: int, fields: Fields) -> list[bytes]:
    """The items as pieces of JSON with a comma at the end; see `Catalogue.render`.

    Raises:
        LookupError: an index, a score or a reason code is not known.
    """
    if fields is ALL:
        return catalogue.render(picked, source, first_rank)
    if fields is LEAN:
        texts = catalogue.id_texts
        return [b",".join([texts[item] for item in picked.items]) + b","] if picked.items else []
    columns = [_column(name, catalogue, picked, source, first_rank) for name in fields]
    return [_json(dict(zip(fields, item, strict=True))) + b"," for item in zip(*columns, strict=True)]


def _column(name: str, catalogue: Catalogue, picked: PackedHead, source: str, first_rank: int) -> Iterable[Any]:
    """One member of every item."""
    count = len(picked.items)
    match name:
        case "item_id":
            return map(catalogue.ids.__getitem__, picked.items)
        case "rank":
            return range(first_rank, first_rank + count)
        case "score":
            return [msgspec.Raw(score_texts()[code]) for code in picked.score_codes]
        case "title":
            return map(catalogue.titles.__getitem__, picked.items)
        case "categories":
            return map(catalogue.categories.__getitem__, picked.items)
        case "source":
            return [source] * count
        case _:
            return map(catalogue.describe, picked.reasons, picked.seeds)
