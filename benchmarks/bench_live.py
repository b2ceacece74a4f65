"""From a click to a changed list, under load: what `make bench-live` prints.

`python -m benchmarks.bench_live`. Beside a constant stream of reads, clicks of users
come one after the other. Each user's list is read before; the clock starts when the
click's 202 is there and stops when an answer holds what is like the clicked item. So
the figure has one read in it at least.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

import httpx
import msgspec
import redis

from benchmarks.http_target import LoadResult, Target
from benchmarks.list_folder import FolderShape, item_id, user_id, write_list_folder
from benchmarks.report import write_report
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.progress import track
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.settings import Settings, load_settings

_GENERATION = "20240501-001"
_ROOT = Path(__file__).parent.parent
_EVENT_SHARE = 0.05
_GIVE_UP_SECONDS = 5.0
_WANTED_MS = 50.0


class Effect(msgspec.Struct):
    """What became of one click.

    Attributes:
        accepted_ms: from the request to its 202.
        effect_ms: from the 202 to a changed list.
        reads: answers that were asked for until then.
    """

    accepted_ms: float
    effect_ms: float
    reads: int


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="reco-bench-") as folder, ExitStack() as running:
        store = running.enter_context(embedded_store(Path(folder) / "store", StoreOptions(is_durable=True)))
        settings = load_settings(paths={"data": folder}, redis={"url": store.url})
        shape = FolderShape(users=arguments.users, items=arguments.items)
        write_list_folder(settings.layout, _GENERATION, shape)
        publish(_GENERATION, settings)
        environment = {"RECO_PATHS__DATA": folder, "RECO_REDIS__URL": store.url}
        api = running.enter_context(lookup_api(settings, ApiOptions(port=0, environment=environment)))
        cases = {}
        for name, fsync, rate in _cases(arguments.rate):
            _prepare(settings, fsync)
            with _load(api, arguments, rate) as load:
                cases[name] = _clicks(api, shape, arguments, seed=len(cases)), load
    rows = [_row(name, *case) for name, case in cases.items()]
    parameters = {
        "users": arguments.users,
        "items": arguments.items,
        "clicks": arguments.clicks,
        "rate": arguments.rate,
    }
    under_load = rows[1]
    write_report(
        "live",
        rows,
        parameters,
        click_to_list_p50_ms=under_load["effect_p50_ms"],
        click_to_list_p99_ms=under_load["effect_p99_ms"],
        is_below_50_ms=under_load["effect_p99_ms"] < _WANTED_MS,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--clicks", type=int, default=500, help="in every case")
    parser.add_argument("--rate", type=float, default=4_000.0, help="reads a second beside the clicks")
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


def _cases(rate: float) -> list[tuple[str, str, float]]:
    """Name, the store's append-only file, reads a second."""
    return [
        ("no load, log synced each second", "everysec", 0.0),
        ("under load, log synced each second", "everysec", rate),
        ("under load, log synced at each write", "always", rate),
    ]


def _prepare(settings: Settings, fsync: str) -> None:
    """Set the store's log, and drain what was posted so far."""
    with redis.Redis.from_url(settings.redis.url) as store:
        store.config_set("appendfsync", fsync)
        store.unlink(settings.keys.events(0), settings.keys.served(0))


@contextmanager
def _load(api: ApiProcess, arguments: argparse.Namespace, rate: float) -> Iterator[list[LoadResult]]:
    """Reads and batches of events at a constant rate while the block runs; what they measured is there after it."""
    measured: list[LoadResult] = []
    if not rate:
        yield measured
        return
    reads = Target(port=api.port, path=f"/v1/users/user-{{{arguments.users}}}/recommendations")
    event = f'{{"user_id":"busy-{{{arguments.users}}}","item_id":"item-{{{arguments.items}}}","event_type":"view"}}'
    events = Target(port=api.port, path="/v1/events", method="POST", body=event)
    seconds = 3.0 + arguments.clicks / 100
    processes = [
        _steady(reads, rate * (1 - _EVENT_SHARE), seconds, arguments.connections),
        _steady(events, rate * _EVENT_SHARE, seconds, arguments.connections),
    ]
    sleep(1.0)  # until they run
    try:
        yield measured
    finally:
        outputs = [process.communicate()[0] for process in processes]
    measured += [msgspec.json.decode(output, type=LoadResult) for output in outputs]


def _steady(target: Target, rate: float, seconds: float, connections: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.steady_load", "--target", msgspec.json.encode(target).decode()]
    command += ["--rate", str(rate), "--seconds", str(seconds), "--connections", str(connections)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT)


def _clicks(api: ApiProcess, shape: FolderShape, arguments: argparse.Namespace, seed: int) -> list[Effect]:
    """Click and look, user by user; half of them have a list of their own."""
    effects = []
    with httpx.Client(base_url=api.url) as client:
        for number in track(range(arguments.clicks), "clicks", arguments.clicks):
            place = seed * arguments.clicks + number
            # Far from what their lists hold: 7 x the user's number and on, and the first items of all.
            clicked = (shape.items // 2 + (number if number % 2 else 7 * place)) % shape.items
            user = f"newcomer-{place}" if number % 2 else user_id(place)
            effects.append(_effect(client, user, clicked, shape))
    return effects


def _effect(client: httpx.Client, user: str, clicked: int, shape: FolderShape) -> Effect:
    wanted = f'"{item_id((clicked + 1) % shape.items)}"'.encode()
    path = f"/v1/users/{user}/recommendations"
    before = client.get(path).content
    if wanted in before:
        raise ValueError(f"the list of {user} holds {wanted.decode()} already: {before.decode()}")
    event = {"user_id": user, "item_id": item_id(clicked), "event_type": "click"}
    began = perf_counter()
    client.post("/v1/events", json=event).raise_for_status()
    accepted, deadline = perf_counter(), monotonic() + _GIVE_UP_SECONDS
    for reads in range(1, 10_000):
        if wanted in client.get(path).content:
            return Effect((accepted - began) * 1e3, (perf_counter() - accepted) * 1e3, reads)
        if monotonic() > deadline:
            break
    raise TimeoutError(f"user {user}: the list did not change within {_GIVE_UP_SECONDS} s of the 202")


def _row(name: str, effects: list[Effect], load: list[LoadResult]) -> dict[str, Any]:
    def percentile(values: list[float], share: float) -> float:
        return round(sorted(values)[int(share * (len(values) - 1))], 2)

    took, seen = [effect.accepted_ms for effect in effects], [effect.effect_ms for effect in effects]
    return {
        "case": name,
        "accepted_p50_ms": percentile(took, 0.5),
        "accepted_p99_ms": percentile(took, 0.99),
        "effect_p50_ms": percentile(seen, 0.5),
        "effect_p99_ms": percentile(seen, 0.99),
        "reads_until_seen": round(sum(effect.reads for effect in effects) / len(effects), 2),
        "read_p99_ms": round(load[0].latencies_us[int(0.99 * (load[0].requests - 1))] / 1e3, 2) if load else None,
        "reads_per_second": round(load[0].requests / load[0].seconds) if load else 0,
        "failed_reads": load[0].failed if load else 0,
    }


if __name__ == "__main__":
    main()
