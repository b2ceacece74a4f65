"""Check rows of dated item and user snapshots."""

from typing import Final

import polars as pl

from jobs.landing.check_records import (
    Parsers,
    Rule,
    control_character,
    missing,
    parsed,
    shown,
    split_records,
    too_long,
    typed_rows,
    unreadable,
)
from jobs.landing.landed_schema import CheckedRecords
from jobs.landing.parse_fields import json_object, number, one_line, text_list, time, whole_number
from reco_contracts.events import RejectReason

_ITEM_PARSERS: Final[Parsers] = {
    "title": one_line,
    "categories": lambda value: text_list(one_line(value)),
    "available_from": time,
    "available_until": time,
    "price": number,
    "min_age": whole_number,
    "markets": text_list,
    "attributes": json_object,
}
_USER_PARSERS: Final[Parsers] = {"birth_year": whole_number}
_EARLIEST_BIRTH_YEAR: Final = 1900


def check_items(records: pl.DataFrame) -> CheckedRecords:
    """Split records into items of the contract and rejected ones.

    `categories` (broad to narrow) and `markets` are JSON arrays or parts
    between `|`; `attributes` is a JSON object. Titles and categories are shown
    to people: control characters in them become spaces.

    Args:
        records: record frame, see `jobs.landing.landed_schema`.
    """
    rules = [
        missing("item_id", RejectReason.MISSING_ITEM),
        *too_long("item_id", "seller", "brand"),
        *control_character("item_id", "seller", "brand"),
        *unreadable(RejectReason.BAD_TIME, "available_from", "available_until"),
        *unreadable(RejectReason.BAD_NUMBER, "price", "min_age"),
        *(Rule(RejectReason.BAD_NUMBER, parsed(name) < 0, shown(name)) for name in ("price", "min_age")),
        *unreadable(RejectReason.MALFORMED_ROW, "categories", "markets", "attributes"),
    ]
    checked = split_records(records, "items", _ITEM_PARSERS, rules)
    return CheckedRecords(typed_rows(checked.valid, "items", _ITEM_PARSERS), checked.rejected)


def check_users(records: pl.DataFrame) -> CheckedRecords:
    """Split records into users of the contract and rejected ones.

    Args:
        records: record frame, see `jobs.landing.landed_schema`.
    """
    rules = [
        missing("user_id", RejectReason.MISSING_USER),
        *too_long("user_id", "market", "segment"),
        *control_character("user_id", "market", "segment"),
        *unreadable(RejectReason.BAD_NUMBER, "birth_year"),
        Rule(RejectReason.BAD_NUMBER, parsed("birth_year") < _EARLIEST_BIRTH_YEAR, shown("birth_year")),
    ]
    checked = split_records(records, "users", _USER_PARSERS, rules)
    return CheckedRecords(typed_rows(checked.valid, "users", _USER_PARSERS), checked.rejected)
