"""What the demo refuses before it starts anything."""

import os
from pathlib import Path

import pytest

from jobs.operations.process_identity import identify
from jobs.operations.run_demo import running_demo, stop
from jobs.operations.supervise_processes import Supervisor
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.settings import PathsSection, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(paths=PathsSection(data=tmp_path / "data"))


def test_a_file_that_is_no_log_is_refused_and_nothing_is_made(settings: Settings, tmp_path: Path) -> None:
    letter = tmp_path / "letter.csv"
    letter.write_text("dear,reader\nhow,are you\n")
    with pytest.raises(ContractError, match="is no log that Reco knows"), running_demo(settings, letter):
        pass
    assert not settings.layout.root.exists()


def test_a_second_demo_of_a_workspace_is_refused(settings: Settings) -> None:
    folder = settings.layout.root / "demo" / "simulated"
    folder.mkdir(parents=True)
    assert identify(os.getpid(), "x")
    Supervisor(folder / "demo.pid").write_pid_file()  # this process is the one that runs
    with pytest.raises(ConfigError, match=rf"a demo runs already in .*\(process {os.getpid()}\)"):
        running_demo(settings, None).__enter__()
    assert list(folder.iterdir()) == [folder / "demo.pid"]


def test_stopping_where_nothing_runs_says_so(settings: Settings) -> None:
    assert stop(settings) == {"stopped": [], "not_running": []}
    with pytest.raises(ConfigError, match="no workspace 'shop'"):
        stop(settings, "shop")
