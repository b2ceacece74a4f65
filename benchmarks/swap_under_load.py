"""A new generation is published under load, and the pointer moves: `python -m benchmarks.swap_under_load`.

The two generations differ in every position of every list, and titles carry the
generation's name, so that a mixture would show in any answer.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.mixed_load import MixedLoad, MixedResult
from benchmarks.report import write_report
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.settings import Settings, load_settings

OLD, NEW = "20240501-001", "20240502-001"
_ROOT: Final = Path(__file__).parent.parent
_SHIFTS: Final = {OLD: 0, NEW: 13}


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="reco-swap-") as folder:
        report = measure(Path(folder), given)
    if report["errors"] or report["mixed_answers"]:
        raise SystemExit("there were errors or mixed answers; see above")


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Publish, swap under load, and report.

    Args:
        folder: for the store and the lists.
        given: sizes; see `_arguments`.
    """
    with embedded_store(folder / "store", StoreOptions(is_durable=True)) as store:
        settings = load_settings(paths={"data": str(folder)}, redis={"url": store.url})
        for day, (name, shift) in enumerate(_SHIFTS.items(), start=1):
            shape = FolderShape(users=given.users, items=given.items, shift=shift, run_date=date(2024, 5, day))
            write_list_folder(settings.layout, name, shape)
        publish(OLD, settings)
        environment = variables(settings)
        with lookup_api(settings, ApiOptions(port=0, workers=given.workers, environment=environment)) as api:
            warm_up = start_load(_load(api, given, seconds=3.0))
            finish_load(warm_up)
            running = start_load(_load(api, given, given.seconds))
            time.sleep(given.seconds / 4)
            began, ended = publish_apart(NEW, environment)
            result = finish_load(running)
    return _report(result, began, ended, given)


def variables(settings: Settings) -> dict[str, str]:
    """What gives another process these settings."""
    return {
        "RECO_PATHS__DATA": str(settings.layout.root),
        "RECO_REDIS__URL": settings.redis.url,
        "RECO_LOG_LEVEL": "ERROR",
    }


def publish_apart(generation: str, environment: dict[str, str]) -> tuple[float, float]:
    """Publish in a process of its own; monotonic times of its begin and end."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "jobs.cli.main", "publish-lists", "--generation", generation, "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment},
        cwd=_ROOT,
    )
    return began, time.monotonic()


def start_load(load: MixedLoad) -> "subprocess.Popen[bytes]":
    """Begin to ask, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.mixed_load", "--load", msgspec.json.encode(load).decode()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT)


def finish_load(process: "subprocess.Popen[bytes]") -> MixedResult:
    """Wait for the end of a load, and give what came back."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the load ended with status {process.returncode}")
    return msgspec.json.decode(output, type=MixedResult)


def percentiles_ms(latency_us: npt.NDArray[np.int64]) -> dict[str, float]:
    """The middle and the tail of latencies."""
    if not len(latency_us):
        return {"p50": 0.0, "p99": 0.0, "p99_9": 0.0}
    return {
        name: round(float(np.percentile(latency_us, share)) / 1e3, 2)
        for name, share in (("p50", 50), ("p99", 99), ("p99_9", 99.9))
    }


def _load(api: ApiProcess, given: argparse.Namespace, seconds: float) -> MixedLoad:
    return MixedLoad(
        port=api.port,
        seconds=seconds,
        rate=given.rate,
        event_share=0.05,
        users=given.users,
        items=given.items,
        shifts=_SHIFTS,
    )


def _report(result: MixedResult, began: float, ended: float, given: argparse.Namespace) -> dict[str, Any]:
    at = np.array(result.at_ms) / 1e3 + result.began
    latency, generation = np.array(result.latency_us), np.array(result.generation)
    is_new = generation == _index(result.generations, NEW)
    first_new = float(at[is_new].min()) if is_new.any() else float("nan")
    last_old = float(at[~is_new].max())
    phases = {"before": at < began, "during": (at >= began) & (at <= max(ended, last_old)), "after": at > ended}
    rows = [
        {"phase": name, "reads": int(chosen.sum()), **{f"{key}_ms": value for key, value in found.items()}}
        for name, chosen in phases.items()
        for found in [percentiles_ms(latency[chosen])]
    ]
    return write_report(
        "swap",
        rows,
        {"users": given.users, "items": given.items, "seconds": given.seconds, "rate": given.rate},
        errors=result.n_errors,
        error_examples="; ".join(result.errors[:3]),
        mixed_answers=result.mixed,
        p99_ms={row["phase"]: row["p99_ms"] for row in rows},
        events=len(result.event_us),
        event_p99_ms=percentiles_ms(np.array(result.event_us))["p99"],
        publish_seconds=round(ended - began, 2),
        first_new_after_seconds=round(first_new - began, 3),
        both_generations_for_seconds=round(last_old - first_new, 3),
        new_share_at_the_end=round(float(is_new[-100:].mean()), 2),
        sources=result.sources,
    )


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1_000.0, help="requests a second, 5 %% of them events")
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
