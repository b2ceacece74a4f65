"""`reco forget`, on a folder with something in every place: a needle that is nowhere afterwards."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import polars as pl
import pytest
import redis

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.forgetting import forget_pending, forget_users
from jobs.landing.import_log import run_import
from jobs.landing.land_inbox import run as land_inbox
from jobs.landing.ledger import read_entries
from jobs.publishing import publish_lists
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from reco_contracts.columns import USER_FEATURES
from reco_contracts.errors import RecoError, StoreUnavailableError
from reco_contracts.feast_wire import entity_key
from reco_contracts.served_codec import encode_record, join_records
from reco_contracts.settings import Settings, load_settings
from reco_contracts.stream_entries import ENTRY_VERSION, EVENTS_FIELD, RECORDS_FIELD, VERSION_FIELD
from tests.search_everywhere import find_needle

NEEDLE = "needle-żq7"
NAME = "20260301-001"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOG = f"""user_id,item_id,event_type,value,occurred_at,request_id
{NEEDLE},item-1,click,,2026-02-01T10:00:00Z,list-{NEEDLE}
bob,item-1,click,,2026-02-01T10:00:00Z,
{NEEDLE},item-1,blink,,2026-02-01T10:00:00Z,
"""


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Settings]:
    """A store with an append-only file inside the data folder, and a needle in every room."""
    data = tmp_path / "data"
    with embedded_store(data / "store", StoreOptions(is_durable=True)) as address:
        settings = load_settings(paths={"data": str(data)}, redis={"url": address.url})
        at_rest(settings)
        in_the_store(settings)
        yield settings


def at_rest(settings: Settings) -> None:
    layout = settings.layout
    inbox = layout.inbox / "events" / "day.csv"
    inbox.parent.mkdir(parents=True)
    inbox.write_text(LOG)
    land_inbox(settings, NOW)
    users = pl.DataFrame({"user_id": [NEEDLE, "bob"], "n": [1, 2]})
    for path in (
        layout.export("dim_users"),
        layout.export("fct_interactions") / "2026-02.parquet",
        layout.features("user_features") / "event_date=2026-03-01" / "part.parquet",
        layout.models / "als-20260301-001" / "user_ids.parquet",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        users.write_parquet(path)
    write_list_folder(layout, NAME, FolderShape(users=20, items=40, k=5, has_why=True))
    for path in (layout.list_file(NAME, "home", "default"), layout.why_file(NAME, "home", "default")):
        lists = pl.read_parquet(path)
        lists.with_columns(subject=pl.col("subject").replace("user-7", NEEDLE)).write_parquet(path)
    overlay = layout.overlay_file(NAME, "drained")
    overlay.parent.mkdir(parents=True)
    pl.read_parquet(layout.list_file(NAME, "home", "default")).write_parquet(overlay)
    for path in (layout.warehouse, layout.analytics):
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(path) as connection:
            connection.execute("create table dim_users as select * from (values (?), ('bob')) as t (user_id)", [NEEDLE])
    report = layout.report(NOW.date()) / "checks_lists.json"
    report.parent.mkdir(parents=True)
    report.write_bytes(msgspec.json.encode({"failed": [f"1 of 20 rows, e.g. subject={NEEDLE}"]}))


def in_the_store(settings: Settings) -> None:
    publish_lists.run(NAME, settings)
    keys = settings.keys
    event = {"event_id": "e1", "user_id": NEEDLE, "item_id": "item-1", "event_type": "click"}
    posted = [event | {"occurred_at": "2026-03-01T10:00:00Z"}, event | {"event_id": "e2", "user_id": "bob"}]
    posted[1]["occurred_at"] = "2026-03-01T10:00:00Z"
    served = encode_record(
        served_at_ms=1_772_359_200_000,
        request_id="r",
        user_id=NEEDLE,
        surface="home",
        variant="default",
        experiment="",
        generation=NAME,
        first_position=1,
        propensity=1.0,
        items=(0,),
    )
    with redis.Redis.from_url(settings.redis.url) as store:
        store.hset(keys.recent(NEEDLE), "i", "1")
        store.hset(entity_key(settings.project.namespace, USER_FEATURES.key[0], NEEDLE), "f", "1")
        store.xadd(keys.events(0), {EVENTS_FIELD: msgspec.json.encode(posted), VERSION_FIELD: ENTRY_VERSION})
        store.xadd(keys.served(0), {RECORDS_FIELD: join_records([served]), VERSION_FIELD: ENTRY_VERSION})


def found_in(settings: Settings) -> set[str]:
    """Files and keys that hold the needle."""
    return find_needle(settings.layout.root, settings.redis.url, NEEDLE)


def test_the_needle_is_nowhere_and_the_proof_says_where_it_was(full: Settings) -> None:
    before = found_in(full)
    assert len(before) > 15, "the test must put it everywhere"
    summary = forget_users.run([NEEDLE], full, NOW)
    assert found_in(full) == set()
    erased = {told["place"]: told["erased"] for told in summary["places"]}
    assert {place for place, count in erased.items() if not count} == {"store: stream records", "store's own files"}
    assert summary["left"] == 0
    assert summary["store"] == "append-only file written anew"


def test_everybody_else_is_still_there(full: Settings) -> None:
    forget_users.run([NEEDLE], full, NOW)
    layout = full.layout
    assert pl.read_parquet(layout.export("dim_users"))["user_id"].to_list() == ["bob"]
    assert pl.read_parquet(layout.list_file(NAME, "home", "default")).height == 19
    events = pl.concat([pl.read_parquet(path) for path in layout.landing("events").rglob("*.parquet")])
    assert sorted(events["user_id"]) == ["bob", "bob"], "the one of the stream has come too"
    landed = [(entry.lines_in, entry.landed, entry.quarantined) for entry in read_entries(layout)]
    assert sorted(landed) == [(1, 0, 1), (2, 1, 1), (3, 1, 2)]
    with redis.Redis.from_url(full.redis.url) as store:
        assert store.hget(full.keys.current(), "generation") == NAME.encode()


def test_what_comes_later_is_rejected_without_a_word_of_it(full: Settings, tmp_path: Path) -> None:
    forget_users.run([NEEDLE], full, NOW)
    later = tmp_path / "later.csv"
    later.write_text(LOG)
    assert run_import(later, "events", {}, full, NOW)["already_landed"] == 1, "the old file is known by its hash"
    later.write_text(LOG + "bob,item-1,click,,2026-02-03T10:00:00Z,\n")
    summary = run_import(later, "events", {}, full, NOW)
    assert summary["quarantined_by_reason"] == {"forgotten_user": 2}
    assert found_in(full) == set()


@pytest.mark.parametrize(
    "step",
    [
        "erase_tables",
        "settle_tombstones",
        *(pytest.param(step, marks=pytest.mark.slow) for step in ("erase_landing", "erase_warehouse", "erase_texts")),
    ],
)
def test_killed_at_any_step_the_next_run_ends_it(full: Settings, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(forget_users, step, die)
        with pytest.raises(KeyboardInterrupt):
            forget_users.run([NEEDLE], full, NOW)
    summary = forget_pending.run(full, NOW)
    assert (summary["left"], summary["waiting"]) == (0, 0)
    assert found_in(full) == set()


def test_without_a_store_the_folder_is_done_and_the_rest_waits(full: Settings) -> None:
    away = full.model_copy(update={"redis": full.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})})
    with pytest.raises(StoreUnavailableError, match="pending tombstone"):
        forget_users.run([NEEDLE], away, NOW)
    at_rest = {place for place in found_in(full) if not place.startswith(("b'", "store/"))}
    assert at_rest == {"erasure/tombstones.json"}, "the next run must know whom to look for"
    with redis.Redis.from_url(full.redis.url) as store:
        assert store.exists(full.keys.recent(NEEDLE))
    assert forget_pending.run(full, NOW)["left"] == 0
    assert found_in(full) == set()


def test_what_a_job_of_then_writes_after_the_erasure_is_found_by_the_next_run(full: Settings) -> None:
    forget_users.run([NEEDLE], full, NOW)
    late = full.layout.models / "als-20260301-002" / "user_ids.parquet"
    late.parent.mkdir()
    pl.DataFrame({"user_id": [NEEDLE, "bob"]}).write_parquet(late)
    assert forget_pending.run(full, NOW + timedelta(days=1))["erased"] == 1
    assert found_in(full) == set()
    assert forget_pending.run(full, NOW + timedelta(days=2))["places"] == []


def test_a_place_that_cannot_be_read_is_no_proof(full: Settings) -> None:
    half = full.layout.lists / ".20260302-001.abc" / "home" / "default.parquet"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1 half of a file")
    with pytest.raises(RecoError, match=r"list files 1 \(.*home/default.parquet: cannot be read"):
        forget_users.run([NEEDLE], full, NOW)
    half.unlink()
    assert forget_pending.run(full, NOW)["left"] == 0


def test_two_erasures_put_back_nothing_of_each_other(full: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def beside(*_: Any) -> dict[Path, int]:
        with full.layout.tombstones.with_name(".erasure.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(True)
        return {}

    monkeypatch.setattr(forget_users, "erase_texts", beside)
    with pytest.raises(RecoError, match="reports"):
        forget_users.run([NEEDLE], full, NOW)
    assert seen == [True]


@pytest.mark.slow
def test_the_command_dies_like_any_process_and_is_run_again(full: Settings) -> None:
    environment = os.environ | {"RECO_PATHS__DATA": str(full.layout.root), "RECO_REDIS__URL": full.redis.url}
    command = [sys.executable, "-m", "jobs.cli.main", "forget"]
    process = subprocess.Popen(
        [*command, NEEDLE], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not full.layout.tombstones.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run([*command, "--pending", "--json"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert found_in(full) == set()
    assert NEEDLE.encode() not in done.stdout + done.stderr
