"""Public logs through the demo: landed to the line, evaluated by the protocol, published and served."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reco_contracts.artifacts import Layout, complete_versions
from tests.e2e.conftest import RECO, plain_environment

pytestmark = [pytest.mark.slow, pytest.mark.real_data, pytest.mark.timeout(900)]

PER_USER, GLOBAL = "per-user last 20 %", "global"
LOGS = [
    # log, lines in, duplicates removed by dbt, split, test users
    pytest.param("ml-latest-small", 100_004, 0, PER_USER, 655, id="ml-latest-small"),
    pytest.param("online-retail/online_retail_2009_2010.csv.gz", 525_461, 6_765, GLOBAL, 1_703, id="online-retail"),
    pytest.param("completejourney", 75_000, None, GLOBAL, 1_809, id="completejourney"),
]


@pytest.mark.parametrize(("log", "lines", "duplicates", "split", "users"), LOGS)
def test_a_public_log_becomes_served_lists_and_als_beats_popularity(
    log: str,
    lines: int,
    duplicates: int | None,
    split: str,
    users: int,
    real_data: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    summary = _demo(real_data(log), tmp_path)

    landing = summary["landing"]
    assert landing["lines_in"] == lines
    assert landing["lines_in"] == landing["landed"] + sum(landing["quarantined_by_reason"].values())
    assert isinstance(landing["duplicates_removed"], int)
    assert duplicates is None or landing["duplicates_removed"] == duplicates
    assert summary["checks"] == {"features": "passed", "lists": "passed"}
    assert summary["generation"] == f"{summary['run_date'].replace('-', '')}-001"
    assert len(summary["users"]) == 3

    layout = Layout(Path(summary["workspace"]))
    manifest = json.loads((layout.models / complete_versions(layout.models)[-1] / "manifest.json").read_bytes())
    report = manifest["metrics"]
    scored = report["split"]
    assert report["primary_split"] == scored["name"] == split
    assert scored["warm_users"]["test"] == users
    assert scored["verdict"] == report["verdict"] == "beats"
    for metric in ("ndcg", "recall"):
        assert scored["difference"][metric]["low"] > 0, metric
        for model in ("als", "popularity"):
            mean = scored["models"][model][metric]
            assert mean["low"] < mean["value"] < mean["high"]


def _demo(log: Path, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(RECO), "demo", "--data", str(log), "--no-wait", "--json"],
        env=plain_environment() | {"RECO_PATHS__DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return summary
