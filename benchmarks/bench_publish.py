"""How fast lists and features get into the store, and how little room they take there.

`python -m benchmarks.bench_publish`. Lists: our writer beside redis-py with a SET a list, a
thousand to a pipeline, both from lists that are packed already; reading and packing them, and
the whole command in a process of its own with its peak memory, are told apart. Short ids, then
UUIDs. Features: our writer, from Parquet on, beside Feast's `materialize`. The two sides of a
comparison take turns, each time on an empty store; medians count.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.publish_rounds import (
    Round,
    materialize_features,
    publish_in_a_process,
    set_each,
    write_buckets,
    write_feature_partitions,
    write_our_features,
)
from benchmarks.report import write_report
from jobs.features import apply_features
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.read_lists import PackedBatch, stream_lists
from reco_contracts.settings import Settings, load_settings

GENERATION = "20240501-001"

T = TypeVar("T")


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    parameters = {name: getattr(arguments, name) for name in ("users", "items", "k", "rounds", "feature_rows")}
    with tempfile.TemporaryDirectory(prefix="reco-bench-") as name:
        folder = Path(name)
        short = _lists(folder, arguments, has_uuids=False)
        uuids = _lists(folder, arguments, has_uuids=True)
        features, per_second = _features(folder, arguments)
    rows = [*short.pop("rows"), *uuids.pop("rows"), *features]
    write_report("publish", rows, parameters, **short, features_per_second=per_second, uuids=uuids)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--k", type=int, default=50, help="items in a list")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--feature-rows", type=int, default=100_000, help="users with features; a tenth as many items")
    return parser.parse_args()


def _lists(folder: Path, arguments: argparse.Namespace, *, has_uuids: bool) -> dict[str, Any]:
    """All rounds of one kind of ids: findings, and the rows of the table."""
    shape = FolderShape(users=arguments.users, items=arguments.items, k=arguments.k, has_uuids=has_uuids)
    data = folder / ("uuids" if has_uuids else "short")
    settings = load_settings(paths={"data": data})
    write_list_folder(settings.layout, GENERATION, shape)
    whole = _on_a_store(folder, settings, lambda other: publish_in_a_process(other, GENERATION))
    began = perf_counter()
    batches = list(stream_lists(settings.layout.list_file(GENERATION, "home", "default"), shape.items))
    packing = perf_counter() - began
    ours, plain = _take_turns(folder, settings, arguments.rounds, batches)
    payload = sum(len(user.encode()) + len(value) for batch in batches for user, value in zip(*batch, strict=True))
    per_second = {"reco": _rate(ours), "redis_py_set": _rate(plain)}
    ids = "UUIDs" if has_uuids else "short ids"
    return {
        "lists_per_second": per_second,
        "lists_ratio": round(per_second["reco"] / per_second["redis_py_set"], 2),
        "bytes_per_user": round(ours[-1].memory / shape.users, 1),
        "payload_bytes_per_user": round(payload / shape.users, 1),
        "bytes_ratio": round(ours[-1].memory / payload, 3),
        "reading_and_packing_seconds": round(packing, 2),
        "whole_command": {name: whole[name] for name in ("lists", "seconds", "lists_per_second", "peak_memory_mb")},
        "rows": [_row(f"reco, buckets; {ids}", ours), _row(f"redis-py, one SET a list; {ids}", plain)],
    }


def _take_turns(
    folder: Path, settings: Settings, rounds: int, batches: list[PackedBatch]
) -> tuple[list[Round], list[Round]]:
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(_on_a_store(folder, settings, lambda other: write_buckets(other, batches)))
        plain.append(_on_a_store(folder, settings, lambda other: set_each(other, batches)))
    return ours, plain


def _features(folder: Path, arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, int]]:
    settings = load_settings(paths={"data": folder / "features"})
    rows = write_feature_partitions(settings, arguments.feature_rows)
    apply_features.run(settings)
    ours, feasts = [], []
    for _ in range(arguments.rounds):
        ours.append(_on_a_store(folder, settings, lambda other: write_our_features(other, rows)))
        feasts.append(_on_a_store(folder, settings, lambda other: materialize_features(other, rows)))
    table = [_row("reco, features", ours), _row("feast materialize", feasts)]
    return table, {"reco": _rate(ours), "feast_materialize": _rate(feasts)}


def _on_a_store(folder: Path, settings: Settings, measure: Callable[[Settings], T]) -> T:
    """Measure against an empty server: memory is told from what it was before."""
    with embedded_store(folder / "store") as server:
        return measure(settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": server.url})}))


def _rate(rounds: list[Round]) -> int:
    return round(median(one.per_second for one in rounds))


def _row(way: str, rounds: list[Round]) -> dict[str, Any]:
    return {
        "way": way,
        "rows": rounds[-1].rows,
        "rows_per_second": _rate(rounds),
        "slowest": round(min(one.per_second for one in rounds)),
        "fastest": round(max(one.per_second for one in rounds)),
        "bytes_a_row": round(rounds[-1].memory / rounds[-1].rows, 1),
    }


if __name__ == "__main__":
    main()
