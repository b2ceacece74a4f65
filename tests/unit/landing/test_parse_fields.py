import math
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.landing.parse_fields import number, text_list, time, whole_number
from reco_contracts.events import EARLIEST_TIME

MOMENTS = st.datetimes(
    datetime(1971, 1, 2),  # noqa: DTZ001 - hypothesis takes naive bounds
    datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
    timezones=st.just(UTC),
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def parse_time(written: str) -> datetime | None:
    return pl.select(time(pl.lit(written))).item()


@given(MOMENTS, OFFSETS, st.sampled_from("T "))
def test_any_iso_time_is_the_same_moment_in_utc(moment: datetime, zone: timezone, separator: str) -> None:
    assert parse_time(moment.astimezone(zone).isoformat(separator)) == moment


@given(MOMENTS)
def test_a_time_without_a_zone_is_utc(moment: datetime) -> None:
    assert parse_time(moment.replace(tzinfo=None).isoformat(" ")) == moment


@given(MOMENTS)
def test_seconds_and_milliseconds_since_1970_are_told_apart(moment: datetime) -> None:
    second = moment.replace(microsecond=0)
    if second < datetime(1974, 1, 1, tzinfo=UTC):  # so few milliseconds could as well be seconds
        second = second.replace(year=2001)
    seconds = int(second.timestamp())
    assert parse_time(str(seconds)) == second
    assert parse_time(str(seconds * 1000 + 7)) == second + timedelta(milliseconds=7)


@pytest.mark.parametrize(
    "written",
    ["", "soon", "0", "20240102", "2024-13-01", "2024-02-30 00:00:00", "2024-01-02T25:00:00", "02/01/2024", "-1"],
)
def test_what_is_no_time_or_a_default_is_null(written: str) -> None:
    assert parse_time(written) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser_of_times(written: str) -> None:
    parsed = parse_time(written)
    assert parsed is None or parsed >= EARLIEST_TIME


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_finite_numbers_survive_and_others_are_null(value: float) -> None:
    assert pl.select(number(pl.lit(repr(value)))).item() == (value if math.isfinite(value) else None)


@given(st.integers(-(2**40), 2**40))
def test_whole_numbers_must_fit_32_bits(value: int) -> None:
    expected = value if -(2**31) <= value < 2**31 else None
    assert pl.select(whole_number(pl.lit(str(value)))).item() == expected
    assert pl.select(whole_number(pl.lit(f"{value}.5"))).item() is None


def test_lists_are_json_arrays_or_parts_between_bars() -> None:
    written = pl.Series(['["Kitchen", "Pans & Pots"]', "Kitchen | Pans|", "Kitchen", "[broken", '[{"a": 1}]', None])
    parsed = written.to_frame("list").select(text_list(pl.col("list"))).to_series().to_list()
    assert parsed == [["Kitchen", "Pans & Pots"], ["Kitchen", "Pans"], ["Kitchen"], None, None, None]
