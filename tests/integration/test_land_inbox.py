"""The drop folder, through the command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "user_id,item_id,event_type,occurred_at\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for kind in ("events", "items", "users"):
        (tmp_path / "inbox" / kind).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def land_inbox(data: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jobs.cli.main", "land-inbox", "--json"]
        environment = os.environ | {"RECO_PATHS__DATA": str(data)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def drop(data: Path, name: str, text: str) -> Path:
    path = data / "inbox" / name
    path.write_text(text)
    return path


def test_an_empty_inbox_is_fine(land_inbox: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    assert last_line(land_inbox())["files"] == 0


def test_new_files_are_landed_once_and_left_in_place(
    data: Path, land_inbox: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    path = drop(data, "events/a.csv", HEADER + "u1,i1,view,2026-02-01\n")
    drop(data, "items/items-2026-02-01.csv", "item_id,title\ni1,One\n")
    drop(data, "users/users-2026-02-01.csv", "user_id\nu1\n")
    first = last_line(land_inbox())
    assert (first["files"], first["landed"], first["items"]["landed"], first["users"]["landed"]) == (1, 1, 1, 1)
    assert first["last_event_date"] == "2026-02-01"
    again = last_line(land_inbox())
    assert (again["files"], again["known_by_name"]) == (0, 3)
    path.touch()  # another time, the same bytes
    touched = last_line(land_inbox())
    assert (touched["files"], touched["already_landed"], touched["landed"]) == (1, 1, 0)
    assert path.exists()


def test_a_refused_file_is_named_and_hides_no_other(
    data: Path, land_inbox: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    drop(data, "events/1-bad.csv", "nothing,here\n1,2\n")
    drop(data, "events/2-garbage.bin", "\x00\x01")
    drop(data, "events/3-good.csv", HEADER + "u1,i1,view,2026-02-01\n")
    drop(data, "events/4-refused.csv", HEADER + "u1,i1,stare,2026-02-01\n")
    drop(data, "items/undated.csv", "item_id\ni1\n")
    done = land_inbox()
    assert done.returncode == 3
    for name in ("1-bad.csv", "2-garbage.bin", "4-refused.csv", "undated.csv"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((data / "landing" / "events").glob("event_date=2026-02-01/*.parquet"))) == 1


def test_hidden_files_are_still_being_written(
    data: Path, land_inbox: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    drop(data, "events/.part.csv", HEADER + "u1,i1,vi")
    assert last_line(land_inbox())["inbox_files"] == 0
