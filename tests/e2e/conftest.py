"""A small simulated shop with a store of its own, and Airflow's REST API as a client sees it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jobs.operations.airflow_home import airflow_command, airflow_environment
from jobs.publishing.connect_store import open_store
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.generation_store import read_pointer
from reco_contracts.artifacts import Layout
from reco_contracts.serving_settings import RedisSection
from reco_contracts.settings import load_settings

REPOSITORY = Path(__file__).parents[2]
DAG = "recommendations_daily"
RECO = Path(sys.executable).with_name("reco")
# The same as in docs/analyst-guide.md, whose answers are those of this shop.
SIZE = ("--users", "1000", "--items", "400", "--days", "30", "--seed", "5")
LATE_AND_BROKEN = Path(__file__).with_name("late_and_broken.csv")
SETTINGS = """
[project]
namespace = "dagtest"
[paths]
data = "data"
[evaluate]
validation_days = 5
test_days = 5
min_warm_users = 20
bootstrap_samples = 100
[train.als]
factors = [8]
regularization = [1.0]
alpha = [10.0]
half_life_days = [0.0]
[redis]
url = "URL"
"""
# Breaks the home lists after they are ranked: the first list holds its first item twice.
CORRUPTING = """#!{python}
import subprocess, sys
from pathlib import Path
code = subprocess.run(["{reco}", *sys.argv[1:]]).returncode
if sys.argv[1] == "rank" and code == 0:
    import polars as pl
    newest = sorted(Path("{data}/lists").glob("[!.]*"))[-1]
    path = newest / "home" / "default.parquet"
    lists = pl.read_parquet(path)
    broken = lists["item_indices"].to_list()
    broken[0] = [broken[0][0]] * len(broken[0])
    lists.with_columns(pl.Series("item_indices", broken, dtype=lists.schema["item_indices"])).write_parquet(path)
sys.exit(code)
"""


def plain_environment() -> dict[str, str]:
    """This process's variables without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RECO_", "AIRFLOW"))}


@dataclass
class Shop:
    """A landed shop.

    Attributes:
        root: the folder of its settings file.
        run_date: the last landed day.
    """

    root: Path
    run_date: str = ""

    @property
    def layout(self) -> Layout:
        return Layout(self.root / "data")

    @property
    def first(self) -> Layout:
        """What analysts had after the first run: their copy and the exports, in a data folder of its own."""
        return Layout(self.root / "first" / "data")

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(RECO.parent), os.environ["PATH"]])
        return plain_environment() | {
            "PATH": path,
            "RECO_CONFIG": str(self.root / "reco.toml"),
            "RECO_TASK_RETRIES": "off",
        }

    def reco(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(RECO), *words, "--json"], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return summary

    def corrupting_environment(self) -> dict[str, str]:
        """The environment in which `reco rank` leaves broken lists behind."""
        folder = self.root / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "reco"
        script.write_text(CORRUPTING.format(python=sys.executable, reco=RECO, data=self.layout.root))
        script.chmod(0o755)
        return self.environment | {"PATH": os.pathsep.join([str(folder), self.environment["PATH"]])}

    def live_generation(self) -> str | None:
        """What readers see."""
        url = (self.root / "store_url").read_text()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RECO_CONFIG", str(self.root / "reco.toml"))
            settings = load_settings(redis=RedisSection(url=url))
        with open_store(settings.redis) as store:
            live = read_pointer(store, settings.keys).live
        return live.generation if live else None

    def run_dag_in_process(self, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """`airflow dags test` for the last landed day."""
        variables = airflow_environment(self.layout, 0, environment)
        subprocess.run(airflow_command("db", "migrate"), env=variables, check=True, capture_output=True)
        command = airflow_command("dags", "test", DAG, "--conf", json.dumps({"run_date": self.run_date}))
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=280)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The landed shop of docs/analyst-guide.md, and a running store."""
    root = tmp_path_factory.mktemp("shop")
    with embedded_store(root / "data" / "store") as store:
        (root / "reco.toml").write_text(SETTINGS.replace("URL", store.url))
        (root / "store_url").write_text(store.url)
        made = Shop(root)
        made.reco("simulate", "--out", str(root / "log"), *SIZE)
        made.run_date = made.reco("import", str(root / "log"))["last_event_date"]
        made.reco("import", str(LATE_AND_BROKEN))
        yield made


@pytest.fixture(scope="session")
def published_shop(shop: Shop) -> Shop:
    """The shop when its last day was published for the first time; `first` keeps what analysts had then."""
    done = shop.run_dag_in_process(shop.environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    shop.first.analytics.parent.mkdir(parents=True)
    shutil.copy(shop.layout.analytics, shop.first.analytics)
    shutil.copytree(shop.layout.export("_").parent, shop.first.export("_").parent)
    return shop


class AirflowClient:
    """Airflow's REST API.

    Args:
        url: of the API server.
        user: login name.
        password: login password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        token = self.call("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
            return json.loads(response.read())

    def unpause(self, dag_id: str) -> None:
        """Wait until the DAG processor has found the DAG, then let it run."""
        _wait_until(lambda: self._has(dag_id), 120)
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def _has(self, dag_id: str) -> bool:
        return any(dag["dag_id"] == dag_id for dag in self.call("GET", "/api/v2/dags?exclude_stale=true")["dags"])

    def trigger(self, dag_id: str, conf: dict[str, Any], logical_date: str | None = None, **interval: str) -> str:
        body = {"logical_date": logical_date, "conf": conf, **interval}
        run = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return str(run["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Give the final state of a run."""
        quoted = quote(run_id, safe="")
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quoted}"
        _wait_until(lambda: self.call("GET", path)["state"] in ("success", "failed"), seconds)
        return str(self.call("GET", path)["state"])

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, seconds: float) -> None:
        """Until the task runs or has run."""
        _wait_until(lambda: self.task_states(dag_id, run_id)[task_id] in ("running", "success"), seconds)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        quoted = quote(run_id, safe="")
        answer = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quoted}/taskInstances?limit=100")
        found: list[dict[str, Any]] = answer["task_instances"]
        return found

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.tasks(dag_id, run_id)}

    def log_lines(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        quoted = quote(run_id, safe="")
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quoted}/taskInstances/{task_id}/logs/1"
        return [str(line.get("event")) for line in self.call("GET", path)["content"]]


def _wait_until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
