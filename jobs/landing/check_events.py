"""Check events against `reco_contracts.events`: one place, vectorised, for every format."""

from datetime import datetime, timedelta
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
from jobs.landing.parse_fields import number, text, time, whole_number
from reco_contracts.events import (
    CONTENT_FIELDS,
    CONTENT_SEPARATOR,
    IMPRESSION_CONTEXT,
    MAX_RATING_STARS,
    OPTIONAL_VALUE_UNIT,
    RETURNED_BELOW_ZERO,
    VALUE_UNIT,
    EventType,
    RejectReason,
    content_ids,
)

_PARSERS: Final[Parsers] = {
    "value": number,
    "occurred_at": time,
    "price": number,
    "position": whole_number,
    "propensity": number,
}
_NAMES: Final = ("user_id", "item_id", "event_id", "currency", "request_id", "surface", "experiment", "variant")
_TYPES: Final = tuple(kind.value for kind in EventType)
_REQUIRED_VALUE: Final = tuple(kind.value for kind in VALUE_UNIT)
_VALUED: Final = (*_REQUIRED_VALUE, *(kind.value for kind in OPTIONAL_VALUE_UNIT))
_RETURNED_BELOW_ZERO: Final = tuple(kind.value for kind in RETURNED_BELOW_ZERO)
_UNITS: Final = tuple(kind.value for kind, unit in VALUE_UNIT.items() if unit == "units")
_DECLINED: Final = (RejectReason.NOT_A_PRODUCT, RejectReason.CANCELLED_WITHOUT_RETURN)


def check_events(records: pl.DataFrame, latest: datetime) -> CheckedRecords:
    """Split records into events of the contract and rejected ones.

    A value on a type that has none (a click with value 1) is left out, not
    rejected. Units below zero are units that came back: a purchase of -2 is a
    return of 2, and so is a return of -2.

    Args:
        records: record frame, see `jobs.landing.landed_schema`.
        latest: UTC; what occurred after it is from the future.

    Returns:
        Events with their `event_date`; rejected records, each with the first reason that applies.
    """
    checked = split_records(_with_returns(records), "events", _PARSERS, _rules(latest))
    rows = typed_rows(checked.valid, "events", _PARSERS, "source_key").with_columns(
        value=pl.when(pl.col("event_type").is_in(_VALUED)).then("value"), event_date=pl.col("occurred_at").dt.date()
    )
    events = rows.with_columns(event_id=pl.coalesce("event_id", _content_ids(rows))).drop("source_key")
    return CheckedRecords(events, checked.rejected)


def latest_time(now: datetime, max_future_hours: int) -> datetime:
    """The last time that is not from the future."""
    return now + timedelta(hours=max_future_hours)


def _with_returns(records: pl.DataFrame) -> pl.DataFrame:
    """Units below zero as a return of so many units."""
    if not {"event_type", "value"} <= {*records.columns}:
        return records
    units = number(text("value"))
    came_back = text("event_type").is_in(_RETURNED_BELOW_ZERO) & (units < 0)
    return records.with_columns(
        event_type=pl.when(came_back).then(pl.lit(EventType.RETURN.value)).otherwise("event_type"),
        value=pl.when(came_back).then((-units).cast(pl.String)).otherwise("value"),
    )


def _rules(latest: datetime) -> list[Rule]:
    known_type = pl.col("event_type").is_in(_TYPES).fill_null(value=False)
    without_context = pl.any_horizontal(pl.col(name).is_null() for name in IMPRESSION_CONTEXT)
    return [
        missing("user_id", RejectReason.MISSING_USER),
        missing("item_id", RejectReason.MISSING_ITEM),
        *too_long(*_NAMES, "generation"),
        *control_character(*_NAMES, "generation"),
        *(Rule(reason, pl.col("declined") == reason.value, pl.col("declined_detail")) for reason in _DECLINED),
        Rule(RejectReason.UNKNOWN_EVENT_TYPE, ~known_type, shown("event_type")),
        Rule(RejectReason.BAD_TIME, parsed("occurred_at").is_null(), shown("occurred_at")),
        Rule(RejectReason.FUTURE_TIME, parsed("occurred_at") > latest, shown("occurred_at")),
        *_value_rules(),
        *unreadable(RejectReason.BAD_NUMBER, "price", "position", "propensity"),
        Rule(RejectReason.BAD_NUMBER, parsed("price") < 0, shown("price")),
        Rule(RejectReason.BAD_NUMBER, parsed("position") < 1, shown("position")),
        Rule(RejectReason.BAD_NUMBER, ~parsed("propensity").is_between(0, 1, closed="right"), shown("propensity")),
        Rule(
            RejectReason.MISSING_CONTEXT,
            (pl.col("event_type") == EventType.IMPRESSION.value) & without_context,
            pl.lit("an impression needs " + ", ".join(IMPRESSION_CONTEXT)),
        ),
    ]


def _value_rules() -> list[Rule]:
    kind, value = pl.col("event_type"), parsed("value")
    too_small = pl.when(kind.is_in(_UNITS)).then(value <= 0).otherwise(value < 0)
    too_large = (kind == EventType.RATING.value) & (value > MAX_RATING_STARS)
    is_missing = kind.is_in(_REQUIRED_VALUE) & pl.col("value").is_null()
    is_bad = pl.col("value").is_not_null() & (value.is_null() | too_small | too_large)
    return [
        Rule(RejectReason.MISSING_VALUE, is_missing, pl.format("a {} needs a value", kind)),
        Rule(RejectReason.BAD_VALUE, kind.is_in(_VALUED) & is_bad, shown("value")),
    ]


def _content_ids(events: pl.DataFrame) -> pl.Series:
    """MD5 of what makes an event the same event, so that exact duplicates share an id."""
    parts = [pl.col(name).dt.epoch("us") if name == "occurred_at" else pl.col(name) for name in CONTENT_FIELDS]
    texts = [part.cast(pl.String).fill_null("") for part in (*parts, pl.col("source_key"))]
    contents = events.select(pl.concat_str(texts, separator=CONTENT_SEPARATOR)).to_series()
    return pl.Series("event_id", content_ids(contents), dtype=pl.String)
