"""Publishing on a real cluster of six nodes does what it does on one server."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redis
from feast import Entity, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Int64
from serving_scenes import settings_for
from store_cluster import PRIMARIES, store_cluster

from benchmarks.list_folder import FolderShape, home_items, user_id, write_list_folder
from jobs.draining.drain_events import run as drain
from jobs.features.feast_environment import connection_string, feast_environment
from jobs.features.publish_features import write_features
from jobs.publishing.connect_store import Store, open_store, primaries
from jobs.publishing.embedded_store import StoreAddress
from jobs.publishing.generation_store import bucket_key, find_losses, read_pointer
from jobs.publishing.publish_lists import renew, run
from jobs.publishing.rollback_generation import run as roll_back
from jobs.rules.live_store import read_live_rules
from reco_contracts.columns import FEATURE_TIMESTAMP, USER_FEATURES
from reco_contracts.errors import ConfigError, PublishError, StoreUnavailableError
from reco_contracts.list_codec import unpack_list
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings, load_settings

pytestmark = pytest.mark.slow

NAMES = ("20240501-001", "20240502-001", "20240503-001")
_NAMESPACES = count(1)


def shape(day: int) -> FolderShape:
    """The shape of one day's folder."""
    return FolderShape(users=2_000, shift=day, run_date=date(2024, 5, day), has_why=True)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[StoreAddress]]:
    """The cluster."""
    with store_cluster(tmp_path_factory.mktemp("cluster")) as addresses:
        yield addresses


@pytest.fixture
def settings(nodes: list[StoreAddress], tmp_path: Path) -> Settings:
    """Settings that name one of its nodes, with a namespace of this test's own and three folders of lists."""
    namespace = f"test_{next(_NAMESPACES)}"
    configuration = settings_for(
        nodes[1].url, tmp_path / "data", redis={"cluster": True}, project={"namespace": namespace}
    )
    for day, name in enumerate(NAMES, start=1):
        write_list_folder(configuration.layout, name, shape(day))
    return configuration


def keys_of(store: Store, settings: Settings, generation: str) -> list[int]:
    """How many keys of a generation each primary holds."""
    patterns = [f"{settings.project.namespace}:{kind}:{generation}:*" for kind in ("lists", "catalogue", "why")]
    return [sum(len(node.keys(pattern)) for pattern in patterns) for node in primaries(store).values()]


def stored_list(store: Store, settings: Settings, number: int) -> list[int]:
    """The live home list of a user."""
    live = read_pointer(store, settings.keys).live
    assert live
    bucket = list_bucket(user_id(number), live.surfaces["home"]["default"].buckets)
    value: Any = store.hget(bucket_key(settings.keys, live, "home", "default", bucket), user_id(number))
    return list(unpack_list(value).items)


def test_lists_are_spread_over_the_nodes_read_back_and_rolled_back(settings: Settings) -> None:
    assert run(NAMES[0], settings)["state"] == "published"
    second = run(NAMES[1], settings)
    assert second["previous_generation"] == NAMES[0]
    with open_store(settings.redis) as store:
        held = keys_of(store, settings, NAMES[1])
        assert len(held) == PRIMARIES
        assert min(held) > sum(held) / (2 * PRIMARIES), "one primary holds hardly anything"
        assert all(
            stored_list(store, settings, number) == home_items(number, shape(2)) for number in range(0, 2_000, 40)
        )
        assert read_live_rules(store, settings.keys)
        third = run(NAMES[2], settings)
        assert third["unlinked"] == [NAMES[0]]
        assert sum(keys_of(store, settings, NAMES[0])) == 0
        assert roll_back(settings)["generation"] == NAMES[1]
        assert stored_list(store, settings, 7) == home_items(7, shape(2))
        live = read_pointer(store, settings.keys).live
        assert live
        assert find_losses(store, settings.keys, live) == []


def test_every_key_of_a_generation_expires_on_every_node(settings: Settings) -> None:
    run(NAMES[0], settings)
    assert renew(settings)["renewed"] == [NAMES[0]]
    with open_store(settings.redis) as store:
        lifetimes = [
            node.ttl(key)
            for node in primaries(store).values()
            for key in node.keys(f"{settings.project.namespace}:*:{NAMES[0]}:*")
        ]
    assert min(lifetimes) > 13 * 86_400


def test_a_rollback_and_a_publish_at_once_do_not_both_win(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run(NAMES[0], settings)
    run(NAMES[1], settings)
    real = redis.cluster.ClusterPipeline.multi

    def overtaken(self: Any) -> None:
        monkeypatch.undo()
        roll_back(settings)
        real(self)

    monkeypatch.setattr(redis.cluster.ClusterPipeline, "multi", overtaken)
    with pytest.raises(PublishError, match="came in between"):
        run(NAMES[2], settings)


def test_features_go_to_the_node_of_their_entity_and_feast_reads_them(settings: Settings, tmp_path: Path) -> None:
    rows: dict[str, Any] = {name: [1, 2, 3] for name in USER_FEATURES.column_names}
    rows |= {"user_id": ["a", "b", "c"], "top_category": ["x", None, "y"], "mean_weight_30d": [1.0, 2.0, 3.0]}
    rows |= {FEATURE_TIMESTAMP: [datetime(2024, 5, 2, tzinfo=UTC)] * 3}
    path = tmp_path / "features.parquet"
    pl.DataFrame(rows).with_columns(pl.col(FEATURE_TIMESTAMP).cast(pl.Datetime("us", "UTC"))).write_parquet(path)
    with open_store(settings.redis) as store:
        write_features(store, settings, USER_FEATURES, path)
    config = RepoConfig(
        project=settings.project.namespace,
        provider="local",
        registry="memory.db",
        online_store={
            "type": "redis",
            "redis_type": feast_environment(settings)["RECO_FEAST_REDIS_TYPE"],
            "connection_string": connection_string(settings.redis),
        },
        entity_key_serialization_version=3,
    )
    view = FeatureView(
        name=USER_FEATURES.name,
        entities=[Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)],
        schema=[Field(name="interactions_7d", dtype=Int64)],
        source=FileSource(name="user_features", path="nowhere.parquet", timestamp_field=FEATURE_TIMESTAMP),
    )
    keys = [EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=user)]) for user in "abc"]
    read = RedisOnlineStore().online_read(config, view, keys)
    assert [values["interactions_7d"].int64_val for _, values in read if values] == [1, 2, 3]


def test_limits_of_every_node_are_looked_at(settings: Settings, nodes: list[StoreAddress]) -> None:
    with redis.Redis(port=nodes[2].port) as node:
        before = node.config_get("*")
        try:
            node.config_set("hash-max-listpack-entries", 16)
            with pytest.raises(PublishError, match="hash-max-listpack-entries is 16"):
                run(NAMES[0], settings)
            node.config_set("hash-max-listpack-entries", before["hash-max-listpack-entries"])
            node.config_set("maxmemory", node.info("memory")["used_memory"] + 100_000)
            with pytest.raises(PublishError, match=rf"the store at 127\.0\.0\.1:{nodes[2].port} has room for 0\.\d MB"):
                run(NAMES[0], settings)
        finally:
            node.config_set("hash-max-listpack-entries", before["hash-max-listpack-entries"])
            node.config_set("maxmemory", 0)


def test_a_setting_that_does_not_fit_the_server_is_said(
    settings: Settings, nodes: list[StoreAddress], store_server: StoreAddress
) -> None:
    for cluster, url in ((False, nodes[0].url), (True, store_server.url)):
        other = load_settings(
            redis={"url": url, "cluster": cluster}, paths=settings.paths.model_dump(), project=settings.project
        )
        with pytest.raises(ConfigError, match=f"set redis.cluster = {str(not cluster).lower()}"):
            run(NAMES[0], other)


def test_a_cluster_that_is_not_there_is_said(settings: Settings) -> None:
    other = load_settings(redis={"url": "redis://127.0.0.1:1", "cluster": True}, paths=settings.paths.model_dump())
    with pytest.raises(StoreUnavailableError, match=r"no cluster answers at redis://127\.0\.0\.1:1"):
        run(NAMES[0], other)


def test_streams_on_several_nodes_are_drained(settings: Settings) -> None:
    keys = settings.keys
    with open_store(settings.redis) as store:
        for shard in range(12):
            event = {"event_id": f"e{shard}", "user_id": "u", "item_id": "i", "event_type": "click"}
            events = json.dumps([event | {"occurred_at": "2024-05-01T10:00:00Z"}])
            store.xadd(keys.events(shard), {"e": events, "v": "1"})
        assert len({store.get_node_from_key(keys.events(shard)).name for shard in range(12)}) == PRIMARIES
        summary = drain(settings, datetime(2024, 5, 2, tzinfo=UTC))
        assert (summary["event_entries"], summary["landed"]) == (12, 12)
        assert sum(store.xlen(keys.events(shard)) for shard in range(12)) == 0
