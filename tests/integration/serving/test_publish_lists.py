"""Publishing: what is in the files is in the store, compactly, and the pointer moves last."""

import shutil
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from serving_scenes import generation_keys

from benchmarks.list_folder import FolderShape, home_items, user_id, write_list_folder
from jobs.publishing import write_lists
from jobs.publishing.publish_lists import renew, run
from reco_contracts.artifacts import released_model
from reco_contracts.errors import ContractError, EmptyPartitionError, PublishError
from reco_contracts.list_codec import unpack_list
from reco_contracts.manifests import MANIFEST_FILE, decode_generation_manifest
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings

FIRST, SECOND, THIRD = "20240501-001", "20240502-001", "20240503-001"


def shape(day: int, **changes: object) -> FolderShape:
    """The shape of one day's folder."""
    values = {"users": 700, "items": 150, "k": 20, "run_date": date(2024, 5, day), "shift": day} | changes
    return FolderShape(**values, model_version=f"model-{day}")  # type: ignore[arg-type]


def test_every_list_of_the_file_is_in_the_store(store_settings: Settings, store: redis.Redis) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    summary = run(FIRST, store_settings)
    manifest = decode_generation_manifest(store.hget(store_settings.keys.current(), "manifest"))
    buckets = manifest.surfaces["home"]["default"].buckets
    assert buckets == 11  # 700 / 64, rounded up
    for number in range(700):
        key = store_settings.keys.lists(FIRST, "home", "default", list_bucket(user_id(number), buckets))
        packed = unpack_list(store.hget(key, user_id(number)))
        assert list(packed.items) == home_items(number, shape(1))
        assert packed.scores[0] == 1.0
        assert packed.scores[-1] == pytest.approx(0.25, abs=1e-3)
    assert summary["state"] == "published"
    assert (summary["lists"], summary["items"]) == (700 + 150 + 2 * 16, 150)
    assert released_model(store_settings.layout) == "model-1"
    assert store_settings.layout.publication(FIRST).read_bytes() == store.hget(
        store_settings.keys.current(), "manifest"
    )


def test_buckets_stay_in_the_compact_encoding(store_settings: Settings, store: redis.Redis) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    run(FIRST, store_settings)
    keys = list(store.scan_iter(f"{store_settings.project.namespace}:lists:*"))
    assert keys
    assert {store.object("encoding", key) for key in keys} == {b"listpack"}


def test_a_file_larger_than_a_window_is_published_whole(
    store_settings: Settings, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lists, "WINDOW_BYTES", 20_000)
    monkeypatch.setattr("jobs.publishing.read_lists._BATCH_ROWS", 30)
    write_list_folder(store_settings.layout, FIRST, shape(1))
    assert run(FIRST, store_settings)["lists"] == 882


def test_two_generations_stay_and_the_third_replaces_the_first(store_settings: Settings, store: redis.Redis) -> None:
    for day, name in enumerate((FIRST, SECOND, THIRD), start=1):
        write_list_folder(store_settings.layout, name, shape(day))
        summary = run(name, store_settings)
    assert summary["unlinked"] == [FIRST]
    assert summary["previous_generation"] == SECOND
    assert generation_keys(store, store_settings, FIRST) == 0
    assert generation_keys(store, store_settings, SECOND) == generation_keys(store, store_settings, THIRD) > 0
    assert set(store.hkeys(store_settings.keys.generations())) == {SECOND.encode(), THIRD.encode()}


def test_publishing_the_live_generation_again_changes_nothing_but_its_expiry(
    store_settings: Settings, store: redis.Redis
) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    run(FIRST, store_settings)
    key = store_settings.keys.lists(FIRST, "home", "default", 0)
    before = store.hgetall(key), store.hgetall(store_settings.keys.current())
    store.expire(key, 60)
    summary = run(FIRST, store_settings)
    assert "already live" in summary["state"]
    assert (store.hgetall(key), store.hgetall(store_settings.keys.current())) == before
    assert store.ttl(key) > 13 * 86_400


def test_a_live_generation_that_lost_keys_is_written_again(store_settings: Settings, store: redis.Redis) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    run(FIRST, store_settings)
    keys = [store_settings.keys.lists(FIRST, "home", "default", bucket) for bucket in range(5)]
    store.delete(*keys)
    assert run(FIRST, store_settings)["state"] == "published"
    assert store.exists(*keys) == 5


@pytest.mark.parametrize("change", [{"shift": 50}, {"items": 151}, {"run_date": date(2024, 4, 30)}])
def test_a_folder_that_was_made_anew_under_a_live_name_is_refused(
    store_settings: Settings, store: redis.Redis, change: dict[str, object]
) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    run(FIRST, store_settings)
    before = store.hgetall(store_settings.keys.current())
    shutil.rmtree(store_settings.layout.lists / FIRST)
    write_list_folder(store_settings.layout, FIRST, shape(1, **change))
    with pytest.raises(PublishError, match="is live with other lists"):
        run(FIRST, store_settings)
    assert store.hgetall(store_settings.keys.current()) == before


def short_lived(store: redis.Redis, settings: Settings) -> set[str]:
    """Keys of the namespace that go earlier than in 13 days."""
    keys = [key.decode() for key in store.scan_iter(f"{settings.project.namespace}:*")]
    return {key for key in keys if 0 <= store.ttl(key) < 13 * 86_400}


def test_every_key_of_a_generation_expires_and_the_pointer_does_not(
    store_settings: Settings, store: redis.Redis
) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    run(FIRST, store_settings)
    forever = {key.decode() for key in store.scan_iter(f"{store_settings.project.namespace}:*") if store.ttl(key) == -1}
    keys = store_settings.keys
    assert forever == {keys.current(), keys.generations(), keys.rules()}
    assert not short_lived(store, store_settings)


def test_the_generation_behind_the_live_one_is_renewed_with_it(store_settings: Settings, store: redis.Redis) -> None:
    for day, name in enumerate((FIRST, SECOND), start=1):
        write_list_folder(store_settings.layout, name, shape(day))
    run(FIRST, store_settings)
    old = [store_settings.keys.catalogue(FIRST, 0), store_settings.keys.lists(FIRST, "home", "default", 3)]
    for step in (lambda: run(SECOND, store_settings), lambda: renew(store_settings)):
        for key in old:
            store.expire(key, 60)
        assert short_lived(store, store_settings) == set(old)
        step()
        assert not short_lived(store, store_settings)
    assert renew(store_settings)["renewed"] == [SECOND, FIRST]


def test_going_back_in_time_needs_force(store_settings: Settings) -> None:
    for day, name in enumerate((FIRST, SECOND), start=1):
        write_list_folder(store_settings.layout, name, shape(day))
    run(SECOND, store_settings)
    with pytest.raises(PublishError, match="reco rollback"):
        run(FIRST, store_settings)
    assert run(FIRST, store_settings, is_forced=True)["generation"] == FIRST


def test_an_absent_folder_is_told_with_those_that_exist(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    for name in ("20300101-001", "", "..", "../lists"):
        with pytest.raises(EmptyPartitionError, match=FIRST):
            run(name, store_settings)


def test_an_incomplete_folder_is_refused(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    (store_settings.layout.lists / FIRST / MANIFEST_FILE).unlink()
    with pytest.raises(ContractError, match="not complete"):
        run(FIRST, store_settings)


def test_a_file_with_other_rows_than_the_manifest_counts_is_refused(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    path = store_settings.layout.list_file(FIRST, "home", "default")
    pq.write_table(pq.read_table(path).slice(0, 699), path)
    with pytest.raises(ContractError, match="700 rows expected from the manifest, got 699"):
        run(FIRST, store_settings)


def test_an_index_outside_the_catalogue_leaves_the_old_generation_live(
    store_settings: Settings, store: redis.Redis
) -> None:
    for day, name in enumerate((FIRST, SECOND), start=1):
        write_list_folder(store_settings.layout, name, shape(day))
    run(FIRST, store_settings)
    path = store_settings.layout.list_file(SECOND, "home", "default")
    table = pq.read_table(path)
    lists = table.column("item_indices").to_pylist()
    lists[650][3] = 150
    pq.write_table(table.set_column(1, table.schema.field(1), pa.array(lists, pa.list_(pa.int32()))), path)
    with pytest.raises(ContractError, match="item index 150, but the catalogue has 150 items"):
        run(SECOND, store_settings)
    assert store.hget(store_settings.keys.current(), "generation") == FIRST.encode()


def test_a_subject_that_occurs_twice_is_refused_before_the_switch(store_settings: Settings, store: redis.Redis) -> None:
    write_list_folder(store_settings.layout, FIRST, shape(1))
    path = store_settings.layout.list_file(FIRST, "home", "default")
    table = pq.read_table(path)
    subjects = table.column("subject").to_pylist()
    subjects[1] = subjects[0]
    pq.write_table(table.set_column(0, "subject", [subjects]), path)
    with pytest.raises(PublishError, match="700 lists written, 699 in the store"):
        run(FIRST, store_settings)
    assert not store.hexists(store_settings.keys.current(), "generation")
