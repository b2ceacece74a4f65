"""A landing that is killed leaves nothing that counts, and the next one is as if it had never been."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.landing.import_log import run_import
from jobs.landing.ledger import read_entries
from reco_contracts.settings import Settings, load_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Kills its own process just before the n-th call of one function of the landing.
CHILD = """
import os, signal, sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from jobs.landing.import_log import run_import
from reco_contracts.settings import load_settings

log, data, module, name, calls, now = sys.argv[1:]
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
run_import(Path(log), "auto", {}, settings, datetime.fromisoformat(now))
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


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("module", "name", "calls"), MOMENTS)
def test_landing_again_after_a_kill_gives_what_an_undisturbed_landing_gives(
    log: Path, tmp_path: Path, module: str, name: str, calls: int
) -> None:
    killed, undisturbed = settings_of(tmp_path / "killed"), settings_of(tmp_path / "undisturbed")
    arguments = [str(log), str(killed.layout.root), module, name, str(calls), NOW.isoformat()]
    done = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert read_entries(killed.layout) == []
    first = run_import(log, "auto", {}, killed, NOW)
    second = run_import(log, "auto", {}, undisturbed, NOW)
    assert first == second
    assert tree(killed.layout.root) == tree(undisturbed.layout.root)
