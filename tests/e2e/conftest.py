"""A small shop taken through every step of the daily run, by the same commands that the DAG runs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RECO = Path(sys.executable).with_name("reco")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Workspace:
    """A data folder, its settings, and the commands on it."""

    root: Path
    store_url: str
    run_date: str = ""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"RECO_CONFIG": str(self.root / "reco.toml"), "RECO_REDIS__URL": self.store_url}

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(RECO), *words], env=self.environment, capture_output=True, text=True, check=False, timeout=240
        )

    def reco(self, *words: str) -> dict[str, Any]:
        """Run a command and give its summary."""
        done = self.attempt(*words, "--json")
        assert done.returncode == 0, f"reco {' '.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return summary

    def run_day(self) -> str:
        """Every task of the daily run up to the checks; gives the generation."""
        day = ("--run-date", self.run_date)
        self.reco("land-inbox")
        self.reco("dbt", "build", "--select", "tag:inputs", *day)
        self.reco("export-marts", *day)
        self.reco("build-features", *day)
        self.reco("apply-features")
        self.reco("evaluate", *day)
        self.reco("gate", *day)
        version = self.reco("train", *day)["model_version"]
        generation: str = self.reco("rank", *day, "--model", version)["generation"]
        self.reco("validate-features", *day)
        self.reco("validate-lists", *day, "--generation", generation)
        return generation

    def publish(self, generation: str) -> None:
        """The tasks after the checks."""
        self.reco("publish-lists", "--generation", generation)
        self.reco("publish-features", "--run-date", self.run_date)
        self.reco("dbt", "build", "--select", "tag:outcomes", "--run-date", self.run_date)
        self.reco("copy-analytics")


SETTINGS = """
[project]
namespace = "e2e"
[evaluate]
validation_days = 7
test_days = 7
min_warm_users = 50
[train.als]
factors = [16]
regularization = [1.0]
alpha = [10.0]
half_life_days = [0.0]
"""


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis-protocol server on a free port."""
    from jobs.embedded_store import running_store

    with running_store(tmp_path_factory.mktemp("store"), port=_free_port()) as store:
        yield store.url


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Workspace:
    """A simulated shop, landed, run for its last day, and published."""
    root = tmp_path_factory.mktemp("shop")
    (root / "reco.toml").write_text(SETTINGS)
    workspace = Workspace(root, store_url)
    size = ("--users", "600", "--items", "200", "--days", "30", "--seed", "5", "--start", "2026-01-01")
    workspace.reco("simulate", *size, "--out", str(root / "log"))
    workspace.run_date = workspace.reco("import", str(root / "log"))["last_event_date"]
    workspace.publish(workspace.run_day())
    return workspace
