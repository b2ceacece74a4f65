"""Draining: what was posted and what was served leaves the store as landed rows, once, whatever is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest
import redis

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.draining.drain_events import run as drain
from jobs.landing.ledger import read_entries
from jobs.landing.read_quarantine import Choice, run_list
from reco_contracts.served_codec import encode_record, join_records
from reco_contracts.settings import Settings
from reco_contracts.stream_entries import DRAIN_GROUP

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
GENERATION = "20260401-001"


def event(number: int, **fields: object) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "user_id": f"user-{number % 7}",
        "item_id": f"item-{number}",
        "event_type": "click",
        "occurred_at": "2026-04-01T10:00:00Z",
        **fields,
    }


def post(store: redis.Redis, settings: Settings, *batches: list[dict[str, object]], shard: int = 0) -> list[bytes]:
    key = settings.keys.events(shard)
    return [store.xadd(key, {"e": msgspec.json.encode(batch), "v": "1"}) for batch in batches]


def serve(store: redis.Redis, settings: Settings, *records: bytes, shard: int = 0) -> None:
    value = join_records(records)
    store.xadd(settings.keys.served(shard), {"r": value, "v": "1"})


def served(items: list[int], **fields: object) -> bytes:
    """A record as the API packs it."""
    default: dict[str, object] = {
        "served_at_ms": 1_775_037_600_123,  # 2026-04-01T10:00:00.123Z
        "request_id": "r1",
        "user_id": "user-1",
        "surface": "home",
        "variant": "default",
        "experiment": "",
        "generation": GENERATION,
        "first_position": 1,
        "propensity": 1.0,
    }
    return encode_record(**{**default, **fields}, items=items)  # type: ignore[arg-type]


def landed(settings: Settings) -> pl.DataFrame:
    return pl.read_parquet(settings.layout.landing("events") / "*" / "*.parquet", hive_partitioning=False)


def spooled(settings: Settings) -> list[str]:
    return [path.name for path in settings.layout.root.rglob("spool/*/*") if path.is_file()]


def test_posted_events_are_landed_and_leave_the_store(store: redis.Redis, store_settings: Settings) -> None:
    post(store, store_settings, [event(1), event(2, value=None)], [event(3, event_type="view", value=4.5)])
    post(store, store_settings, [event(4, user_id="Żółć / 用户\u2028")], shard=5)  # a shard that settings do not name
    summary = drain(store_settings, NOW)
    assert (summary["event_entries"], summary["landed"], summary["quarantined"]) == (3, 4, 0)
    rows = landed(store_settings).sort("event_id")
    assert rows["event_id"].to_list() == ["e1", "e2", "e3", "e4"]
    assert rows["user_id"].to_list()[3] == "Żółć / 用户\u2028"
    assert rows["value"].to_list() == [None, None, 4.5, None]
    assert store.xlen(store_settings.keys.events(0)) == store.xlen(store_settings.keys.events(5)) == 0
    assert {entry.format for entry in read_entries(store_settings.layout)} == {"posted"}
    assert spooled(store_settings) == []
    assert drain(store_settings, NOW)["files"] == 0


def test_a_served_record_becomes_an_impression_an_item(store: redis.Redis, store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, GENERATION, FolderShape(users=3, items=20, k=5))
    names = pl.read_parquet(store_settings.layout.catalogue_file(GENERATION))["item_id"].to_list()
    second_page = served([5], first_position=21, experiment="blue", variant="b", propensity=0.25)
    serve(store, store_settings, served([3, 0, 7]), second_page)
    summary = drain(store_settings, NOW)
    assert (summary["served_entries"], summary["landed"]) == (1, 4)
    rows = landed(store_settings).sort("position")
    assert rows["item_id"].to_list() == [names[item] for item in (3, 0, 7, 5)]
    assert rows["position"].to_list() == [1, 2, 3, 21]
    assert rows["propensity"].to_list() == [1.0, 1.0, 1.0, 0.25]
    assert rows["experiment"].to_list() == [None, None, None, "blue"]
    assert set(rows["event_type"]) == {"impression"}
    assert set(rows["request_id"]) == {"r1"}
    assert set(rows["generation"]) == {GENERATION}
    assert rows["occurred_at"][0] == datetime(2026, 4, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    assert {entry.format for entry in read_entries(store_settings.layout)} == {"served"}


def test_a_record_that_was_sent_twice_has_one_id_and_two_surfaces_have_two(
    store: redis.Redis, store_settings: Settings
) -> None:
    write_list_folder(store_settings.layout, GENERATION, FolderShape(users=3, items=20, k=5))
    serve(store, store_settings, served([3]), served([3], surface="again"))
    serve(store, store_settings, served([3]))
    drain(store_settings, NOW)
    rows = landed(store_settings)
    assert len(rows) == 3
    assert rows["event_id"].n_unique() == 2


def test_what_cannot_be_landed_is_quarantined_and_holds_nothing_up(
    store: redis.Redis, store_settings: Settings
) -> None:
    store.xadd(store_settings.keys.events(0), {"e": b"[{]", "v": "1"})
    store.xadd(store_settings.keys.events(0), {"x": b"?"})
    post(store, store_settings, [event(1, user_id=None)], [event(2)])
    serve(store, store_settings, served([3], generation="20200101-001"), served([4], generation="../../etc"))
    store.xadd(store_settings.keys.served(0), {"r": b"\xff\x00", "v": "1"})
    summary = drain(store_settings, NOW)
    assert (summary["landed"], summary["quarantined"]) == (1, 6)
    assert run_list(store_settings, Choice())["quarantined_by_reason"] == {"malformed_row": 5, "missing_user": 1}
    assert spooled(store_settings) == []
    assert store.xlen(store_settings.keys.events(0)) == store.xlen(store_settings.keys.served(0)) == 0


def test_an_entry_that_was_erased_while_it_was_pending_is_passed_over(
    store: redis.Redis, store_settings: Settings
) -> None:
    first, _ = post(store, store_settings, [event(1)], [event(2)])
    key = store_settings.keys.events(0)
    store.xgroup_create(key, DRAIN_GROUP, id="0")
    store.xreadgroup(DRAIN_GROUP, "drain", {key: ">"})
    store.xdel(key, first)
    assert drain(store_settings, NOW)["landed"] == 1
    assert landed(store_settings)["event_id"].to_list() == ["e2"]
    assert store.xpending(key, DRAIN_GROUP)["pending"] == 0


def test_what_another_drain_has_in_its_hands_stays_in_the_stream(store: redis.Redis, store_settings: Settings) -> None:
    """A drain on another machine that dies now must find its entries again."""
    post(store, store_settings, [event(1)])
    key = store_settings.keys.events(0)
    store.xgroup_create(key, DRAIN_GROUP, id="0")
    store.xreadgroup(DRAIN_GROUP, "elsewhere", {key: ">"})
    post(store, store_settings, [event(2)])
    assert drain(store_settings, NOW)["landed"] == 1
    assert store.xpending(key, DRAIN_GROUP)["pending"] == 1
    assert store.xrange(key)[0][0] == store.xpending(key, DRAIN_GROUP)["min"]


# Kills its own process just before, or just after, the n-th call of one function.
CHILD = """
import os, signal, sys
from datetime import datetime
from importlib import import_module
from jobs.draining.drain_events import run
from reco_contracts.settings import load_settings

data, url, namespace, module, name, calls, when, now = sys.argv[1:]
original = getattr(import_module(module), name)
left = int(calls)

def deadly(*arguments, **options):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **options)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(import_module(module), name, deadly)
settings = load_settings(paths={"data": data}, redis={"url": url}, project={"namespace": namespace})
run(settings, datetime.fromisoformat(now))
"""
MOMENTS = [
    ("jobs.draining.read_stream", "_make_group", "after"),
    ("jobs.draining.read_stream", "_read", "after"),
    ("jobs.draining.spool_entries", "_write", "before"),
    ("jobs.draining.spool_entries", "_write", "after"),
    ("jobs.draining.read_stream", "_remove_acknowledged", "before"),
    ("jobs.draining.land_spool", "land_sources", "before"),
    ("jobs.landing.ledger", "replace_file", "before"),
    ("jobs.draining.land_spool", "content_sha", "before"),
]


@pytest.mark.parametrize(("module", "name", "when"), MOMENTS)
def test_a_killed_drain_is_finished_by_the_next_and_every_row_is_there_once(
    store: redis.Redis, store_settings: Settings, module: str, name: str, when: str
) -> None:
    post(store, store_settings, *([event(number)] for number in range(120)))
    arguments = [str(store_settings.layout.root), store_settings.redis.url, store_settings.project.namespace]
    command = [sys.executable, "-c", CHILD, *arguments, module, name, "2" if name == "_read" else "1", when]
    done = subprocess.run([*command, NOW.isoformat()], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    post(store, store_settings, [event(number) for number in range(120, 150)])
    drain(store_settings, NOW)
    assert sorted(landed(store_settings)["event_id"]) == sorted(f"e{number}" for number in range(150))
    assert store.xlen(store_settings.keys.events(0)) == 0
    assert spooled(store_settings) == []


def test_without_a_store_what_was_drained_before_is_landed(
    store: redis.Redis, store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.draining import drain_events
    from reco_contracts.errors import StoreUnavailableError

    post(store, store_settings, [event(1)])
    landing: Callable[..., object] = drain_events.land_spool
    monkeypatch.setattr(drain_events, "land_spool", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        drain(store_settings, NOW)
    monkeypatch.setattr(drain_events, "land_spool", landing)
    dead = store_settings.model_copy(
        update={"redis": store_settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})}
    )
    with pytest.raises(StoreUnavailableError):
        drain(dead, NOW)
    assert landed(store_settings)["event_id"].to_list() == ["e1"]
