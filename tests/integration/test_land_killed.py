"""A landing that is killed leaves nothing that counts, and the next one is as if it had never been."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.landing.import_log import run_import
from jobs.landing.ledger import read_entries
from jobs.landing.read_quarantine import Choice, run_list, run_show
from jobs.landing.replay_rows import run as replay
from jobs.landing.unland_files import run as unland
from reco_contracts.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Kills its own process just before the n-th call of one function of the landing.
CHILD = """
import os, signal, sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from jobs.landing import import_log, replay_rows, unland_files
from reco_contracts.settings import load_settings

job, log, data, module, name, calls, now = sys.argv[1:]
original = getattr(import_module(module), name)
left = int(calls)

def deadly(*arguments, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)

setattr(import_module(module), name, deadly)
settings = load_settings(paths={"data": data}, landing={"chunk_rows": 1000})
now = datetime.fromisoformat(now)
match job:
    case "import":
        import_log.run_import(Path(log), "auto", {}, settings, now)
    case "replay":
        replay_rows.run(Path(log), settings, now)
    case "unland":
        unland_files.run(log, settings, now)
"""
MOMENTS = [
    ("jobs.landing.land_files", "check_events", 2),
    ("jobs.landing.land_files", "write_partitions", 1),
    ("jobs.landing.write_partitions", "replace_file", 1),
    ("jobs.landing.write_partitions", "replace_file", 5),
    ("jobs.landing.land_files", "replace_file", 1),
    ("jobs.landing.land_files", "_entry", 1),
    ("jobs.landing.ledger", "replace_file", 1),
]
REPLAY_MOMENTS = [
    ("jobs.landing.replay_rows", "write_partitions", 1),
    ("jobs.landing.write_partitions", "replace_file", 1),
    ("jobs.landing.replay_rows", "replace_file", 1),
    ("jobs.landing.ledger", "replace_file", 1),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    lines = [f"u{n % 7},i{n},view,2026-02-{1 + n % 9:02d}T10:00:00Z" for n in range(3_000)]
    path.write_text(
        "\n".join(["user_id,item_id,event_type,occurred_at", *lines, "broken", ",i,view,2026-02-01"]) + "\n"
    )
    return path


def settings_of(data: Path) -> Settings:
    return load_settings(paths={"data": data}, landing={"chunk_rows": 1000})


def kill(job: str, log: str, settings: Settings, module: str, name: str, calls: int) -> None:
    """Run a job in a process that kills itself."""
    arguments = [job, log, str(settings.layout.root), module, name, str(calls), NOW.isoformat()]
    done = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("module", "name", "calls"), MOMENTS)
def test_landing_again_after_a_kill_gives_what_an_undisturbed_landing_gives(
    log: Path, tmp_path: Path, module: str, name: str, calls: int
) -> None:
    killed, undisturbed = settings_of(tmp_path / "killed"), settings_of(tmp_path / "undisturbed")
    kill("import", str(log), killed, module, name, calls)
    assert read_entries(killed.layout) == []
    first = run_import(log, "auto", {}, killed, NOW)
    second = run_import(log, "auto", {}, undisturbed, NOW)
    assert first == second
    assert tree(killed.layout.root) == tree(undisturbed.layout.root)


@pytest.mark.parametrize(("module", "name", "calls"), REPLAY_MOMENTS)
def test_a_killed_replay_leaves_its_rows_in_quarantine(
    log: Path, tmp_path: Path, module: str, name: str, calls: int
) -> None:
    killed, undisturbed = settings_of(tmp_path / "killed"), settings_of(tmp_path / "undisturbed")
    rows = tmp_path / "rows.jsonl"
    for settings in (killed, undisturbed):
        run_import(log, "auto", {}, settings, NOW)
    run_show(killed, Choice(reason="missing_user"), None, rows)
    rows.write_text(rows.read_text().replace('"user_id":null', '"user_id":"u9"'))
    kill("replay", str(rows), killed, module, name, calls)
    assert run_list(killed, Choice())["quarantined"] == 2
    assert replay(rows, killed, NOW) == replay(rows, undisturbed, NOW)
    assert tree(killed.layout.root) == tree(undisturbed.layout.root)
    assert run_list(killed, Choice())["quarantined_by_reason"] == {"malformed_row": 1}


def test_a_killed_unland_is_finished_by_the_next(tmp_path: Path) -> None:
    """A log that gave events, items and users: each is marked alone."""
    settings = settings_of(tmp_path / "data")
    path = tmp_path / "retail.csv"
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    path.write_text(f"{header}\n1,85048,BALL,1,2009-12-01,6,13085.0,UK\n")
    run_import(path, "auto", {}, settings, NOW)
    kill("unland", str(path), settings, "jobs.landing.ledger", "replace_file", 2)
    assert sorted(entry.state for entry in read_entries(settings.layout)) == ["landed", "landed", "unlanded"]
    again = unland(str(path), settings, NOW)
    assert (len(again["files"]), again["already_so"]) == (2, 1)
    assert {entry.state for entry in read_entries(settings.layout)} == {"unlanded"}
