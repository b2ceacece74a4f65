"""What the API accepts, landing lands: the same event, with the same id; what landing refuses, the API refuses too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.landing.check_events import check_events
from reco_contracts.event_checks import CheckedEvent, EventRejectedError, check_event
from reco_contracts.events import EventType

NOW = datetime(2024, 5, 2, 12, 0, 0, 123_456, tzinfo=UTC)
HOURS = 24
NAMES = ("user_id", "item_id", "event_id", "currency", "request_id", "surface", "experiment", "variant", "generation")

a_text = st.one_of(
    st.none(),
    st.sampled_from(
        ["u1", " u1 ", "", "  ", "é" * 256, "x" * 257, "a\nb", "a\x9fb", "../..", "*3\r\n$3", "😀", "\u200b"]
    ),
    st.text(max_size=8),
)
a_number = st.one_of(
    st.none(),
    st.sampled_from([0, 1, -1, 3.0, 2.5, -2, 11, 1e-5, 1e-6, 1.5e-7, 1e16, 1e22, 2**31, 2**31 - 1, 10**30, -0.0, 0.1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**40), 2**40),
)
a_time = st.one_of(
    st.sampled_from(
        [
            *("2024-05-02", "2024-05-02T11:22", "2024-05-02 11:22:33.1234567", "2024-05-02T11:22:33,5Z", "2024-13-02"),
            *("2024-05-02T11:22:33 UTC", "2024-05-02T11:22:33+0530", "2024-05-02T11:22-08", "2024-05-02t11:22z"),
            *("2024-05-04", "1970-06-01", "yesterday", "", " 2024-05-02 ", "1714600000", "1714600000000", "0"),
            *(1_714_600_000, 1_714_600_000.25, 1_714_600_000_123, 0, -5, 10**15),
        ]
    ),
    st.datetimes(datetime(1965, 1, 1), datetime(2024, 5, 3, 11)).map(lambda time: time.isoformat()),  # noqa: DTZ001
    st.text(max_size=6),
)
an_event = st.fixed_dictionaries(
    {"user_id": st.one_of(st.just("u1"), a_text), "item_id": st.one_of(st.just("i1"), a_text)},
    optional={
        "event_type": st.one_of(st.sampled_from([*EventType]), st.sampled_from(["Click", " click ", "", None])),
        "occurred_at": a_time,
        **dict.fromkeys(("value", "price", "position", "propensity"), a_number),
        **dict.fromkeys(NAMES[2:], a_text),
    },
)


def landed(line: bytes) -> dict[str, Any] | str:
    """The row that landing makes of a line, or the reason why not."""
    fields = msgspec.json.decode(line)
    record = {name: None if value is None else _as_file_text(value) for name, value in fields.items()}
    frame = pl.DataFrame({"line": [1], "raw": ["raw"], **{k: [v] for k, v in record.items()}}).with_columns(
        pl.col(name).cast(pl.String) for name in record
    )
    frame = frame.with_columns(reason=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
    checked = check_events(frame, NOW + timedelta(hours=HOURS))
    if checked.rejected.height:
        return str(checked.rejected["reason"][0])
    return checked.valid.row(0, named=True)


def _as_file_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, float) else msgspec.json.encode(value).decode()


def posted(event: dict[str, Any]) -> CheckedEvent | str:
    """What the API makes of it, or the reason why not."""
    try:
        return check_event(event, NOW, HOURS)
    except EventRejectedError as error:
        return error.reason.value


@given(an_event)
@settings(max_examples=200, deadline=None)
def test_both_doors_take_the_same_events_and_give_the_same_reasons(event: dict[str, Any]) -> None:
    told = posted(event)
    direct = landed(msgspec.json.encode({"occurred_at": NOW.isoformat()} | event))
    if event.get("occurred_at", "") is None or direct == "bad_time":
        return  # a file may not leave the time out; see the next test for what is no time
    if isinstance(told, str) or isinstance(direct, str):
        assert told == direct
        return
    again = landed(msgspec.json.encode(told.event))
    assert isinstance(again, dict)
    for name, value in direct.items():
        assert again[name] == value, name


@given(a_time)
@settings(max_examples=200, deadline=None)
def test_a_time_that_no_file_may_have_is_none_here_either(time: Any) -> None:
    event = {"user_id": "u", "item_id": "i", "event_type": "view", "occurred_at": time}
    told, direct = posted(event), landed(msgspec.json.encode(event))
    assert (told if isinstance(told, str) else "") == (direct if isinstance(direct, str) else "")


@pytest.mark.parametrize("field", ["user_id", "value", "occurred_at", "position"])
@pytest.mark.parametrize("value", [True, {}, [1], ["a"]])
def test_a_value_of_another_kind_is_refused(field: str, value: Any) -> None:
    event = {"user_id": "u", "item_id": "i", "event_type": "view", "occurred_at": "2024-05-02"} | {field: value}
    assert posted(event) in ("malformed_row", "bad_time")


def test_an_event_without_a_time_happens_now_and_a_key_makes_its_repeat_the_same() -> None:
    event = {"user_id": "u", "item_id": "i", "event_type": "click"}
    later = NOW + timedelta(seconds=3)
    first, again = check_event(event, NOW, HOURS, "key"), check_event(event, later, HOURS, "key")
    assert first.event.occurred_at == "2024-05-02T12:00:00.123456Z"
    assert first.event.event_id == again.event.event_id
    assert check_event(event, NOW, HOURS, "other").event.event_id != first.event.event_id
    assert check_event(event, NOW, HOURS).event.event_id != check_event(event, later, HOURS).event.event_id


@pytest.mark.parametrize("price", [0, 3, 0.1, 1e-4, 1e-5, 1.25e-5, 1e-6, 1.5e-7, 1e15, 1e16, 1.25e22, 5e-324])
def test_an_event_without_an_id_gets_the_one_that_landing_gives_it(price: float) -> None:
    event = {"user_id": "u", "item_id": "é", "event_type": "purchase", "value": 2, "price": price, "position": 3}
    event["occurred_at"] = "2024-05-02T11:22:33.25+02:00"
    told, direct = posted(event), landed(msgspec.json.encode(event))
    assert not isinstance(told, str)
    assert not isinstance(direct, str)
    assert told.event.event_id == direct["event_id"]
