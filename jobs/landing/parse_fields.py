"""Text to times, numbers and lists, as Polars expressions. What cannot be read becomes null."""

from typing import Final

import msgspec
import polars as pl

from reco_contracts.events import EARLIEST_TIME, FIRST_MILLISECONDS

TIME_FORMS: Final = "ISO 8601 (no zone = UTC), or seconds or milliseconds since 1970"

_ISO: Final = (
    r"^(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minute>\d{2}:\d{2})(?P<second>:\d{2}(?:[.,]\d{1,9})?)?"
    r" ?(?:[Zz]|UTC|(?P<sign>[+-])(?P<zone_hours>[01]\d):?(?P<zone_minutes>[0-5]\d)?)?)?$"
)
_EPOCH: Final = r"^\d{1,14}(?:\.\d{1,9})?$"
_CONTROL: Final = r"\p{Cc}"
_string_list: Final = msgspec.json.Decoder(list[str | None])


def text(column: str) -> pl.Expr:
    """A column without surrounding spaces; null where nothing is left."""
    stripped = pl.col(column).str.strip_chars(" ")
    return pl.when(stripped != "").then(stripped)


def number(value: pl.Expr) -> pl.Expr:
    """Float64; null where the text is no finite number."""
    parsed = value.cast(pl.Float64, strict=False)
    return pl.when(parsed.is_finite()).then(parsed)


def whole_number(value: pl.Expr) -> pl.Expr:
    """Int32; null where the text is no whole number of that size (`3.0` is one)."""
    parsed = number(value)
    return pl.when(parsed == parsed.round()).then(parsed).cast(pl.Int32, strict=False)


def time(value: pl.Expr) -> pl.Expr:
    """Datetime, microseconds, UTC; null where the text is none of `TIME_FORMS` or too early to be true."""
    parsed = pl.coalesce(_iso_time(value), _epoch_time(value))
    return pl.when(parsed >= EARLIEST_TIME).then(parsed)


def text_list(value: pl.Expr) -> pl.Expr:
    """List of String out of a JSON array, or of parts between `|`; blanks are left out; null where it is neither."""
    return value.map_batches(_text_lists, return_dtype=pl.List(pl.String))


def json_object(value: pl.Expr) -> pl.Expr:
    """The text itself; null where it is no JSON object."""
    return value.map_batches(_json_objects, return_dtype=pl.String)


def one_line(value: pl.Expr) -> pl.Expr:
    """Text to be shown: each run of spaces and control characters becomes one space."""
    return value.str.replace_all(r"[\s\p{Cc}]+", " ").str.strip_chars(" ")


def has_control(value: pl.Expr) -> pl.Expr:
    """True where the text holds a control character; they break keys, logs and terminals."""
    return value.str.contains(_CONTROL).fill_null(value=False)


def _text_lists(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_text_list(value) for value in values], dtype=pl.List(pl.String))


def _text_list(value: str | None) -> list[str] | None:
    if value is None:
        return None
    try:
        parts = _string_list.decode(value) if value.startswith("[") else value.split("|")
    except msgspec.DecodeError:
        return None
    return [part.strip() for part in parts if part and part.strip()]


def _json_objects(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_json_object(value) for value in values], dtype=pl.String)


def _json_object(value: str | None) -> str | None:
    try:
        return value if value is not None and isinstance(msgspec.json.decode(value), dict) else None
    except msgspec.DecodeError:
        return None


def _iso_time(value: pl.Expr) -> pl.Expr:
    groups = value.str.extract_groups(_ISO)
    second = pl.coalesce(groups.struct.field("second").str.replace(",", ".", literal=True), pl.lit(":00"))
    written = pl.concat_str(
        groups.struct.field("day"), pl.lit(" "), pl.coalesce(groups.struct.field("minute"), pl.lit("00:00")), second
    )
    local = written.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    minutes = groups.struct.field("zone_hours").cast(pl.Int64) * 60 + groups.struct.field("zone_minutes").cast(
        pl.Int64
    ).fill_null(0)
    offset = pl.when(groups.struct.field("sign") == "-").then(-minutes).otherwise(minutes).fill_null(0)
    return (local - pl.duration(minutes=offset)).dt.replace_time_zone("UTC")


def _epoch_time(value: pl.Expr) -> pl.Expr:
    count = pl.when(value.str.contains(_EPOCH)).then(value).cast(pl.Float64, strict=False)
    micros = pl.when(count < FIRST_MILLISECONDS).then(count * 1e6).otherwise(count * 1e3)
    return micros.round().cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
