"""Rejected rows are looked at, repaired and landed again, and every line is counted once."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.landing.import_log import run_import_snapshot
from jobs.landing.landed_schema import polars_schema, repairable_fields
from jobs.landing.ledger import LedgerEntry, read_entries
from jobs.landing.list_files import run as list_files
from jobs.landing.read_quarantine import Choice, read_fields, run_list, run_show
from jobs.landing.read_repaired import read_repaired
from jobs.landing.replay_rows import run as replay
from jobs.landing.unland_files import run as unland
from reco_contracts.columns import QUARANTINE
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,value,occurred_at"
LINES = [
    "u1,i1,view,,2026-02-01T10:00:00Z",
    ",i1,view,,2026-02-01T11:00:00Z",
    "u2,i2,view,,soon",
    "u3,i3",
    "u4,i4,view,,2026-02-03T10:00:00Z",
    ",i5,purchase,2,2026-02-04T10:00:00Z",
    "u6,i6,view,,2026-02-03T10:00:00Z",
    "u7,i7,view,,2026-02-03T10:00:00Z",
]
ALL = Choice()


@pytest.fixture
def log(tmp_path: Path, land: Callable[..., Any]) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([HEADER, *LINES]) + "\n")
    land(path)
    return path


@pytest.fixture
def export(settings: Settings, tmp_path: Path) -> Callable[..., Path]:
    """Exports the quarantine with some rows repaired: reason -> changed fields; other rows as they are."""

    def run(repairs: dict[str, dict[str, str | None]], name: str = "rows.jsonl", choice: Choice = ALL) -> Path:
        path = tmp_path / name
        run_show(settings, choice, None, path)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row | repairs.get(row["reason"], {})) + "\n" for row in rows))
        return path

    return run


def totals(settings: Settings) -> tuple[int, int, int]:
    """Lines of the sources, landed rows and rows in quarantine, of the files in force."""
    listed = list_files(settings)
    return listed["lines_in"], listed["landed"], listed["quarantined"]


def test_list_counts_by_file_and_reason(settings: Settings, log: Path) -> None:
    listed = run_list(settings, ALL)
    assert [(row["reason"], row["rows"], row["first_line"]) for row in listed["rows"]] == [
        ("missing_user", 2, 3),
        ("bad_time", 1, 4),
        ("malformed_row", 1, 5),
    ]
    assert listed["quarantined_by_reason"] == {"bad_time": 1, "malformed_row": 1, "missing_user": 2}


def test_show_gives_the_raw_text_of_the_chosen_rows(settings: Settings, log: Path) -> None:
    shown = run_show(settings, Choice(file="log.csv", reason="missing_user"), None, None)
    assert [(row["line"], row["raw"]) for row in shown["rows"]] == [(3, LINES[1]), (7, LINES[5])]
    limited = run_show(settings, ALL, 1, None)
    assert (limited["quarantined"], limited["shown"]) == (4, 1)
    with pytest.raises(ContractError, match="reco files"):
        run_show(settings, Choice(file="other.csv"), None, None)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_an_export_carries_what_a_person_needs_to_repair(
    settings: Settings, log: Path, tmp_path: Path, name: str
) -> None:
    run_show(settings, Choice(reason="missing_user"), 1, tmp_path / name)
    rows = pl.read_ndjson(tmp_path / name) if name.endswith("jsonl") else pl.read_csv(tmp_path / name)
    (row,) = rows.to_dicts()
    assert (row["line"], row["reason"], row["raw"]) == (3, "missing_user", LINES[1])
    assert (row["user_id"], row["item_id"], row["event_type"]) == (None, "i1", "view")
    assert {*repairable_fields("events")} < {*row}


def test_an_export_is_never_written_over_or_empty(settings: Settings, log: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="exists already"):
        run_show(settings, ALL, None, log)
    with pytest.raises(ContractError, match=r"\.jsonl or \.csv"):
        run_show(settings, ALL, None, tmp_path / "rows.xlsx")
    with pytest.raises(EmptyPartitionError, match="nothing was exported"):
        run_show(settings, Choice(reason="bad_value"), None, tmp_path / "rows.jsonl")


def test_repaired_rows_are_landed_under_their_own_lines(
    settings: Settings, log: Path, export: Callable[..., Path], landed: Callable[..., pl.DataFrame]
) -> None:
    summary = replay(
        export({"missing_user": {"user_id": "u9"}, "bad_time": {"occurred_at": "2026-01-05"}}), settings, NOW
    )
    assert (summary["rows"], summary["landed"], summary["still_broken"]) == (4, 3, 1)
    assert summary["examples"] == ["line 5 of log.csv: malformed_row (not changed: 2 fields, the header has 5)"]
    original, repaired = sorted(read_entries(settings.layout), key=lambda entry: entry.revision)
    assert (repaired.replays, repaired.lines_in, repaired.landed) == (original.file_sha, 3, 3)
    assert repaired.event_dates == [date(2026, 1, 5), date(2026, 2, 1), date(2026, 2, 4)]
    rows = landed().filter(pl.col("file_sha") == repaired.file_sha)
    assert rows.select("line", "user_id", "event_type", "value").rows() == [
        (3, "u9", "view", None),
        (4, "u2", "view", None),
        (7, "u9", "purchase", 2.0),
    ]
    assert totals(settings) == (8, 7, 1)
    assert run_list(settings, ALL)["quarantined_by_reason"] == {"malformed_row": 1}


def test_replaying_twice_lands_nothing_twice(settings: Settings, log: Path, export: Callable[..., Path]) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    replay(path, settings, NOW)
    before = {file: file.read_bytes() for file in settings.layout.root.rglob("*") if file.is_file()}
    again = replay(path, settings, NOW + timedelta(days=1))
    assert (again["landed"], again["already_replayed"], again["still_broken"]) == (0, 2, 2)
    assert {file: file.read_bytes() for file in settings.layout.root.rglob("*") if file.is_file()} == before


def test_a_second_repair_of_the_same_file_lands_only_what_is_new(
    settings: Settings, log: Path, export: Callable[..., Path], landed: Callable[..., pl.DataFrame]
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    replay(path, settings, NOW)
    path.write_text(path.read_text().replace('"u9"', '"other"').replace('"soon"', '"2026-02-02"'))
    second = replay(path, settings, NOW)
    assert (second["landed"], second["already_replayed"], second["still_broken"]) == (1, 2, 1)
    assert "other" not in landed()["user_id"].to_list()
    assert totals(settings) == (8, 7, 1)


def test_unlanding_a_replay_brings_its_rows_back_to_quarantine(
    settings: Settings, log: Path, export: Callable[..., Path]
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    replay(path, settings, NOW)
    unland(str(path), settings, NOW)
    assert totals(settings) == (8, 4, 4)
    with pytest.raises(ContractError, match="replay them again"):
        unland(str(path), settings, NOW, is_undo=True)
    assert replay(path, settings, NOW)["landed"] == 2
    assert totals(settings) == (8, 6, 2)


def test_a_row_that_is_not_product_lands_only_when_someone_changed_it(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], export: Callable[..., Path]
) -> None:
    """Postage has a customer, a code and a price: only the importer knows that it is no product."""
    path = tmp_path / "retail.csv"
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    sold, postage = "1,85048,BALL,1,2009-12-01,6,13085.0,UK", "1,POST,POSTAGE,1,2009-12-01,6,13085.0,UK"
    path.write_text("\n".join([header, sold, sold.replace("85048", "85049"), postage]) + "\n")
    land(path)
    unchanged = replay(export({}, "same.jsonl"), settings, NOW)
    assert (unchanged["landed"], unchanged["still_broken_by_reason"]) == (0, {"not_a_product": 1})
    changed = replay(export({"not_a_product": {"item_id": "85050"}}, "changed.jsonl"), settings, NOW)
    assert changed["landed"] == 1


def test_undecodable_bytes_must_be_replaced_by_a_person(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], export: Callable[..., Path]
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("\n".join([HEADER, *LINES[:1] * 3]).encode() + b"\nu1,caf\xe9,view,,2026-02-01\n")
    land(path)
    assert replay(export({}, "same.jsonl"), settings, NOW)["still_broken_by_reason"] == {"bad_encoding": 1}
    half = export({"bad_encoding": {"item_id": "café \ufffd"}}, "half.jsonl")
    assert replay(half, settings, NOW)["still_broken_by_reason"] == {"bad_encoding": 1}
    assert replay(export({"bad_encoding": {"item_id": "café"}}, "whole.jsonl"), settings, NOW)["landed"] == 1


def test_rows_from_the_future_are_landed_when_it_has_come(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], export: Callable[..., Path]
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join([HEADER, *LINES[:1], "u1,i1,view,,2026-03-09"]) + "\n")
    land(path)
    rows = export({})
    assert replay(rows, settings, NOW)["still_broken_by_reason"] == {"future_time": 1}
    assert replay(rows, settings, NOW + timedelta(days=10))["landed"] == 1


def test_snapshots_are_repaired_under_their_date(
    settings: Settings, tmp_path: Path, export: Callable[..., Path], landed: Callable[..., pl.DataFrame]
) -> None:
    path = tmp_path / "items-2026-02-01.csv"
    path.write_text("item_id,title,price\ni1,One,1\ni2,Two,cheap\n")
    run_import_snapshot("items", path, {}, None, settings, NOW)
    assert replay(export({"bad_number": {"price": "2"}}), settings, NOW)["landed"] == 1
    rows = landed("items").sort("line").select("line", "item_id", "price", "event_date").rows()
    assert rows == [(2, "i1", 1.0, "2026-02-01"), (3, "i2", 2.0, "2026-02-01")]


def test_a_repaired_file_is_refused_whole_when_a_row_cannot_be_matched(
    settings: Settings, log: Path, export: Callable[..., Path]
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    good = path.read_text()
    first = json.loads(good.splitlines()[0])
    bad = {
        "line 5 names a row that is not in quarantine": json.dumps(first | {"line": 2}),
        "one of several for the same row": json.dumps(first),
        "line 5 cannot be read": "{",
        "no landed file has the file_sha 'abc'": json.dumps(first | {"file_sha": "abc"}),
    }
    for message, line in bad.items():
        path.write_text(good + line + "\n")
        with pytest.raises(ContractError, match=message):
            replay(path, settings, NOW)
    path.write_text('{"user_id": "u1"}\n')
    with pytest.raises(ContractError, match="no file of repaired rows"):
        replay(path, settings, NOW)
    path.write_text("".join(line.replace('"price"', '"cost"') + "\n" for line in good.splitlines()))
    with pytest.raises(ContractError, match="lacks the columns price"):
        replay(path, settings, NOW)
    assert totals(settings) == (8, 4, 4)


@pytest.mark.parametrize("format_name", ["events", "auto"])
def test_an_export_is_no_log(
    log: Path, export: Callable[..., Path], land: Callable[..., Any], format_name: str
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    with pytest.raises(ContractError, match="reco quarantine replay"):
        land(path, format_name)


def test_taking_out_a_file_takes_out_what_was_repaired_of_it(
    settings: Settings, log: Path, export: Callable[..., Path]
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    replay(path, settings, NOW)
    assert unland("log.csv", settings, NOW)["rows"] == 4 + 2
    assert totals(settings) == (0, 0, 0)
    unland(str(log), settings, NOW, is_undo=True)
    assert totals(settings) == (8, 4, 4), "its repaired rows are back in quarantine"
    assert replay(path, settings, NOW)["landed"] == 2


def test_rows_of_a_file_that_was_taken_out_do_not_come_in(
    settings: Settings, log: Path, export: Callable[..., Path]
) -> None:
    path = export({"missing_user": {"user_id": "u9"}})
    unland("log.csv", settings, NOW)
    with pytest.raises(ContractError, match="import it again first"):
        replay(path, settings, NOW)


def test_a_quarantine_that_is_gone_is_said(settings: Settings, log: Path) -> None:
    next(settings.layout.quarantine.glob("*.parquet")).unlink()
    with pytest.raises(ContractError, match=r"held 4 rejected rows of log.csv(?s:.*)reco unland"):
        run_list(settings, ALL)


@hypothesis_settings(max_examples=60)
@given(
    st.lists(st.tuples(*(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),) * 3), min_size=1),
    st.sampled_from(["rows.jsonl", "rows.csv"]),
)
def test_an_export_that_nobody_changed_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, ...]], name: str
) -> None:
    """Quotes, line ends and control characters in rejected fields survive both encodings."""
    from jobs.landing.read_quarantine import _export

    stripped = [[(value or "").strip(" ") or None for value in row] for row in rows]
    fields = [dict(zip(("user_id", "item_id", "surface"), row, strict=True)) for row in stripped]
    blank = dict.fromkeys(repairable_fields("events"))
    frame = pl.DataFrame(
        [
            {"kind": "events", "file_name": "f", "file_sha": "s", "line": line, "reason": "bad_time", "detail": None,
             "raw": "\ufffd", "fields": json.dumps(blank | row), "event_date": None, "landed_at": NOW}
            for line, row in enumerate(fields, start=1)
        ],
        schema=polars_schema(QUARANTINE),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("export") / name
    _export(frame, path)
    found = read_repaired(path, {"s": _entry()}, 1_000).drop("line here")
    expected = read_fields(frame, "events").select(found.columns)
    assert found.rows() == expected.rows()


def _entry() -> LedgerEntry:
    return LedgerEntry(
        kind="events", file_name="f", path="/f", file_sha="s", content_sha="s", format="events", state="landed",
        size_bytes=1, mtime_ns=1, lines_in=1, landed=0, quarantined=1, quarantined_by_reason={}, event_dates=[],
        landed_at="2026-03-01T12:00:00+00:00",
    )  # fmt: skip
