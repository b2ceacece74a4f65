"""How a record is rejected: rules in order, the first that is broken names the reason.

Rules work on a *parsed* frame: the fields are stripped text, and for each field
that is no text there is a column `parsed(field)`, null where it could not be read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from jobs.landing.landed_schema import (
    LANDED_TABLES,
    CheckedRecords,
    complete_records,
    field_names,
    polars_schema,
    repairable_fields,
)
from jobs.landing.parse_fields import has_control, text
from reco_contracts.events import MAX_ID_LENGTH, RejectReason

Parsers = Mapping[str, Callable[[pl.Expr], pl.Expr]]
_SHOWN_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of being wrong.

    Attributes:
        reason: its code.
        broken: Boolean expression; null counts as not broken.
        detail: String expression, what a person needs to see.
    """

    reason: RejectReason
    broken: pl.Expr
    detail: pl.Expr


def split_records(records: pl.DataFrame, kind: str, parsers: Parsers, rules: Sequence[Rule]) -> CheckedRecords:
    """Split a record frame by the first broken rule of each record.

    Args:
        records: see `jobs.landing.landed_schema`.
        kind: events, items or users.
        parsers: how to read the fields that are no text.
        rules: in order of precedence; what the reader rejected comes before all of them.

    Returns:
        Valid rows as a parsed frame; rejected ones with reason, detail and what was read of them.
    """
    stripped = complete_records(records, kind).with_columns(text(name) for name in field_names(kind))
    frame = stripped.with_columns(parse(pl.col(name)).alias(_parsed_name(name)) for name, parse in parsers.items())
    broken = [pl.when(rule.broken).then(pl.lit(rule.reason.value)) for rule in rules]
    judged = frame.with_columns(judgement=pl.coalesce("reason", *broken))
    is_rejected = pl.col("judgement").is_not_null()
    details = [pl.when(rule.broken).then(rule.detail.fill_null("")) for rule in rules]
    rejected = judged.filter(is_rejected).select(
        "line",
        reason="judgement",
        detail=pl.when(pl.col("reason").is_not_null()).then("detail").otherwise(pl.coalesce(details)),
        raw="raw",
        fields=pl.struct(repairable_fields(kind)).struct.json_encode(),
        event_date=parsed("occurred_at").dt.date() if kind == "events" else pl.lit(None, dtype=pl.Date),
    )
    return CheckedRecords(judged.filter(~is_rejected), rejected)


def typed_rows(valid: pl.DataFrame, kind: str, parsers: Parsers, *extra: str) -> pl.DataFrame:
    """The contract's columns of a parsed frame in the contract's types, with `line` and `extra` columns."""
    schema = polars_schema(LANDED_TABLES[kind])
    fields = [
        (parsed(name) if name in parsers else pl.col(name)).cast(schema[name]).alias(name) for name in field_names(kind)
    ]
    return valid.select(*fields, "line", *extra)


def parsed(field: str) -> pl.Expr:
    """The parsed value of a field."""
    return pl.col(_parsed_name(field))


def missing(field: str, reason: RejectReason) -> Rule:
    """The field is empty."""
    return Rule(reason, pl.col(field).is_null(), pl.lit(f"{field} is empty"))


def too_long(*fields: str) -> list[Rule]:
    """A field is longer than an id may be."""
    return [
        Rule(
            RejectReason.ID_TOO_LONG,
            pl.col(field).str.len_chars() > MAX_ID_LENGTH,
            pl.format(f"{field} has {{}} characters, {MAX_ID_LENGTH} are allowed", pl.col(field).str.len_chars()),
        )
        for field in fields
    ]


def control_character(*fields: str) -> list[Rule]:
    """A field holds a control character."""
    return [Rule(RejectReason.CONTROL_CHARACTER, has_control(pl.col(field)), shown(field)) for field in fields]


def unreadable(reason: RejectReason, *fields: str) -> list[Rule]:
    """A field is filled, and its parser could not read it."""
    return [Rule(reason, pl.col(field).is_not_null() & parsed(field).is_null(), shown(field)) for field in fields]


def shown(field: str) -> pl.Expr:
    """`field: its value`, cut short."""
    return pl.format(f"{field}: {{}}", pl.col(field).fill_null("(empty)").str.slice(0, _SHOWN_CHARACTERS))


def _parsed_name(field: str) -> str:
    return f"parsed {field}"
