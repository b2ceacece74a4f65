"""A source whose columns change: new ones are ignored and named, lost ones are named, missing ones refuse the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.landing.ledger import read_entries
from reco_contracts.errors import ContractError
from reco_contracts.settings import Settings

ROW = "u1,i1,view,2026-02-0{n}"


def write_log(folder: Path, name: str, more: str = "", value: str = "") -> Path:
    path = folder / name
    number = 1 + len(list(folder.glob("*.csv")))
    path.write_text(f"user_id,item_id,event_type,occurred_at{more}\n{ROW.format(n=number)}{value}\n")
    return path


def test_an_unknown_column_is_ignored_and_named(
    settings: Settings, tmp_path: Path, land: Callable[..., Any], landed: Callable[..., Any]
) -> None:
    summary = land(write_log(tmp_path, "log-1.csv", ",loyalty,note", ",gold,x"))
    assert summary["changed_columns"] == ["log-1.csv: loyalty, note ignored"]
    assert read_entries(settings.layout)[0].ignored_columns == ["loyalty", "note"]
    assert "loyalty" not in landed().columns


def test_a_column_that_is_mapped_is_not_called_unknown(tmp_path: Path, land: Callable[..., Any]) -> None:
    summary = land(write_log(tmp_path, "log-1.csv", ",unit_price", ",3"), price="unit_price")
    assert summary["changed_columns"] == []


def test_a_column_that_the_source_lost_is_named(tmp_path: Path, land: Callable[..., Any]) -> None:
    assert land(write_log(tmp_path, "log-1.csv", ",price,currency", ",3,EUR"))["changed_columns"] == []
    renamed = land(write_log(tmp_path, "log-2.csv", ",unit_price,currency", ",3,EUR"))
    assert renamed["changed_columns"] == ["log-2.csv: unit_price ignored", "log-2.csv: price no longer there"]
    assert land(write_log(tmp_path, "log-3.csv", ",unit_price,currency", ",4,EUR"))["changed_columns"] == [
        "log-3.csv: unit_price ignored"
    ]


def test_another_source_has_other_columns(tmp_path: Path, land: Callable[..., Any]) -> None:
    land(write_log(tmp_path, "till-1.csv", ",price", ",3"))
    assert land(write_log(tmp_path, "web-1.csv"))["changed_columns"] == []
    assert land(write_log(tmp_path, "till-2.csv"))["changed_columns"] == ["till-2.csv: price no longer there"]


def test_keys_of_json_lines_are_columns_too(tmp_path: Path, land: Callable[..., Any]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"user_id": 1, "item_id": 2, "event_type": "view", "occurred_at": 1769940000}\n'
        '{"user_id": 1, "item_id": 3, "event_type": "view", "occurred_at": 1769940000, "device": {"os": "x"}}\n'
    )
    assert land(path)["changed_columns"] == ["a.jsonl: device ignored"]


def test_a_missing_required_column_refuses_the_file(settings: Settings, tmp_path: Path, land: Any) -> None:
    path = tmp_path / "log-1.csv"
    path.write_text("user_id,item_id,event_type,event_time\nu1,i1,view,2026-02-01\n")
    with pytest.raises(ContractError, match=r"--map occurred_at=YOUR_COLUMN"):
        land(path, "events")
    assert read_entries(settings.layout) == []
