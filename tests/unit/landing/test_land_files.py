import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from jobs.landing import land_files
from jobs.landing.import_log import run_import, run_import_snapshot
from jobs.landing.landed_schema import LANDED_TABLES, CheckedRecords, polars_schema
from jobs.landing.ledger import UNLANDED, content_sha, read_entries, write_entry
from reco_contracts.columns import QUARANTINE
from reco_contracts.errors import ContractError
from reco_contracts.events import MAX_ID_LENGTH, RejectReason
from reco_contracts.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,value,occurred_at,request_id,surface,position,price"
GOOD = ["u1,i1,view,,2026-02-01T10:00:00Z,,,,", 'u2,"i,2",purchase,1,2026-02-02T10:00:00Z,,,,']
LONG = "u" * (MAX_ID_LENGTH + 1)
DIRTY = {
    RejectReason.MALFORMED_ROW: "u1,i1,view",
    RejectReason.BAD_ENCODING: "u1,caf\udce9,view,,2026-02-01T10:00:00Z,,,,",
    RejectReason.MISSING_USER: ",i1,view,,2026-02-01T10:00:00Z,,,,",
    RejectReason.MISSING_ITEM: "u1,,view,,2026-02-01T10:00:00Z,,,,",
    RejectReason.ID_TOO_LONG: f"{LONG},i1,view,,2026-02-01T10:00:00Z,,,,",
    RejectReason.CONTROL_CHARACTER: 'u1,"i\n1",view,,2026-02-01T10:00:00Z,,,,',
    RejectReason.UNKNOWN_EVENT_TYPE: "u1,i1,stare,,2026-02-01T10:00:00Z,,,,",
    RejectReason.BAD_TIME: "u1,i1,view,,01.02.2026,,,,",
    RejectReason.FUTURE_TIME: "u1,i1,view,,2027-02-01T10:00:00Z,,,,",
    RejectReason.BAD_VALUE: "u1,i1,purchase,0,2026-02-01T10:00:00Z,,,,",
    RejectReason.MISSING_VALUE: "u1,i1,rating,,2026-02-01T10:00:00Z,,,,",
    RejectReason.BAD_NUMBER: "u1,i1,purchase,1,2026-02-01T10:00:00Z,,,,cheap",
    RejectReason.MISSING_CONTEXT: "u1,i1,impression,,2026-02-01T10:00:00Z,r1,home,,",
}
OF_ONE_FORMAT = {RejectReason.NOT_A_PRODUCT, RejectReason.CANCELLED_WITHOUT_RETURN}
OF_NO_TEXT = {RejectReason.FORGOTTEN_USER}


def write_log(path: Path, *lines: str) -> Path:
    path.write_bytes("".join(f"{line}\n" for line in (HEADER, *lines)).encode(errors="surrogateescape"))
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log.csv", *GOOD)


def test_a_dirty_file_is_taken_apart_to_the_line(
    tmp_path: Path, land: Callable[..., Any], landed: Callable[..., Any], quarantined: Callable[[], pl.DataFrame]
) -> None:
    assert {*DIRTY} | OF_ONE_FORMAT | OF_NO_TEXT == {*RejectReason}, "a new reason needs a row here"
    lines: list[str] = []
    for raw in DIRTY.values():
        lines += [raw, GOOD[0]]
    summary = land(write_log(tmp_path / "log.csv", *lines))
    rows = quarantined()
    starts, line = {}, 2
    for reason, raw in DIRTY.items():
        starts[reason.value] = line
        line += 2 + raw.count("\n")
    assert dict(zip(rows["reason"], rows["line"], strict=True)) == starts
    shown = {reason.value: raw.replace("\udce9", "\ufffd") for reason, raw in DIRTY.items()}
    assert dict(zip(rows["reason"], rows["raw"], strict=True)) == shown
    assert summary["quarantined_by_reason"] == dict.fromkeys(sorted(DIRTY), 1)
    assert (summary["lines_in"], summary["landed"], summary["quarantined"]) == (26, 13, 13)
    assert landed().height == 13


def test_landed_files_have_the_types_of_the_contract(
    settings: Settings, log: Path, tmp_path: Path, land: Callable[..., Any], quarantined: Callable[[], pl.DataFrame]
) -> None:
    land(log)
    items = tmp_path / "items-2026-02-01.csv"
    items.write_text("item_id,title,brand\ni1,One,B\ni2,Two,\n,Nobody,\n")
    users = tmp_path / "users-2026-02-01.csv"
    users.write_text("user_id,market\nu1,DE\n")
    for kind, path in (("items", items), ("users", users)):
        run_import_snapshot(kind, path, {}, None, settings, NOW)  # type: ignore[arg-type]
    for kind, table in LANDED_TABLES.items():
        for file in settings.layout.landing(kind).glob("*/*.parquet"):
            assert pl.read_parquet_schema(file) == polars_schema(table), kind
    assert quarantined().schema == pl.Schema(polars_schema(QUARANTINE))


def test_each_row_lies_in_the_partition_of_its_utc_day(
    tmp_path: Path, land: Callable[..., Any], landed: Callable[..., Any]
) -> None:
    land(write_log(tmp_path / "log.csv", "u1,i1,view,,2026-02-01T01:00:00+02:00,,,,", GOOD[1]))
    assert landed()["event_date"].to_list() == ["2026-01-31", "2026-02-02"]


def test_the_ledger_says_what_dbt_and_people_need(settings: Settings, log: Path, land: Callable[..., Any]) -> None:
    land(log)
    (path,) = settings.layout.ledger.glob("*.json")
    entry = json.loads(path.read_bytes())
    assert path.stem == entry["file_sha"] == content_sha(log)
    assert entry["state"] == "landed"
    assert entry["event_dates"] == ["2026-02-01", "2026-02-02"]
    assert (entry["file_name"], entry["size_bytes"], entry["lines_in"]) == ("log.csv", log.stat().st_size, 2)


def test_the_same_content_is_landed_once_whatever_its_name(
    settings: Settings, log: Path, land: Callable[..., Any], tmp_path: Path
) -> None:
    first = land(log)
    before = files_below(settings.layout.root)
    second = land(log.rename(tmp_path / "renamed.csv"), now=NOW + timedelta(days=1))
    assert files_below(settings.layout.root) == before
    assert (first["already_landed"], second["already_landed"], second["lines_in"]) == (0, 1, 0)
    assert second["last_event_date"] == date(2026, 2, 2)


def test_duplicate_lines_are_all_landed(log: Path, land: Callable[..., Any], landed: Callable[..., Any]) -> None:
    land(write_log(log, GOOD[0], GOOD[0]))
    assert landed()["event_id"].n_unique() == 1
    assert landed()["line"].to_list() == [2, 3]


def test_small_chunks_land_the_same_as_large_ones(tmp_path: Path) -> None:
    lines = [f"u{n % 7},i{n},view,,2026-02-{1 + n % 9:02d}T10:00:00Z,,,," for n in range(5_000)]
    log = write_log(tmp_path / "log.csv", *lines, *["broken"] * 10)
    trees = []
    for name, rows in (("small", 1_000), ("large", 200_000)):
        settings = load_settings(paths={"data": tmp_path / name}, landing={"chunk_rows": rows})
        run_import(log, "auto", {}, settings, NOW)
        files = sorted((tmp_path / name).rglob("*.parquet"))
        trees.append({str(file.relative_to(tmp_path / name)): pl.read_parquet(file).to_dicts() for file in files})
    assert len(trees[0]) == 10
    assert trees[0] == trees[1]


def test_a_file_of_mostly_bad_rows_is_refused_whole(
    settings: Settings, tmp_path: Path, land: Callable[..., Any]
) -> None:
    log = write_log(tmp_path / "log.csv", *GOOD, *["nonsense"] * 3)
    with pytest.raises(ContractError, match=r"3 of 5 .*malformed_row 3.*nothing was landed(?s:.*)line 4") as error:
        land(log)
    assert "landing.max_quarantined_share" in str(error.value)
    assert str(error.value).count("nonsense") == 3
    assert not list(settings.layout.root.rglob("*.parquet"))
    assert not read_entries(settings.layout)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "\n", "no record after the header"),
        ("", "is empty"),
        ("\x00\x01\x02\x03\n\x00", "binary data"),
        ("customer,sku,ts\n1,2,3\n", "events: a file"),
        ('{"customer": 1}\n', "events: a file"),
    ],
)
def test_what_is_no_log_lands_nothing(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], content: str, message: str
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(ContractError, match=message):
        land(path)
    assert not list(settings.layout.root.rglob("*.parquet"))


def test_a_folder_without_a_log_says_what_it_holds(tmp_path: Path, land: Callable[..., Any]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("no log")
    with pytest.raises(ContractError, match=r"notes\.txt"):
        land(tmp_path / "folder")


def test_other_column_names_are_mapped(tmp_path: Path, land: Callable[..., Any], landed: Callable[..., Any]) -> None:
    path = tmp_path / "log.csv"
    path.write_text("customer,sku,what,ts,user_id\nu1,i1,view,1769940000,not this one\n")
    land(path, user_id="customer", item_id="sku", event_type="what", occurred_at="ts")
    assert landed().select("user_id", "item_id", "event_type", "event_date").row(0) == (
        "u1",
        "i1",
        "view",
        "2026-02-01",
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": "custommer"}, "has no column custommer; it has customer"),
        ({"uid": "customer"}, "uid is no column of events"),
        ({"user_id": "customer"}, "--map item_id=YOUR_COLUMN"),
    ],
)
def test_a_wrong_map_is_explained(
    tmp_path: Path, land: Callable[..., Any], columns: dict[str, str], message: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("customer,sku\n1,2\n")
    with pytest.raises(ContractError, match=message):
        land(path, **columns)


def test_a_catalogue_that_comes_back_is_a_snapshot_of_its_own(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,title\ni1,One\n")
    for day in (1, 2, 2):
        run_import_snapshot("items", path, {}, date(2026, 2, day), settings, NOW)
    assert [entry.event_dates for entry in read_entries(settings.layout)].count([date(2026, 2, 1)]) == 1
    assert len(read_entries(settings.layout)) == 2


def test_a_snapshot_without_a_date_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,title\ni1,One\n")
    with pytest.raises(ContractError, match="needs a date"):
        run_import_snapshot("items", path, {}, None, settings, NOW)


def test_what_was_taken_out_comes_back_when_it_is_imported_again(
    settings: Settings, log: Path, land: Callable[..., Any]
) -> None:
    land(log)
    (entry,) = read_entries(settings.layout)
    write_entry(settings.layout, msgspec.structs.replace(entry, state=UNLANDED))
    assert land(log)["landed"] == 2
    assert read_entries(settings.layout)[0].state == "landed"


def test_partitions_that_a_killed_landing_left_elsewhere_go(
    settings: Settings, log: Path, land: Callable[..., Any], landed: Callable[..., Any]
) -> None:
    folder = settings.layout.landing("events") / "event_date=2020-01-01"
    folder.mkdir(parents=True)
    for name in (f"{content_sha(log)}.parquet", f".{content_sha(log)}.parquet.a1b2"):
        (folder / name).write_bytes(b"the rest of an earlier attempt")
    land(log)
    assert not list(folder.iterdir())
    assert landed().height == 2


def test_a_file_that_changes_while_it_is_read_is_refused(
    settings: Settings, log: Path, land: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = land_files.check_events

    def grow(records: pl.DataFrame, latest: datetime) -> CheckedRecords:
        with log.open("a") as file:
            file.write(GOOD[0] + "\n")
        return check(records, latest)

    monkeypatch.setattr(land_files, "check_events", grow)
    with pytest.raises(ContractError, match="changed while it was read"):
        land(log)
    assert not read_entries(settings.layout)
    assert not list(settings.layout.root.rglob("*.parquet"))
