"""The ledger tells a build what changed, and since when."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.landing.import_log import run_import
from jobs.landing.ledger import LedgerEntry, OpenLedger, open_ledger, read_entries
from jobs.landing.unland_files import run as unland
from reco_contracts.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,occurred_at,placed_at\n"


def write_log(path: Path, *days: str) -> Path:
    path.write_text(HEADER + "".join(f"u1,i{n},view,{day},2026-01-0{n + 1}\n" for n, day in enumerate(days)))
    return path


def entry_of(settings: Settings, name: str) -> LedgerEntry:
    (entry,) = (entry for entry in read_entries(settings.layout) if entry.file_name == name)
    return entry


def test_every_change_has_the_next_revision(settings: Settings, tmp_path: Path, land: Callable[..., Any]) -> None:
    logs = [write_log(tmp_path / f"{name}.csv", f"2026-02-0{n}") for n, name in enumerate("ab", start=1)]
    revisions = []
    for change in (lambda: land(logs[0]), lambda: land(logs[1]), lambda: unland("a.csv", settings, NOW),
                   lambda: land(logs[0]), lambda: land(logs[0])):  # fmt: skip
        change()
        revisions.append([entry_of(settings, "a.csv").revision, max(e.revision for e in read_entries(settings.layout))])
    assert revisions == [[1, 1], [1, 2], [3, 3], [4, 4], [4, 4]]


def test_a_file_that_lands_again_on_other_days_still_names_the_days_that_it_left(
    settings: Settings, tmp_path: Path, land: Callable[..., Any]
) -> None:
    """A build between the two has rows on the old days; one that follows must replace them."""
    log = write_log(tmp_path / "a.csv", "2026-02-01", "2026-02-02")
    land(log)
    unland("a.csv", settings, NOW)
    land(log, occurred_at="placed_at")
    entry = entry_of(settings, "a.csv")
    assert entry.event_dates == [date(2026, 1, 1), date(2026, 1, 2)]
    assert entry.touched_dates == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 2, 1), date(2026, 2, 2)]
    assert entry.rows_by_date == {date(2026, 1, 1): 1, date(2026, 1, 2): 1}
    unland("a.csv", settings, NOW)
    assert entry_of(settings, "a.csv").touched_dates == entry.touched_dates


def test_an_entry_without_the_newer_fields_is_still_read(settings: Settings, tmp_path: Path, land: Any) -> None:
    land(write_log(tmp_path / "a.csv", "2026-02-01"))
    (path,) = settings.layout.ledger.glob("*.json")
    content = msgspec.json.decode(path.read_bytes())
    for name in ("rows_by_date", "touched_dates", "late_before", "replays", "revision", "changed_at", "columns"):
        del content[name]
    path.write_bytes(msgspec.json.encode(content))
    with open_ledger(settings.layout) as ledger:
        (old,) = ledger.entries.values()
        assert ledger.record(old).touched_dates == [date(2026, 2, 1)]


@pytest.mark.parametrize(("days", "late"), [(0, 3), (1, 2), (2, 0), (30, 0)])
def test_rows_are_late_when_their_day_was_over_before_they_came(tmp_path: Path, days: int, late: int) -> None:
    settings = load_settings(paths={"data": tmp_path / "data"}, landing={"late_after_days": days})
    first = write_log(tmp_path / "1.csv", "2026-02-10", "2026-01-01")
    assert run_import(first, "auto", {}, settings, NOW)["late"] == 0, "the first delivery cannot be late"
    second = write_log(tmp_path / "2.csv", "2026-02-08", "2026-02-08", "2026-02-09", "2026-02-10", "2026-02-12")
    assert run_import(second, "auto", {}, settings, NOW)["late"] == late


def test_files_of_one_delivery_do_not_make_each_other_late(settings: Settings, tmp_path: Path, land: Any) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    write_log(folder / "1.csv", "2026-02-20")
    write_log(folder / "2.csv", "2026-02-01")
    assert land(folder)["late"] == 0
    assert land(write_log(tmp_path / "3.csv", "2026-02-02"))["late"] == 1


def test_what_was_taken_out_makes_nothing_late(settings: Settings, tmp_path: Path, land: Any) -> None:
    land(write_log(tmp_path / "wrong_year.csv", "2026-03-01"))
    unland("wrong_year.csv", settings, NOW)
    assert land(write_log(tmp_path / "2.csv", "2026-02-01"))["late"] == 0


def test_halves_of_files_that_a_killed_landing_left_go_with_the_next(
    settings: Settings, tmp_path: Path, land: Any
) -> None:
    land(write_log(tmp_path / "a.csv", "2026-02-01"))
    layout = settings.layout
    layout.landing_work.mkdir()
    left = [
        layout.landing("events") / "event_date=2026-02-01" / ".abc.parquet.x1",
        layout.landing("items") / "event_date=2020-02-01" / ".abc.parquet.x1",
        layout.quarantine / ".abc.parquet.x1",
        layout.replayed / ".abc.parquet.x1",
        layout.ledger / ".abc.json.x1",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    whole = {path for path in layout.root.rglob("*.parquet") if not path.name.startswith(".")}
    with open_ledger(layout) as ledger:
        assert isinstance(ledger, OpenLedger)
    assert not [path for path in left if path.exists()]
    assert not layout.landing_work.exists()
    assert {*layout.root.rglob("*.parquet")} == whole
