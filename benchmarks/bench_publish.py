"""Lists a second and memory a user of publishing, beside redis-py with one SET a list.

`python -m benchmarks.bench_publish`. Ours is the whole command: reading Parquet,
packing, hashing, writing, reading back, switching. The other side only writes values
that are packed already, a thousand to a pipeline.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.report import write_report
from jobs.publishing.connect_store import Store, open_store
from jobs.publishing.embedded_store import embedded_store
from jobs.publishing.publish_lists import run as publish
from jobs.publishing.read_lists import stream_lists
from reco_contracts.settings import Settings, load_settings

_SETS_A_PIPELINE = 1_000


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    shape = FolderShape(users=arguments.users, items=arguments.items, k=arguments.k)
    published: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="reco-bench-") as folder:
        for number in range(1, arguments.rounds + 1):
            name = f"20240501-{number:03d}"
            # A server each round: memory is measured from an empty one.
            with embedded_store(Path(folder) / f"store-{number}") as server:
                settings = load_settings(paths={"data": folder}, redis={"url": server.url})
                write_list_folder(settings.layout, name, shape)
                published.append(_publish(settings, name))
            with embedded_store(Path(folder) / f"plain-{number}") as server:
                settings = load_settings(paths={"data": folder}, redis={"url": server.url})
                plain.append(_set_each(settings, name, shape))
    rows = [_row("publish-lists (all of it)", published), _row("redis-py, one SET a list", plain)]
    parameters = {"users": shape.users, "items": shape.items, "k": shape.k, "rounds": arguments.rounds}
    write_report("publish", rows, parameters)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--k", type=int, default=50, help="items in a list")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _publish(settings: Settings, generation: str) -> dict[str, Any]:
    with open_store(settings.redis) as store:
        before = _used_memory(store)
        began = perf_counter()
        summary = publish(generation, settings)
        seconds = perf_counter() - began
        return {
            "lists": summary["lists"],
            "seconds": seconds,
            "payload": summary["bytes"],
            "memory": _used_memory(store) - before,
        }


def _set_each(settings: Settings, generation: str, shape: FolderShape) -> dict[str, Any]:
    batches = list(stream_lists(settings.layout.list_file(generation, "home", "default"), shape.items))
    with open_store(settings.redis) as store:
        before = _used_memory(store)
        seconds, payload = 0.0, 0
        for batch in batches:
            pairs = [(f"lists:{user}", value) for user, value in zip(batch.subjects, batch.values, strict=True)]
            payload += sum(len(user) + len(value) for user, value in pairs)
            began = perf_counter()
            for first in range(0, len(pairs), _SETS_A_PIPELINE):
                with store.pipeline(transaction=False) as pipe:
                    for key, value in pairs[first : first + _SETS_A_PIPELINE]:
                        pipe.set(key, value)
                    pipe.execute()
            seconds += perf_counter() - began
        return {"lists": shape.users, "seconds": seconds, "payload": payload, "memory": _used_memory(store) - before}


def _used_memory(store: Store) -> int:
    memory: Any = store.info("memory")
    return int(memory["used_memory"])


def _row(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    last = rounds[-1]
    return {
        "way": name,
        "lists": last["lists"],
        "lists_per_second": round(median(one["lists"] / one["seconds"] for one in rounds)),
        "seconds": round(median(one["seconds"] for one in rounds), 2),
        "payload_bytes_a_list": round(last["payload"] / last["lists"], 1),
        "memory_bytes_a_list": round(last["memory"] / last["lists"], 1),
    }


if __name__ == "__main__":
    main()
