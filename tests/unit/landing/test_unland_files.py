"""A wrong file is taken out by hash, path or name, and comes back whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.landing.import_log import run_import_snapshot
from jobs.landing.land_inbox import run as land_inbox
from jobs.landing.ledger import read_entries
from jobs.landing.list_files import run as list_files
from jobs.landing.unland_files import run as unland
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,occurred_at\n"


def write_log(path: Path, user: str = "u1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + f"{user},i1,view,2026-02-01\n,i1,view,2026-02-01\n{user},i2,view,2026-02-03\n")
    return path


def states(settings: Settings) -> dict[str, str]:
    return {entry.file_name: entry.state for entry in read_entries(settings.layout)}


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize("way", ["sha", "prefix", "path", "name", "renamed copy"])
def test_a_file_is_found_by_hash_place_name_or_content(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], way: str
) -> None:
    log = write_log(tmp_path / "log.csv")
    land(log)
    (entry,) = read_entries(settings.layout)
    copy = write_log(tmp_path / "copy.csv")
    wanted = {"sha": entry.file_sha, "prefix": entry.file_sha[:8], "path": log, "name": "log.csv", "renamed copy": copy}
    summary = unland(str(wanted[way]), settings, NOW)
    assert (summary["state"], summary["rows"], summary["event_dates"]) == ("unlanded", 2, 2)
    assert states(settings) == {"log.csv": "unlanded"}


def test_nothing_is_deleted_and_undo_brings_everything_back(
    settings: Settings, tmp_path: Path, land: Callable[..., Any]
) -> None:
    log = write_log(tmp_path / "log.csv")
    land(log)
    log.unlink()
    (before,) = read_entries(settings.layout)
    files = files_below(settings.layout.root)
    unland("log.csv", settings, NOW)
    unland("log.csv", settings, NOW, is_undo=True)
    (after,) = read_entries(settings.layout)
    assert files_below(settings.layout.root) == files
    assert (after.state, after.landed_at, after.revision) == (before.state, before.landed_at, 3)


def test_taking_out_twice_changes_nothing(settings: Settings, tmp_path: Path, land: Callable[..., Any]) -> None:
    land(write_log(tmp_path / "log.csv"))
    unland("log.csv", settings, NOW)
    again = unland("log.csv", settings, NOW)
    assert (again["files"], again["already_so"], again["next"]) == ([], 1, "nothing")
    assert read_entries(settings.layout)[0].revision == 2


def test_undo_is_refused_when_the_rows_are_gone(settings: Settings, tmp_path: Path, land: Callable[..., Any]) -> None:
    land(write_log(tmp_path / "log.csv"))
    unland("log.csv", settings, NOW)
    next(settings.layout.landing("events").rglob("*.parquet")).unlink()
    with pytest.raises(ContractError, match=r"1 of its 3 landed files are gone(?s:.*)reco import"):
        unland("log.csv", settings, NOW, is_undo=True)
    assert states(settings) == {"log.csv": "unlanded"}


def test_a_log_goes_with_the_items_and_users_that_came_in_it(
    settings: Settings, tmp_path: Path, land: Callable[..., Any]
) -> None:
    path = tmp_path / "retail.csv"
    path.write_text(
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        "1,85048,BALL,1,2009-12-01,6,13085.0,UK\n"
    )
    land(path)
    assert unland("retail.csv", settings, NOW)["kinds"] == ["events", "items", "users"]
    assert land(path)["landed"] == 1
    assert set(states(settings).values()) == {"landed"}


def test_an_ambiguous_name_lists_the_candidates(settings: Settings, tmp_path: Path, land: Callable[..., Any]) -> None:
    for folder, user in (("monday", "u1"), ("tuesday", "u2")):
        land(write_log(tmp_path / folder / "log.csv", user))
    with pytest.raises(ContractError, match="may be any of these") as error:
        unland("log.csv", settings, NOW)
    for entry in read_entries(settings.layout):
        assert entry.file_sha[:12] in str(error.value)
    assert unland(str(tmp_path / "monday" / "log.csv"), settings, NOW)["rows"] == 2


def test_a_catalogue_of_several_days_is_taken_out_one_day_at_a_time(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id\ni1\n")
    for day in (1, 2):
        run_import_snapshot("items", path, {}, datetime(2026, 2, day, tzinfo=UTC).date(), settings, NOW)
    with pytest.raises(ContractError, match="may be any of these"):
        unland(str(path), settings, NOW)
    sha = read_entries(settings.layout)[0].file_sha
    assert unland(sha, settings, NOW)["event_dates"] == 1


@pytest.mark.parametrize("wanted", ["nope.csv", "abcdef0123", ""])
def test_what_was_never_landed_is_said(settings: Settings, wanted: str) -> None:
    with pytest.raises(ContractError, match="reco files"):
        unland(wanted, settings, NOW)


def test_the_inbox_does_not_bring_back_what_was_taken_out_but_an_import_does(
    settings: Settings, land: Callable[..., Any]
) -> None:
    log = write_log(settings.layout.inbox / "events" / "log.csv")
    land_inbox(settings, NOW)
    unland("log.csv", settings, NOW)
    log.touch()
    assert land_inbox(settings, NOW)["landed"] == 0
    assert list_files(settings)["in_force"] == 0
    assert land(log)["landed"] == 2
    assert list_files(settings)["in_force"] == 1
