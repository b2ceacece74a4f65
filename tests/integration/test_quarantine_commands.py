"""Look, repair, land again, take out: through the commands, as an engineer types them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "user_id,item_id,event_type,occurred_at,device\n"
Reco = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def reco(tmp_path: Path) -> Reco:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "jobs.cli.main", *arguments]
        environment = os.environ | {"RECO_PATHS__DATA": str(tmp_path / "data")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


def summary_of(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def test_the_way_of_a_rejected_row(tmp_path: Path, reco: Reco) -> None:
    log, rows = tmp_path / "log.csv", tmp_path / "rows.csv"
    good, bad = "u1,i1,view,2026-02-01,x\n", ",\x1b[31mi2,view,2026-02-02,x\nu3,i3,stare,2026-02-02,x\n"
    log.write_text(HEADER + (good * 2 + bad) * 2)
    landed = reco("import", str(log))
    assert "log.csv: device ignored" in landed.stdout

    listed = reco("quarantine", "list")
    assert [word for word in listed.stdout.split() if word in ("missing_user", "2")][:2] == ["missing_user", "2"]
    shown = reco("quarantine", "show", "--reason", "missing_user", "--file", "log.csv", "--limit", "1")
    assert "\\x1b[31mi2" in shown.stdout
    assert "\x1b" not in shown.stdout, "raw text must not reach a terminal as commands"
    assert summary_of(
        reco("quarantine", "show", "--reason", "unknown_event_type", "--export", str(rows), "--json")
    ) == {
        "quarantined": 2,
        "exported": 2,
        "file": str(rows),
    }
    rows.write_text(rows.read_text().replace(",stare,2026", ",view,2026").replace("stare,,2026", "view,,2026"))
    assert summary_of(reco("quarantine", "replay", str(rows), "--json"))["landed"] == 2
    assert summary_of(reco("quarantine", "replay", str(rows), "--json"))["landed"] == 0

    files = summary_of(reco("files", "--json"))
    assert (files["lines_in"], files["landed"], files["quarantined"]) == (8, 6, 2)
    out = reco("unland", "log.csv")
    assert "reco dbt build" in out.stdout
    assert summary_of(reco("files", "--state", "landed", "--json"))["files"] == 0
    assert summary_of(reco("import", str(log), "--json"))["landed"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("quarantine", "show", "--reason", "ugly"), "malformed_row"),
        (("quarantine", "replay", "nowhere.jsonl"), "nowhere.jsonl"),
        (("unland", "nowhere.csv"), "reco files"),
    ],
)
def test_a_mistake_is_one_message(reco: Reco, arguments: tuple[str, ...], message: str) -> None:
    done = reco(*arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
