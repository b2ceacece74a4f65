"""Memory of an API worker over minutes of load and many generations: `python -m benchmarks.soak`.

Flat means that the last third of the samples lies no more than five per cent above the
second one; the first third fills caches.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import redis

from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.mixed_load import MixedLoad
from benchmarks.report import write_report
from benchmarks.swap_under_load import finish_load, percentiles_ms, start_load, variables
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.operations.supervise_processes import process_tree
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.settings import Settings, load_settings

_MB: Final = 1024
_FIRST_DAY: Final = date(2024, 1, 1)
_LONGER_THAN_THE_REST: Final = 5.0
_FLAT_SHARE: Final = 1.05


def main() -> None:
    """Run the benchmark."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="reco-soak-") as folder:
        report = measure(Path(folder), given)
    if not report["is_flat"] or report["errors"] or report["mixed_answers"]:
        raise SystemExit("memory grew, or there were errors; see above")


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Load a worker, swap generations under it, and watch its memory.

    Args:
        folder: for the store and the lists.
        given: sizes; see `_arguments`.
    """
    shapes = _shapes(given)
    names = list(shapes)
    with embedded_store(folder / "store") as store:
        settings = load_settings(paths={"data": str(folder)}, redis={"url": store.url})
        _publish(settings, names[0], shapes)
        with lookup_api(settings, ApiOptions(port=0, workers=1, environment=variables(settings))) as api:
            seconds = given.minutes * 60
            load = MixedLoad(
                port=api.port,
                seconds=seconds + _LONGER_THAN_THE_REST,
                rate=given.rate,
                event_share=0.05,
                users=given.users,
                items=given.items,
                shifts={name: shape.shift for name, shape in shapes.items()},
            )
            running = start_load(load)
            rows = _watch(
                lambda: worker_memory_mb(api.pid),
                seconds,
                lambda number: _swap(settings, names[number], shapes),
                given.swaps,
            )
            result = finish_load(running)
    last, before = (median(row["memory_mb"] for row in part) for part in (_third(rows, 2), _third(rows, 1)))
    return write_report(
        "soak",
        _shortened(rows),
        {"minutes": given.minutes, "swaps": given.swaps, "rate": given.rate, "items": given.items},
        is_flat=bool(last <= before * _FLAT_SHARE),
        growth_share=round(last / before - 1, 4),
        memory_mb={"second_third": round(before, 1), "last_third": round(last, 1)},
        reads=len(result.latency_us),
        events=len(result.event_us),
        generations_seen=len(result.generations),
        errors=result.n_errors,
        error_examples="; ".join(result.errors[:3]),
        mixed_answers=result.mixed,
        p99_ms=percentiles_ms(np.array(result.latency_us))["p99"],
    )


def worker_memory_mb(server: int) -> float:
    """Resident memory of the largest process below the server's main one, MB."""
    sizes = []
    for process in process_tree(server):
        if process.pid == server:
            continue
        status = Path(f"/proc/{process.pid}/status").read_text()
        sizes.append(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / _MB)
    return max(sizes)


def _watch(measure_mb: Callable[[], float], seconds: float, swap: Callable[[int], None], swaps: int) -> list[Any]:
    """Swap at even distances, and note the memory before each swap and once a step."""
    rows: list[dict[str, Any]] = []
    began, done = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        rows.append({"second": round(now), "swaps": done, "memory_mb": round(measure_mb(), 1)})
        if done < swaps and now >= (done + 1) * seconds / (swaps + 1):
            done += 1
            swap(done)
        time.sleep(min(2.0, seconds / 60))
    return rows


def _shapes(given: argparse.Namespace) -> dict[str, FolderShape]:
    days = [_FIRST_DAY + timedelta(days=number) for number in range(given.swaps + 1)]
    return {
        f"{day:%Y%m%d}-001": FolderShape(users=given.users, items=given.items, shift=13 * number, run_date=day)
        for number, day in enumerate(days)
    }


def _swap(settings: Settings, name: str, shapes: dict[str, FolderShape]) -> None:
    _publish(settings, name, shapes)
    with redis.Redis.from_url(settings.redis.url) as store:  # as if they had been drained
        store.unlink(*(settings.keys.events(shard) for shard in range(settings.streams.event_shards)))
        store.unlink(*(settings.keys.served(shard) for shard in range(settings.served.shards)))


def _publish(settings: Settings, name: str, shapes: dict[str, FolderShape]) -> None:
    write_list_folder(settings.layout, name, shapes[name])
    publish(name, settings)


def _third(rows: list[Any], number: int) -> list[Any]:
    return rows[number * len(rows) // 3 : (number + 1) * len(rows) // 3]


def _shortened(rows: list[Any]) -> list[Any]:
    step = max(1, len(rows) // 20)
    return rows[::step]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="requests a second, 5 %% of them events")
    return parser.parse_args()


if __name__ == "__main__":
    main()
