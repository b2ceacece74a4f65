"""Break the store and the API under load, and see what readers get: `python -m benchmarks.faults`.

Every scene starts real processes, breaks one of them, mends it, and tells how long it
took until lists came from the store again.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis

from benchmarks.fault_load import Posters, Readers
from benchmarks.list_folder import FolderShape, write_list_folder
from benchmarks.report import write_report
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.publishing.embedded_store import StoreAddress, StoreOptions, embedded_store
from jobs.publishing.publish_lists import run as publish
from reco_contracts.settings import Settings, load_settings
from reco_contracts.stream_entries import EVENTS_FIELD

GENERATION: Final = "20240501-001"
_SHAPE: Final = FolderShape(users=400, items=300)
_FROM_STORE: Final = {"personal"}
_FROM_MEMORY: Final = {"fallback", "popular"}
_FAULT_SECONDS: Final = 0.7
_PAUSE_SECONDS: Final = 5.0
_PASSWORD: Final = "right"  # noqa: S105 - of a store that lives for seconds


class Outcome(NamedTuple):
    """What readers met.

    Attributes:
        recovered_seconds: from the repair to the first list from the store.
        answers: all.
        failed: of them with 5xx.
        unanswered: questions that found no server.
        slowest_ms: the slowest answer.
        sources: answers by status and source.
    """

    recovered_seconds: float
    answers: int
    failed: int
    unanswered: int
    slowest_ms: float
    sources: dict[str, int]


class Stage(NamedTuple):
    """Where a scene plays.

    Attributes:
        folder: of the store and the data.
        settings: for both.
    """

    folder: Path
    settings: Settings


def main() -> None:
    """Play all scenes and print the table."""
    rows: list[dict[str, Any]] = []
    for name, scene in SCENES.items():
        with tempfile.TemporaryDirectory(prefix="reco-faults-") as folder:
            outcome = scene(Path(folder))
        rows.append({"fault": name.replace("_", " ")} | outcome._asdict() | {"sources": str(outcome.sources)})
    with tempfile.TemporaryDirectory(prefix="reco-faults-") as folder:
        posted = events_while_the_store_is_killed(Path(folder))
    found = {"events_accepted": posted.accepted, "accepted_events_lost": posted.lost}
    write_report("faults", rows, {"readers": 4, "users": _SHAPE.users}, **found)


def store_killed_and_restarted_with_its_data(folder: Path) -> Outcome:
    """SIGKILL; an append-only file brings everything back."""
    return _killed(folder, StoreOptions(is_durable=True, extra={"appendfsync": "always"}))


def store_killed_and_restarted_empty(folder: Path) -> Outcome:
    """SIGKILL, and nothing is left; lists come from the store again after the next publish."""
    return _killed(folder, StoreOptions())


def store_stopped_for_five_seconds(folder: Path) -> Outcome:
    """SIGSTOP: connections stay open, and nothing answers."""
    with _store(folder) as (store, stage), _api(stage) as api, _readers(api) as readers:
        os.kill(store.pid, signal.SIGSTOP)
        try:
            readers.wait_for(_FROM_MEMORY, time.monotonic())
            time.sleep(_PAUSE_SECONDS)
        finally:
            os.kill(store.pid, signal.SIGCONT)
        return _recovered(readers, time.monotonic())


def store_is_slow_for_a_while(folder: Path) -> Outcome:
    """Every reply is late: the breaker keeps readers from waiting for it."""
    with _store(folder) as (store, stage), _api(stage) as api, _readers(api) as readers:
        with redis.Redis.from_url(store.url) as client:
            for _ in range(3):
                client.execute_command("CLIENT", "PAUSE", 400, "ALL")
                time.sleep(0.5)
        return _recovered(readers, time.monotonic())


def store_not_there_when_the_api_starts(folder: Path) -> Outcome:
    """Connection refused at the start; the copy on disk answers."""
    with _store(folder) as (store, stage), _api(stage) as api:
        port, options = store.port, StoreOptions(port=store.port)
        with _readers(api):
            pass  # a first process leaves the copy on disk
    with _api(stage) as api, _readers(api, _FROM_MEMORY) as readers:
        time.sleep(_FAULT_SECONDS)
        with embedded_store(folder / "store", options) as store:
            assert store.port == port
            publish(GENERATION, stage.settings)
            return _recovered(readers, time.monotonic())


def store_rejects_the_password(folder: Path) -> Outcome:
    """The store asks for another password than the API has, until it is set right."""
    with _store(folder) as (store, stage):
        with _api(stage) as api, _readers(api):
            pass
        with redis.Redis.from_url(store.url) as client:
            client.config_set("requirepass", "wrong")
            with _api(stage, RECO_REDIS__PASSWORD=_PASSWORD) as api, _readers(api, _FROM_MEMORY) as readers:
                time.sleep(_FAULT_SECONDS)
                client.execute_command("CONFIG", "SET", "requirepass", _PASSWORD)
                return _recovered(readers, time.monotonic())


def store_is_out_of_memory(folder: Path) -> Outcome:
    """The store takes no writes; reading goes on from it."""
    with _store(folder) as (store, stage), _api(stage) as api, _readers(api) as readers:
        with redis.Redis.from_url(store.url) as client:
            client.config_set("maxmemory", "1mb")
            time.sleep(_FAULT_SECONDS)
            client.config_set("maxmemory", "0")
        return _recovered(readers, time.monotonic())


def api_worker_killed(folder: Path) -> Outcome:
    """SIGKILL for one of two workers; the server starts another one."""
    with _store(folder) as (_, stage), _api(stage, workers=2) as api, _readers(api) as readers:
        worker = _workers_of(api.pid)[0]
        os.kill(worker, signal.SIGKILL)
        killed_at = time.monotonic()
        while worker in _workers_of(api.pid) or len(_workers_of(api.pid)) < 2:
            time.sleep(0.02)
        time.sleep(_FAULT_SECONDS)
        return _recovered(readers, killed_at)


def api_killed_and_restarted(folder: Path) -> Outcome:
    """SIGKILL for the whole API under load, and a new one on the same port."""
    with _store(folder) as (_, stage), _api(stage) as api, _readers(api) as readers:
        workers = _workers_of(api.pid)
        for pid in (api.pid, *workers):
            os.kill(pid, signal.SIGKILL)
        api.process.wait()
        time.sleep(_FAULT_SECONDS)
        began = time.monotonic()
        with _api(stage, port=api.port):
            return _recovered(readers, began)


class Posted(NamedTuple):
    """What became of posted events.

    Attributes:
        accepted: answered with 202.
        lost: of them not in the stream afterwards.
        statuses: of all posts; 0 = no answer.
    """

    accepted: int
    lost: int
    statuses: dict[int, int]


def events_while_the_store_is_killed(folder: Path) -> Posted:
    """SIGKILL for the store under posts, three times; with `appendfsync always` a 202 is kept."""
    always = {"appendfsync": "always"}
    with ExitStack() as running:
        options = StoreOptions(is_durable=True, extra=always)
        store, stage = running.enter_context(_store(folder, options))
        posters = running.enter_context(Posters(running.enter_context(_api(stage)).port))
        for _ in range(3):
            posters.wait_for_more(30)
            os.kill(store.pid, signal.SIGKILL)
            _wait_until_gone(store.pid)
            time.sleep(0.2)
            options = StoreOptions(port=store.port, is_durable=True, extra=always)
            store = running.enter_context(embedded_store(folder / "store", options))
        posters.wait_for_more(30)
        accepted = list(posters.accepted)
        return Posted(len(accepted), len(set(accepted) - _posted_ids(stage.settings)), dict(posters.statuses))


SCENES: Final[dict[str, Callable[[Path], Outcome]]] = {
    scene.__name__: scene
    for scene in (
        store_killed_and_restarted_with_its_data,
        store_killed_and_restarted_empty,
        store_stopped_for_five_seconds,
        store_is_slow_for_a_while,
        store_not_there_when_the_api_starts,
        store_rejects_the_password,
        store_is_out_of_memory,
        api_worker_killed,
        api_killed_and_restarted,
    )
}


def _killed(folder: Path, options: StoreOptions) -> Outcome:
    with _store(folder, options) as (store, stage), _api(stage) as api, _readers(api) as readers:
        os.kill(store.pid, signal.SIGKILL)
        readers.wait_for(_FROM_MEMORY, time.monotonic())
        time.sleep(_FAULT_SECONDS)
        again = StoreOptions(port=store.port, is_durable=options.is_durable, extra=options.extra)
        _wait_until_gone(store.pid)
        with embedded_store(folder / "store", again):
            began = time.monotonic()
            if not options.is_durable:
                publish(GENERATION, stage.settings)
                began = time.monotonic()
            return _recovered(readers, began)


def _posted_ids(settings: Settings) -> set[str]:
    """Ids of all events in the streams."""
    ids: set[str] = set()
    with redis.Redis.from_url(settings.redis.url) as client:
        for shard in range(settings.streams.event_shards):
            entries: Any = client.xrange(settings.keys.events(shard))
            for _, fields in entries:
                ids.update(event["event_id"] for event in json.loads(fields[EVENTS_FIELD.encode()]))
    return ids


def _recovered(readers: Readers, since: float) -> Outcome:
    seconds = readers.wait_for(_FROM_STORE, since)
    time.sleep(0.3)
    return Outcome(
        recovered_seconds=round(seconds, 3),
        answers=len(readers.answers),
        failed=readers.failed(),
        unanswered=readers.unanswered(),
        slowest_ms=round(readers.slowest() * 1_000, 1),
        sources=readers.statuses(),
    )


@contextmanager
def _store(folder: Path, options: StoreOptions | None = None) -> Iterator[tuple[StoreAddress, Stage]]:
    """A store with one generation in it."""
    with embedded_store(folder / "store", options) as store:
        settings = load_settings(paths={"data": str(folder / "data")}, redis={"url": store.url})
        write_list_folder(settings.layout, GENERATION, _SHAPE)
        publish(GENERATION, settings)
        yield store, Stage(folder, settings)


@contextmanager
def _api(stage: Stage, *, workers: int = 1, port: int = 0, **environment: str) -> Iterator[ApiProcess]:
    """An API on this store, in processes of its own."""
    variables = {
        "RECO_PATHS__DATA": str(stage.settings.layout.root),
        "RECO_REDIS__URL": stage.settings.redis.url,
        "RECO_REDIS__CONNECT_TIMEOUT_SECONDS": "0.5",
        "RECO_LOG_LEVEL": "ERROR",
    }
    options = ApiOptions(port=port, workers=workers, environment=variables | environment)
    with lookup_api(stage.settings, options) as api:
        yield api


@contextmanager
def _readers(api: ApiProcess, sources: set[str] = _FROM_STORE) -> Iterator[Readers]:
    """Readers who have seen what they are to see at the beginning."""
    with Readers(api.port, _SHAPE.users) as readers:
        readers.wait_for(sources, 0.0)
        time.sleep(0.2)
        yield readers


def _workers_of(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in found.split()]


def _wait_until_gone(pid: int) -> None:
    """Wait for a process of ours that was killed: its parent, which we are, has it until it is waited for."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.01)


if __name__ == "__main__":
    main()
