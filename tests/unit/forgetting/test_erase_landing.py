"""Erased before or after it lands: the same files, the same ledger, and no word of who it was."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.forgetting import erase_landing as erasing
from jobs.forgetting.erase_landing import erase_landing
from jobs.landing.ledger import open_ledger, read_entries
from jobs.landing.read_quarantine import Choice, run_show
from jobs.landing.replay_rows import run as replay
from reco_contracts.settings import Settings
from tests.unit.forgetting.conftest import LOG, NEEDLE, NOW

USERS = frozenset([NEEDLE])


def erase(settings: Settings) -> Any:
    with open_ledger(settings.layout) as ledger:
        return erase_landing(settings.layout, ledger, USERS, NOW + timedelta(days=1))


def rows_below(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Every Parquet file, decoded."""
    return {
        str(path.relative_to(folder)): pl.read_parquet(path, hive_partitioning=False).to_dicts()
        for path in sorted(folder.rglob("*.parquet"))
    }


def accounts(settings: Settings) -> list[tuple[Any, ...]]:
    """What the ledger counts of each file."""
    return [
        (e.lines_in, e.landed, e.quarantined, e.quarantined_by_reason, e.event_dates, e.rows_by_date)
        for e in read_entries(settings.layout)
    ]


def test_erasing_what_was_landed_leaves_what_landing_after_the_erasure_leaves(
    settings: Settings, log: Path, land: Callable[..., Any], bury: Callable[..., None]
) -> None:
    land(log)
    erased = erase(settings)
    assert (erased.landed, erased.quarantined, erased.sources) == (2, 2, [log])
    after, counted = rows_below(settings.layout.root), accounts(settings)
    shutil.rmtree(settings.layout.root)
    bury(NEEDLE)
    land(log)
    assert rows_below(settings.layout.root) == after
    assert accounts(settings) == counted
    assert counted[0][:4] == (8, 3, 5, {"forgotten_user": 4, "unknown_event_type": 1})


def test_nothing_of_them_is_left_and_everybody_else_is(settings: Settings, log: Path, land: Callable[..., Any]) -> None:
    land(log)
    erase(settings)
    events = pl.concat(
        [pl.read_parquet(path) for path in settings.layout.landing("events").rglob("*.parquet")], how="vertical"
    )
    assert sorted(events["user_id"]) == ["anna", "bob", "bob"]
    assert "ann" in events["item_id"], "an item may have the same id"
    rejected = pl.concat([pl.read_parquet(path) for path in settings.layout.quarantine.glob("*.parquet")])
    theirs = rejected.filter(reason="forgotten_user")
    assert theirs["line"].to_list() == [2, 4, 5, 7]
    assert theirs.select("raw", "fields", "detail").unique().rows() == [("", "{}", "the user was erased")]
    assert rejected.filter(reason="unknown_event_type")["raw"].to_list() == [LOG[4]]


def test_a_day_that_was_theirs_alone_is_rebuilt_although_no_row_is_left_of_it(
    settings: Settings, log: Path, land: Callable[..., Any]
) -> None:
    land(log)
    erase(settings)
    (entry,) = read_entries(settings.layout)
    assert [day.day for day in entry.event_dates] == [1, 3]
    assert [day.day for day in entry.touched_dates] == [1, 2, 3]
    assert not list(settings.layout.landing("events").glob("event_date=2026-02-02/*.parquet"))


@pytest.mark.parametrize("step", ["erase_rows", "_keep_true"])
def test_killed_on_its_way_it_is_done_again(
    settings: Settings, log: Path, land: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    land(log)
    shutil.copytree(settings.layout.root, settings.layout.root.with_name("kept"))
    erase(settings)
    wanted = rows_below(settings.layout.root), accounts(settings)
    shutil.rmtree(settings.layout.root)
    settings.layout.root.with_name("kept").rename(settings.layout.root)
    with monkeypatch.context() as patch:
        patch.setattr(erasing, step, _die)
        with pytest.raises(KeyboardInterrupt):
            erase(settings)
    erase(settings)
    assert (rows_below(settings.layout.root), accounts(settings)) == wanted


def _die(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_second_time_changes_nothing(settings: Settings, log: Path, land: Callable[..., Any]) -> None:
    land(log)
    erase(settings)
    before = read_entries(settings.layout)
    erased = erase(settings)
    assert (erased.landed, erased.quarantined) == (0, 0)
    assert read_entries(settings.layout) == before


def test_a_file_that_holds_nobody_else_lands_as_what_it_is(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], bury: Callable[..., None]
) -> None:
    path = tmp_path / "hers.csv"
    path.write_text("user_id,item_id,event_type,occurred_at\nann,i1,click,2026-02-01T10:00:00Z\n")
    bury(NEEDLE)
    summary = land(path)
    assert (summary["landed"], summary["quarantined_by_reason"]) == (0, {"forgotten_user": 1})
    assert land(path)["already_landed"] == 1


def test_repaired_rows_go_too_and_their_replay_is_no_more(
    settings: Settings, log: Path, land: Callable[..., Any], tmp_path: Path
) -> None:
    land(log)
    export = tmp_path / "broken.jsonl"
    run_show(settings, Choice(reason="unknown_event_type"), None, export)
    rows = [json.loads(line) | {"event_type": "view"} for line in export.read_text().splitlines()]
    export.write_text("\n".join(map(json.dumps, rows)))
    assert replay(export, settings, NOW)["landed"] == 2
    erase(settings)
    replays = [entry for entry in read_entries(settings.layout) if entry.replays]
    assert [(entry.landed, entry.lines_in, entry.replayed_by_reason) for entry in replays] == [
        (1, 1, {"unknown_event_type": 1})
    ]
    shown = run_show(settings, Choice(), None, None)["rows"]
    assert sorted(row["reason"] for row in shown) == ["forgotten_user"] * 4
    assert replay(export, settings, NOW)["already_replayed"] == 1


def test_a_repair_of_an_erased_user_is_refused(
    settings: Settings, log: Path, land: Callable[..., Any], bury: Callable[..., None], tmp_path: Path
) -> None:
    land(log)
    export = tmp_path / "broken.jsonl"
    run_show(settings, Choice(reason="unknown_event_type"), None, export)
    rows = [json.loads(line) | {"event_type": "view"} for line in export.read_text().splitlines()]
    export.write_text("\n".join(map(json.dumps, rows)))
    bury(NEEDLE)
    summary = replay(export, settings, NOW)
    assert (summary["landed"], summary["still_broken_by_reason"]) == (1, {"forgotten_user": 1})
    assert NEEDLE not in "".join(summary["examples"])
