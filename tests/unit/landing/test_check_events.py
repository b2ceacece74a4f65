import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.landing.check_events import check_events
from jobs.landing.check_snapshots import check_items, check_users
from jobs.landing.landed_schema import CheckedRecords
from reco_contracts.events import MAX_ID_LENGTH, EventType, RejectReason

LATEST = datetime(2026, 3, 2, tzinfo=UTC)
GOOD = {"user_id": "u1", "item_id": "i1", "event_type": "view", "occurred_at": "2026-02-01T10:00:00Z"}
SEEN = GOOD | {"event_type": "impression", "request_id": "r1", "surface": "home", "position": "1"}


def records(*rows: dict[str, str | None]) -> pl.DataFrame:
    names = dict.fromkeys(name for row in rows for name in row)
    fields = {name: pl.Series([row.get(name) for row in rows], dtype=pl.String) for name in names}
    return pl.DataFrame({"line": range(1, len(rows) + 1), "raw": [str(row) for row in rows], **fields})


def check(*rows: dict[str, str | None]) -> CheckedRecords:
    return check_events(records(*rows), LATEST)


def purchase(**changes: str | None) -> dict[str, str | None]:
    return {**GOOD, "event_type": "purchase", "value": "1", **changes}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD | {"user_id": " "}, RejectReason.MISSING_USER),
        (GOOD | {"item_id": None}, RejectReason.MISSING_ITEM),
        (GOOD | {"user_id": "u" * (MAX_ID_LENGTH + 1)}, RejectReason.ID_TOO_LONG),
        (GOOD | {"item_id": "i\t1"}, RejectReason.CONTROL_CHARACTER),
        (GOOD | {"request_id": "r\x00"}, RejectReason.CONTROL_CHARACTER),
        (GOOD | {"event_type": "Purchase"}, RejectReason.UNKNOWN_EVENT_TYPE),
        (GOOD | {"event_type": None}, RejectReason.UNKNOWN_EVENT_TYPE),
        (GOOD | {"occurred_at": "yesterday"}, RejectReason.BAD_TIME),
        (GOOD | {"occurred_at": None}, RejectReason.BAD_TIME),
        (GOOD | {"occurred_at": "2026-03-02T00:00:01Z"}, RejectReason.FUTURE_TIME),
        (GOOD | {"value": "-1"}, RejectReason.BAD_VALUE),
        (purchase(value=None), RejectReason.MISSING_VALUE),
        (purchase(value="0"), RejectReason.BAD_VALUE),
        (purchase(value="NaN"), RejectReason.BAD_VALUE),
        (purchase(value="inf"), RejectReason.BAD_VALUE),
        (purchase(value="two"), RejectReason.BAD_VALUE),
        (purchase(event_type="return", value="0"), RejectReason.BAD_VALUE),
        (purchase(event_type="rating", value="-1"), RejectReason.BAD_VALUE),
        (purchase(event_type="rating", value="nan"), RejectReason.BAD_VALUE),
        (GOOD | {"value": "-inf"}, RejectReason.BAD_VALUE),
        (purchase(value="-inf"), RejectReason.BAD_VALUE),
        (purchase(price="NaN"), RejectReason.BAD_NUMBER),
        (purchase(price="inf"), RejectReason.BAD_NUMBER),
        (SEEN | {"propensity": "nan"}, RejectReason.BAD_NUMBER),
        (SEEN | {"position": "inf"}, RejectReason.BAD_NUMBER),
        (GOOD | {"occurred_at": "1900-01-01"}, RejectReason.BAD_TIME),
        (GOOD | {"event_id": "e" * (MAX_ID_LENGTH + 1)}, RejectReason.ID_TOO_LONG),
        (GOOD | {"generation": "g\x7f"}, RejectReason.CONTROL_CHARACTER),
        (purchase(event_type="rating", value="10.5"), RejectReason.BAD_VALUE),
        (purchase(price="-0.01"), RejectReason.BAD_NUMBER),
        (purchase(price="1,50"), RejectReason.BAD_NUMBER),
        (SEEN | {"position": "0"}, RejectReason.BAD_NUMBER),
        (SEEN | {"position": "1.5"}, RejectReason.BAD_NUMBER),
        (SEEN | {"propensity": "0"}, RejectReason.BAD_NUMBER),
        (SEEN | {"propensity": "1.1"}, RejectReason.BAD_NUMBER),
        (SEEN | {"surface": None}, RejectReason.MISSING_CONTEXT),
        (SEEN | {"request_id": ""}, RejectReason.MISSING_CONTEXT),
        (SEEN | {"position": None}, RejectReason.MISSING_CONTEXT),
    ],
)
def test_each_way_of_being_wrong_has_its_reason(row: dict[str, str | None], reason: RejectReason) -> None:
    checked = check(row)
    assert checked.rejected["reason"].to_list() == [reason]
    assert checked.rejected["detail"][0]


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        GOOD | {"user_id": "u" * MAX_ID_LENGTH},
        GOOD | {"occurred_at": "2026-03-02T00:00:00Z"},
        GOOD | {"value": "0"},
        purchase(value="0.5", price="0"),
        purchase(event_type="rating", value="0"),
        purchase(event_type="rating", value="10"),
        SEEN | {"propensity": "1"},
    ],
)
def test_the_edges_of_the_contract_are_inside(row: dict[str, str | None]) -> None:
    assert check(row).rejected.is_empty()


@pytest.mark.parametrize(
    ("kind", "value"), [("purchase", "-2"), ("purchase", " -2.0"), ("return", "-2"), ("return", "2")]
)
def test_units_below_zero_are_units_that_came_back(kind: str, value: str) -> None:
    (event,) = check(purchase(event_type=kind, value=value)).valid.select("event_type", "value", "event_id").rows()
    (same,) = check(purchase(event_type="return", value="2")).valid.select("event_type", "value", "event_id").rows()
    assert event == same
    assert event[:2] == ("return", 2.0)


def test_a_rejected_record_keeps_what_was_read_of_it_and_its_day() -> None:
    rejected = check(GOOD | {"user_id": None, "source_key": "invoice 1"}, GOOD | {"occurred_at": "soon"}).rejected
    fields = [json.loads(text) for text in rejected["fields"]]
    assert [{name: value for name, value in row.items() if value is not None} for row in fields] == [
        {"item_id": "i1", "event_type": "view", "occurred_at": GOOD["occurred_at"], "source_key": "invoice 1"},
        GOOD | {"occurred_at": "soon"},
    ]
    assert rejected["event_date"].to_list() == [date(2026, 2, 1), None]


@given(
    st.lists(
        st.fixed_dictionaries({name: st.none() | st.text(max_size=8) for name in GOOD})
        | st.fixed_dictionaries(
            {**{name: st.just(value) for name, value in GOOD.items()}, "value": st.text(max_size=5)}
        ),
        min_size=1,
        max_size=10,
    )
)
def test_every_record_is_either_landed_or_rejected_for_a_reason(rows: list[dict[str, str | None]]) -> None:
    rows = [{name: value and value.encode(errors="replace").decode() for name, value in row.items()} for row in rows]
    checked = check(*rows)
    lines = sorted([*checked.valid["line"], *checked.rejected["line"]])
    assert lines == list(range(1, len(rows) + 1))
    assert set(checked.rejected["reason"]) <= set(RejectReason)


def test_equal_content_has_one_id_and_any_difference_another() -> None:
    differing: list[dict[str, str | None]] = [
        GOOD | {"user_id": "u2"},
        GOOD | {"item_id": "i2"},
        GOOD | {"event_type": "click"},
        GOOD | {"occurred_at": "2026-02-01T10:00:00.000001Z"},
        GOOD | {"value": "3"},
        GOOD | {"price": "3"},
        GOOD | {"request_id": "3"},
        GOOD | {"position": "3"},
        GOOD | {"source_key": "3"},
    ]
    ids = check(GOOD, GOOD | {"occurred_at": "2026-02-01 11:00:00+01:00"}, *differing).valid["event_id"].to_list()
    assert ids[0] == ids[1]
    assert len(set(ids)) == 1 + len(differing)
    assert all(len(event_id) == 32 for event_id in ids)


def test_the_id_of_the_source_is_kept() -> None:
    assert check(GOOD | {"event_id": "e-1"}).valid["event_id"].to_list() == ["e-1"]


@pytest.mark.parametrize("kind", [EventType.CLICK, EventType.ADD_TO_CART, EventType.DISMISS])
def test_a_value_on_a_type_that_has_none_is_left_out(kind: EventType) -> None:
    assert check(GOOD | {"event_type": kind.value, "value": "1"}).valid["value"].to_list() == [None]


def test_what_the_reader_rejected_keeps_its_reason() -> None:
    broken = records(GOOD | {"user_id": None}).with_columns(reason=pl.lit("malformed_row"), detail=pl.lit("3 fields"))
    rejected = check_events(broken, LATEST).rejected
    assert rejected.select("reason", "detail").row(0) == ("malformed_row", "3 fields")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"item_id": None}, RejectReason.MISSING_ITEM),
        ({"item_id": "i\n"}, RejectReason.CONTROL_CHARACTER),
        ({"item_id": "i", "brand": "b" * 300}, RejectReason.ID_TOO_LONG),
        ({"item_id": "i", "available_until": "never"}, RejectReason.BAD_TIME),
        ({"item_id": "i", "price": "free"}, RejectReason.BAD_NUMBER),
        ({"item_id": "i", "min_age": "-1"}, RejectReason.BAD_NUMBER),
        ({"item_id": "i", "categories": '["a"'}, RejectReason.MALFORMED_ROW),
        ({"item_id": "i", "attributes": "[]"}, RejectReason.MALFORMED_ROW),
    ],
)
def test_items_are_checked_too(row: dict[str, str | None], reason: RejectReason) -> None:
    assert check_items(records(row)).rejected["reason"].to_list() == [reason]


def test_an_item_keeps_all_that_its_snapshot_says() -> None:
    row = {
        "item_id": "i1",
        "title": " Two\nlines ",
        "categories": "Kitchen|Pans",
        "available_until": "2027-01-01",
        "price": "3.50",
        "min_age": "18",
        "markets": '["DE", "FR"]',
        "attributes": '{"size": 3}',
    }
    item: dict[str, Any] = check_items(records(row)).valid.row(0, named=True)
    assert item["title"] == "Two lines"
    assert item["categories"] == ["Kitchen", "Pans"]
    assert item["markets"] == ["DE", "FR"]
    assert item["available_until"] == datetime(2027, 1, 1, tzinfo=UTC)
    assert (item["price"], item["min_age"], item["attributes"]) == (3.5, 18, '{"size": 3}')


def test_users_are_checked_too() -> None:
    rows = [{"user_id": "u", "birth_year": "1990"}, {"user_id": None}, {"user_id": "v", "birth_year": "90"}]
    checked = check_users(records(*rows))
    assert checked.valid["birth_year"].to_list() == [1990]
    assert checked.rejected["reason"].to_list() == [RejectReason.MISSING_USER, RejectReason.BAD_NUMBER]
