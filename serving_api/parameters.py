"""What a request asks for, checked: ids out of paths, values out of query strings."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from reco_contracts.events import MAX_ID_LENGTH

MAX_EXCLUDED: Final = 1_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_FIELDS: Final = 64
_MAX_QUERY_BYTES: Final = 16_384

_NO_IDS: Final[frozenset[str]] = frozenset()

Query = dict[str, list[str]]


class BadRequestError(Exception):
    """A request that cannot be answered as it is put.

    Args:
        code: stable name of the mistake.
        message: what was expected and what came.
        field: the parameter, or None.
        status: HTTP status, 4xx.
        headers: that go with it, such as Retry-After.
    """

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        status: int = 400,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """See the class."""
        super().__init__(message)
        self.code, self.message, self.field, self.status, self.headers = code, message, field, status, headers


def read_id(segment: bytes, field: str) -> str:
    """A user's or item's id out of a path segment.

    Args:
        segment: still percent-encoded.
        field: the name for messages.

    Raises:
        BadRequestError: empty, too long, not UTF-8, or with control characters.
    """
    try:
        identifier = (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
    except UnicodeDecodeError as error:
        raise BadRequestError("invalid_id", f"{field} is not UTF-8", field) from error
    return check_id(identifier, field)


def check_id(identifier: str, field: str) -> str:
    """Check an id that is text already; see `read_id`."""
    if not identifier:
        raise BadRequestError("invalid_id", f"{field} is empty", field)
    if len(identifier) > MAX_ID_LENGTH:
        raise BadRequestError(
            "invalid_id", f"{field} has {len(identifier)} characters, at most {MAX_ID_LENGTH} are allowed", field
        )
    if not identifier.isprintable() and _CONTROL.search(identifier):
        raise BadRequestError("invalid_id", f"{field} has control characters", field)
    return identifier


@lru_cache(maxsize=4_096)
def _parse(query: bytes) -> tuple[tuple[str, str], ...]:
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    return tuple(pairs)


def read_query(query: bytes, allowed: tuple[str, ...]) -> Query:
    """Split a query string.

    Args:
        query: as it came.
        allowed: the parameters of this route; another one is a mistake, and probably a misspelt one.

    Raises:
        BadRequestError: it cannot be read, or names a parameter that the route does not have.
    """
    if not query:
        return {}
    if len(query) > _MAX_QUERY_BYTES:
        raise BadRequestError(
            "invalid_query", f"the query string is longer than {_MAX_QUERY_BYTES:,} bytes", status=414
        )
    try:
        pairs = _parse(query)
    except ValueError as error:
        raise BadRequestError("invalid_query", f"the query string cannot be read: {error}") from error
    values: Query = {}
    for name, value in pairs:
        if name not in allowed:
            known = ", ".join(allowed) or "none"
            raise BadRequestError("unknown_parameter", f"{name!r} is not a parameter here; there are: {known}", name)
        values.setdefault(name, []).append(value)
    return values


def one(query: Query, name: str) -> str | None:
    """The value of a parameter that may be given once; None if it is not.

    Raises:
        BadRequestError: it is given twice.
    """
    values = query.get(name)
    if not values:
        return None
    if len(values) > 1:
        raise BadRequestError("repeated_parameter", f"{name} is given {len(values)} times, once is allowed", name)
    return values[0]


def several(query: Query, name: str) -> list[str]:
    """The values of a parameter that may be given several times, or with commas between; none if it is not given."""
    values = query.get(name)
    return [part for value in values for part in value.split(",")] if values else []


def whole_number(query: Query, name: str, default: int, lowest: int, highest: int) -> int:
    """A number within bounds.

    Raises:
        BadRequestError: it is not a number, or out of bounds.
    """
    text = one(query, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and lowest <= int(text) <= highest):
        raise BadRequestError(
            f"invalid_{name}", f"{name} must be a whole number from {lowest} to {highest}, got {text[:40]!r}", name
        )
    return int(text)


def flag(query: Query, name: str, *, default: bool) -> bool:
    """`true` or `false`.

    Raises:
        BadRequestError: it is neither.
    """
    text = one(query, name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise BadRequestError(f"invalid_{name}", f"{name} must be true or false, got {text[:40]!r}", name)
    return text == "true"


def flag_or_none(query: Query, name: str) -> bool | None:
    """`true` or `false`; None if it is not given.

    Raises:
        BadRequestError: it is neither.
    """
    return None if one(query, name) is None else flag(query, name, default=False)


def name_or_empty(query: Query, name: str) -> str:
    """A name such as a category; "" if it is not given.

    Raises:
        BadRequestError: it is longer than an id may be.
    """
    return check_name(one(query, name) or "", name)


def check_name(text: str, field: str) -> str:
    """Check a name such as a category; see `name_or_empty`."""
    if len(text) > MAX_ID_LENGTH:
        raise BadRequestError(f"invalid_{field}", f"{field} has more than {MAX_ID_LENGTH} characters", field)
    return text


def id_set(query: Query, name: str) -> frozenset[str]:
    """Ids, comma-separated and in repeated parameters.

    Raises:
        BadRequestError: one of them is no id, or there are too many.
    """
    return check_ids(several(query, name), name, may_be_empty=True) if name in query else _NO_IDS


def check_ids(identifiers: list[str], field: str, *, may_be_empty: bool = False) -> frozenset[str]:
    """Check ids that are apart already; see `id_set`. Empty ones, where there may be any, count for nothing."""
    if len(identifiers) > MAX_EXCLUDED:
        raise BadRequestError(
            f"invalid_{field}", f"{field} has {len(identifiers)} ids, at most {MAX_EXCLUDED} are allowed", field
        )
    ids = [identifier for identifier in identifiers if identifier or not may_be_empty]
    for identifier in ids:
        check_id(identifier, field)
    return frozenset(ids)
