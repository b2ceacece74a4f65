"""A publisher that is killed half-way leaves readers on the old generation, and the next run cleans up."""

import os
import signal
import subprocess
import sys
import time
from datetime import date

import redis
from serving_scenes import ask, generation_keys, items_of

from benchmarks.list_folder import FolderShape, home_items, item_id, user_id, write_list_folder
from jobs.publishing.publish_lists import run
from reco_contracts.artifacts import released_model
from reco_contracts.settings import Settings

OLD, KILLED, NEXT = "20240501-001", "20240502-001", "20240503-001"
OLD_SHAPE = FolderShape(users=100, model_version="model-old")
BIG = FolderShape(users=120_000, shift=5, run_date=date(2024, 5, 2), model_version="model-big")
NEXT_SHAPE = FolderShape(users=100, shift=9, run_date=date(2024, 5, 3), model_version="model-next")
USER = f"/v1/users/{user_id(7)}/recommendations?limit=5"


def publish_and_kill(settings: Settings, store: redis.Redis) -> None:
    """Run the command until it has begun to write lists, then kill it without warning."""
    environment = os.environ | {
        "RECO_PROJECT__NAMESPACE": settings.project.namespace,
        "RECO_PATHS__DATA": str(settings.paths.data),
        "RECO_REDIS__URL": settings.redis.url,
    }
    command = [sys.executable, "-m", "jobs.cli.main", "publish-lists", "--generation", KILLED]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    some_buckets = [settings.keys.lists(KILLED, "home", "default", bucket) for bucket in range(50)]
    while time.monotonic() < deadline and process.poll() is None and store.exists(*some_buckets) < len(some_buckets):
        time.sleep(0.001)
    store.client_pause(10_000, all=False)  # the store takes no more writes: the rest cannot slip through
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the publisher ended before it could be killed"
    store.client_unpause()


def test_readers_stay_on_the_old_generation_and_the_next_run_cleans_up(
    store_settings: Settings, store: redis.Redis
) -> None:
    layout = store_settings.layout
    for name, shape in ((OLD, OLD_SHAPE), (KILLED, BIG), (NEXT, NEXT_SHAPE)):
        write_list_folder(layout, name, shape)
    run(OLD, store_settings)
    publish_and_kill(store_settings, store)

    left = generation_keys(store, store_settings, KILLED)
    assert 50 <= left < 120_000 / 64, "it was not killed half-way"
    assert KILLED.encode() in store.hkeys(store_settings.keys.generations())
    assert released_model(layout) == "model-old"
    (answer,) = ask(store_settings, USER)
    assert answer.headers["x-reco-generation"] == OLD
    assert items_of(answer) == [item_id(item) for item in home_items(7, OLD_SHAPE)[:5]]

    summary = run(NEXT, store_settings)
    assert summary["unlinked"] == [KILLED]
    assert generation_keys(store, store_settings, KILLED) == 0
    assert generation_keys(store, store_settings, OLD) > 0
    (answer,) = ask(store_settings, USER)
    assert answer.headers["x-reco-generation"] == NEXT
    assert items_of(answer) == [item_id(item) for item in home_items(7, NEXT_SHAPE)[:5]]
