"""Requests a second and latency of the lookup API, beside a trivial application on the same server, FastAPI and Feast.

`python -m benchmarks.bench_serving`. Rounds are interleaved, so that a noisy machine
is noisy for all; each rate is the median of the rounds. Then a constant arrival rate at
quarters of what our API took at most; those latencies go up to the 99.9th percentile.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.http_target import LoadResult
from benchmarks.report import RESULTS, write_report
from benchmarks.serving_plots import latency_chart
from benchmarks.serving_servers import Case, Servers, running_servers
from jobs.evaluation.draw_charts import save_chart
from jobs.progress import track

_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
_ROOT = Path(__file__).parent.parent
_OURS = "reco_full"


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="reco-bench-") as folder,
        running_servers(Path(folder), given.users, given.items, has_feast=not given.no_feast) as servers,
    ):
        closed = _closed(servers, given)
        capacity = _median_rate(closed[_OURS])
        steady = _steady(servers, capacity, given)
        lost = servers.lost_records()
    rows = [_row(case, closed[case.key]) for case in servers.cases]
    levels = [_level(share, results) for share, results in steady.items()]
    save_chart(latency_chart(levels, round(capacity)), RESULTS, "serving-latency")
    write_report(
        "serving",
        rows,
        {**vars(given), "no_feast": int(given.no_feast)},
        requests_per_second={row["case"]: row["requests_per_second"] for row in rows},
        share_of_trivial={case.key: _share(closed, case.key) for case in servers.cases},
        percentiles_ms={row["case"]: {name: row[f"{name}_ms"] for name in _PERCENTILES} for row in rows},
        constant_rate=[{key: value for key, value in level.items() if key != "curve"} for level in levels],
        served_records_lost=lost,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of every case")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round")
    parser.add_argument("--steady-seconds", type=float, default=10.0, help="length of a constant arrival rate")
    parser.add_argument("--no-feast", action="store_true", help="without `feast serve`, which is slow to begin")
    return parser.parse_args()


def _closed(servers: Servers, given: argparse.Namespace) -> dict[str, list[LoadResult]]:
    """As much as each takes: every connection asks again when it is answered."""
    results: dict[str, list[LoadResult]] = {case.key: [] for case in servers.cases}
    turns = [case for _ in range(given.rounds + 1) for case in servers.cases]
    for turn, case in enumerate(track(turns, "load", len(turns))):
        is_warm_up = turn < len(servers.cases)
        servers.prepare(case)
        seconds = 0.5 if is_warm_up else given.seconds
        result = _round("load_generator", case, seconds, given.connections, turn)
        if not is_warm_up:
            results[case.key].append(result)
    return results


def _steady(servers: Servers, capacity: float, given: argparse.Namespace) -> dict[float, LoadResult]:
    """Requests at a constant rate, whether answers come or not, at shares of our API's capacity."""
    ours = next(case for case in servers.cases if case.key == _OURS)
    results = {}
    for number, share in enumerate(track((0.25, 0.5, 0.75), "constant rate", 3)):
        servers.prepare(ours)
        rate = str(round(capacity * share))
        results[share] = _round("steady_load", ours, given.steady_seconds, 64, number, "--rate", rate)
    return results


def _round(program: str, case: Case, seconds: float, connections: int, seed: int, *others: str) -> LoadResult:
    command = [sys.executable, "-m", f"benchmarks.{program}", "--target", msgspec.json.encode(case.target).decode()]
    command += ["--seconds", str(seconds), "--connections", str(connections), "--seed", str(seed), *others]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    return msgspec.json.decode(done.stdout, type=LoadResult)


def _rate(result: LoadResult) -> float:
    return result.requests / result.seconds


def _median_rate(rounds: list[LoadResult]) -> float:
    return median(_rate(result) for result in rounds)


def _share(results: dict[str, list[LoadResult]], key: str) -> float:
    """A case's rate over the trivial application's: the median over rounds, each against its neighbour in time."""
    pairs = zip(results[key], results["trivial"], strict=True)
    return round(median(_rate(one) / _rate(trivial) for one, trivial in pairs), 3)


def _percentile_ms(result: LoadResult, share: float) -> float:
    return result.latencies_us[int(share * (result.requests - 1))] / 1_000


def _row(case: Case, rounds: list[LoadResult]) -> dict[str, Any]:
    latencies = {name: [_percentile_ms(one, share) for one in rounds] for name, share in _PERCENTILES.items()}
    return {
        "case": case.key,
        "what": case.title,
        "requests_per_second": round(_median_rate(rounds)),
        **{f"{name}_ms": round(median(values), 2) for name, values in latencies.items()},
        "bytes_an_answer": round(sum(one.bytes for one in rounds) / sum(one.requests for one in rounds)),
        "failed": sum(one.failed for one in rounds),
    }


def _level(share: float, result: LoadResult) -> dict[str, Any]:
    curve = [(1 - 10 ** (-step / 20), _percentile_ms(result, 1 - 10 ** (-step / 20))) for step in range(61)]
    return {
        "share_of_capacity": share,
        "requests_per_second": round(_rate(result)),
        **{f"{name}_ms": round(_percentile_ms(result, at), 2) for name, at in _PERCENTILES.items()},
        "failed": result.failed,
        "curve": curve,
    }


if __name__ == "__main__":
    main()
