"""An Airflow home of its own, and a stand-in for `reco` that is first on the PATH."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobs.operations.airflow_home import DAGS, airflow_command, airflow_environment
from jobs.operations.follow_dag_run import RunProgress
from reco_contracts.artifacts import Layout

SHIMS = Path(__file__).parent / "shims"


def plain_environment() -> dict[str, str]:
    """This process's variables without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RECO_", "AIRFLOW"))}


@dataclass
class DagRunResult:
    """A finished `airflow dags test`."""

    exit_code: int
    output: str
    calls: list[str]
    progress: RunProgress = field(default_factory=RunProgress)

    @property
    def commands(self) -> list[str]:
        """The commands that were called, without their options."""
        return [call.split()[0] for call in self.calls]


@pytest.fixture(scope="session")
def airflow_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a new Airflow home whose tables are made; no pool is."""
    environment = airflow_environment(Layout(tmp_path_factory.mktemp("airflow")), 0, plain_environment())
    subprocess.run(airflow_command("db", "migrate"), env=environment, check=True, capture_output=True)
    return environment


@pytest.fixture
def shimmed(airflow_variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment in which `reco` is the stand-in."""
    return {
        **airflow_variables,
        "PATH": os.pathsep.join([str(SHIMS), airflow_variables["PATH"]]),
        "RECO_SHIM_CALLS": str(tmp_path / "calls"),
        "RECO_TASK_RETRIES": "off",
    }


@pytest.fixture(scope="session")
def described(airflow_variables: dict[str, str]) -> dict[str, Any]:
    """What Airflow finds in dags/."""
    script = Path(__file__).with_name("describe_dags.py")
    done = subprocess.run(
        [sys.executable, str(script), str(DAGS)], env=airflow_variables, check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return result


@pytest.fixture(scope="session")
def reco_tasks(airflow_variables: dict[str, str]) -> Iterator[ModuleType]:
    """The module of the operator, imported as Airflow imports it: dags/ is on the path."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in airflow_variables.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(DAGS))
        yield importlib.import_module("reco_tasks")


def run_dag(environment: dict[str, str], dag_id: str, conf: dict[str, Any] | None = None) -> DagRunResult:
    """`airflow dags test`, to its end."""
    command = airflow_command("dags", "test", dag_id, *(["--conf", json.dumps(conf)] if conf else []))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    output = done.stdout + done.stderr
    calls_file = Path(environment["RECO_SHIM_CALLS"])
    calls = calls_file.read_text().splitlines() if calls_file.exists() else []
    result = DagRunResult(done.returncode, output, calls)
    for line in output.splitlines():
        result.progress.read_line(line)
    return result
