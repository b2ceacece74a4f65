"""Requests a second and latency of the lookup API, beside a trivial application on the same server.

`python -m benchmarks.bench_serving`. Rounds are interleaved, so that a noisy machine
is noisy for both; each figure is the median of the rounds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.load_generator import LoadResult
from benchmarks.report import write_report
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.progress import track
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.settings import Settings, load_settings

_TRIVIAL, _HOME = "trivial app", "home list, 20 items"
_GENERATION = "20240501-001"
_ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="reco-bench-") as folder, ExitStack() as running:
        settings = _published(Path(folder), arguments, running)
        api = running.enter_context(lookup_api(settings, ApiOptions(port=0, environment=_environment(settings))))
        trivial_options = ApiOptions(port=0, application="benchmarks.trivial_app:app", interface="asgi")
        trivial = running.enter_context(lookup_api(settings, trivial_options))
        cases = _cases(api, trivial, arguments)
        results = _measure(cases, arguments)
    parameters = {
        "users": arguments.users,
        "items": arguments.items,
        "connections": arguments.connections,
        "rounds": arguments.rounds,
        "seconds_a_round": arguments.seconds,
    }
    rows = [_row(name, rounds) for name, rounds in results.items()]
    write_report("serving", rows, parameters, home_list_share_of_trivial_app=_share(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every case")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    return parser.parse_args()


def _published(folder: Path, arguments: argparse.Namespace, running: ExitStack) -> Settings:
    """Start a store and publish the lists into it."""
    store = running.enter_context(embedded_store(folder / "store"))
    settings = load_settings(paths={"data": str(folder)}, redis={"url": store.url})
    write_list_folder(settings.layout, _GENERATION, FolderShape(users=arguments.users, items=arguments.items))
    publish(_GENERATION, settings)
    return settings


def _environment(settings: Settings) -> dict[str, str]:
    return {"RECO_PATHS__DATA": str(settings.layout.root), "RECO_REDIS__URL": settings.redis.url}


def _cases(api: ApiProcess, trivial: ApiProcess, arguments: argparse.Namespace) -> dict[str, tuple[int, str]]:
    user = f"/v1/users/user-{{{arguments.users}}}/recommendations"
    return {
        _TRIVIAL: (trivial.port, "/"),
        _HOME: (api.port, user),
        "unknown user, 20 items": (api.port, "/v1/users/stranger-{1000000}/recommendations"),
        "one category, 20 items": (api.port, f"{user}?category=category-{{5}}"),
        "similar items, 20 items": (api.port, f"/v1/items/item-{{{arguments.items}}}/similar"),
    }


def _measure(cases: dict[str, tuple[int, str]], arguments: argparse.Namespace) -> dict[str, list[LoadResult]]:
    results: dict[str, list[LoadResult]] = {name: [] for name in cases}
    turns = [name for _ in range(arguments.rounds + 1) for name in cases]
    for turn, name in enumerate(track(turns, "load", len(turns))):
        is_warm_up = turn < len(cases)
        result = _round(*cases[name], 0.5 if is_warm_up else arguments.seconds, arguments.connections, seed=turn)
        if not is_warm_up:
            results[name].append(result)
    return results


def _share(results: dict[str, list[LoadResult]]) -> float:
    """The home list's rate over the trivial app's: the median over rounds, each against its neighbour in time."""
    pairs = zip(results[_HOME], results[_TRIVIAL], strict=True)
    return round(median((home.requests / home.seconds) / (app.requests / app.seconds) for home, app in pairs), 3)


def _round(port: int, path: str, seconds: float, connections: int, seed: int) -> LoadResult:
    command = [sys.executable, "-m", "benchmarks.load_generator", "--port", str(port), "--path", path]
    command += ["--seconds", str(seconds), "--connections", str(connections), "--seed", str(seed)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT, env=os.environ)
    return msgspec.json.decode(done.stdout, type=LoadResult)


def _row(name: str, rounds: list[LoadResult]) -> dict[str, Any]:
    def percentile(result: LoadResult, share: float) -> float:
        return result.latencies_us[int(share * (result.requests - 1))] / 1_000

    return {
        "case": name,
        "requests_per_second": round(median(result.requests / result.seconds for result in rounds)),
        "p50_ms": round(median(percentile(result, 0.5) for result in rounds), 2),
        "p99_ms": round(median(percentile(result, 0.99) for result in rounds), 2),
        "bytes_an_answer": round(sum(r.bytes for r in rounds) / sum(r.requests for r in rounds)),
        "failed": sum(result.failed for result in rounds),
    }


if __name__ == "__main__":
    main()
