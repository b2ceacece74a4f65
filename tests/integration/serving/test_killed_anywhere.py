"""A publisher killed at random moments never harms what is live, and the next run needs nobody's help."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date

import pytest
import redis
from serving_scenes import generation_keys

from benchmarks.list_folder import FolderShape, home_items, user_id, write_list_folder
from jobs.publishing.connect_store import open_store
from jobs.publishing.generation_store import bucket_key, find_losses, read_pointer
from jobs.publishing.generation_store import generation_keys as keys_of_manifest
from jobs.publishing.publish_lists import run
from reco_contracts.list_codec import unpack_list
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings

pytestmark = pytest.mark.slow

# Of one run date, so that each may follow the other.
SHAPES = {
    name: FolderShape(users=60_000, shift=shift, run_date=date(2024, 5, 2), has_why=True)
    for shift, name in ((5, "20240502-001"), (9, "20240502-002"))
}
KILLS = 10
SECONDS = 60.0


def start_publisher(settings: Settings, generation: str) -> subprocess.Popen[bytes]:
    """The command, in a process of its own."""
    environment = os.environ | {
        "RECO_PROJECT__NAMESPACE": settings.project.namespace,
        "RECO_PATHS__DATA": str(settings.paths.data),
        "RECO_REDIS__URL": settings.redis.url,
    }
    command = [sys.executable, "-m", "jobs.cli.main", "publish-lists", "--generation", generation]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def wait_for_first_write(process: subprocess.Popen[bytes], settings: Settings, store: redis.Redis) -> None:
    """Until it announces itself, before which nothing in the store has changed."""
    before = store.hget(settings.keys.current(), "publisher")
    deadline = time.monotonic() + SECONDS
    while store.hget(settings.keys.current(), "publisher") == before:
        assert process.poll() is None, "the publisher ended by itself"
        assert time.monotonic() < deadline, "the publisher did not begin"
        time.sleep(0.0005)


def undisturbed_seconds(settings: Settings, store: redis.Redis, generation: str) -> float:
    """How long a publisher is at work, from its announcement to its end."""
    process = start_publisher(settings, generation)
    wait_for_first_write(process, settings, store)
    began = time.monotonic()
    assert process.wait(SECONDS) == 0
    return time.monotonic() - began


def live_whole(settings: Settings, store: redis.Redis) -> str:
    """The live generation, of which every key is there and lists are those of its file."""
    live = read_pointer(store, settings.keys).live
    assert live
    assert find_losses(store, settings.keys, live) == []
    buckets = live.surfaces["home"]["default"].buckets
    for number in range(0, 60_000, 1_009):
        key = bucket_key(settings.keys, live, "home", "default", list_bucket(user_id(number), buckets))
        value = store.hget(key, user_id(number))
        assert isinstance(value, bytes)
        assert list(unpack_list(value).items) == home_items(number, SHAPES[live.generation])
    return live.generation


def live_and_other(settings: Settings, store: redis.Redis) -> tuple[str, str]:
    """The live generation, which is whole, and the one that comes next."""
    live = live_whole(settings, store)
    return live, next(name for name in SHAPES if name != live)


def test_ten_kills_at_random_moments_do_no_harm(store_settings: Settings, store: redis.Redis) -> None:
    for name, shape in SHAPES.items():
        write_list_folder(store_settings.layout, name, shape)
    live, other = SHAPES
    run(live, store_settings)
    seconds = undisturbed_seconds(store_settings, store, other)
    chance, half_way = random.Random(7), 0  # noqa: S311 - moments to kill at
    for _ in range(KILLS):
        live, other = live_and_other(store_settings, store)
        process = start_publisher(store_settings, other)
        wait_for_first_write(process, store_settings, store)
        time.sleep(chance.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        half_way += live_whole(store_settings, store) == live and generation_keys(store, store_settings, other) > 0
    assert half_way >= KILLS / 3, "hardly any kill came while it wrote"

    live, other = live_and_other(store_settings, store)
    summary = run(other, store_settings)
    assert (summary["state"], summary["previous_generation"]) == ("published", live)
    assert live_whole(store_settings, store) == other
    with open_store(store_settings.redis) as client:
        pointer = read_pointer(client, store_settings.keys)
    expected = {key for manifest in pointer if manifest for key in keys_of_manifest(store_settings.keys, manifest)}
    found = {key.decode() for key in store.scan_iter(f"{store_settings.project.namespace}:*", count=1_000)}
    keys = store_settings.keys
    kept = {keys.current(), keys.generations(), keys.rules(), keys.forgotten()}
    assert found - kept == expected, "leftovers, or losses"
