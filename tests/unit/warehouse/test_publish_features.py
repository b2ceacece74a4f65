"""Features go into a real store in Feast's format, and come back through Feast's own reader."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from exported_marts import Day, export_marts
from feast import FeatureStore

from jobs.features import apply_features, build_features, publish_features
from jobs.features.feast_environment import feast_config
from jobs.features.feast_store import open_feature_store
from jobs.features.publish_features import feast_writes_because
from jobs.publishing.embedded_store import StoreAddress, embedded_store
from reco_contracts.errors import EmptyPartitionError, StoreUnavailableError
from reco_contracts.serving_settings import ErasureSection, RedisSection
from reco_contracts.settings import PathsSection, ProjectSection, Settings, load_settings
from reco_contracts.tombstones import erasure_key, key_mark, tombstone

DAY = date(2024, 3, 31)
NEXT_DAY = date(2024, 4, 1)
# What a password may hold and a careless format would not survive.
PASSWORD = "12,3'\"=\\ #$x ${HOME}é"
HISTORY = [
    Day(date(2024, 3, 30), "anna", "lamp", interactions=2, purchases=1, weight=9),
    Day(DAY, "żółć|ü", "lamp", interactions=1, purchases=0, weight=1),
    Day(NEXT_DAY, "anna", "lamp", interactions=4, purchases=4, weight=32),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    with embedded_store(tmp_path_factory.mktemp("store")) as address:
        with redis.Redis(port=address.port) as client:
            client.config_set("requirepass", PASSWORD)
        yield address


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, store: StoreAddress) -> Settings:
    """A data folder with two days of features, and the definitions applied."""
    settings = load_settings(
        paths=PathsSection(data=tmp_path_factory.mktemp("features")),
        project=ProjectSection(namespace="shop_7"),
        redis=RedisSection(url=store.url, password=PASSWORD),
    )
    export_marts(settings.layout, HISTORY, {"lamp": "light"})
    for day in (DAY, NEXT_DAY):
        build_features.run(day, settings)
    apply_features.run(settings)
    return settings


def read_user(feast: FeatureStore, user: str) -> dict[str, Any]:
    answer = feast.get_online_features(
        features=feast.get_feature_service("user_serving"), entity_rows=[{"user_id": user}]
    )
    return {name: values[0] for name, values in answer.to_dict().items()}


def test_published_features_are_read_back_by_feast(settings: Settings) -> None:
    summary = publish_features.run(DAY, settings)
    assert summary["rows"] == {"user_features": 2, "item_features": 1}
    assert summary["rows_per_second"] > 0
    assert summary["writer"] == "reco"
    feast = open_feature_store(settings)
    assert read_user(feast, "anna") == {
        "user_id": "anna", "interactions_7d": 2, "interactions_30d": 2, "purchases_30d": 1, "distinct_items_30d": 1,
        "days_since_last_interaction": 1, "mean_weight_30d": 4.5, "top_category": "light",
    }  # fmt: skip
    assert read_user(feast, "żółć|ü")["interactions_7d"] == 1
    assert read_user(feast, "nobody")["interactions_7d"] is None
    items = feast.get_online_features(
        features=feast.get_feature_service("item_serving"), entity_rows=[{"item_id": "lamp"}]
    ).to_dict()
    assert items["distinct_users_30d"] == [2]


def test_feast_writes_itself_where_its_format_may_be_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_features, "version", lambda _: "0.99.1")
    summary = publish_features.run(NEXT_DAY, settings)
    assert (summary["writer"], summary["writer_reason"]) == ("feast", "Feast 0.99.1 is not known here, 0.67 is")
    assert read_user(open_feature_store(settings), "anna")["purchases_30d"] == 5


@pytest.mark.parametrize("installed", ["0.67.0", "0.99.1"])
def test_who_is_erased_while_features_are_written_gets_none(
    settings: Settings, store: StoreAddress, monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    erasing = settings.model_copy(update={"erasure": ErasureSection(key="the key of these tests")})
    key = erasure_key(settings.layout, erasing.erasure.key)
    take_out = publish_features._take_out_forgotten

    def erased_meanwhile(client: redis.Redis, *arguments: Any) -> None:
        client.sadd(settings.keys.forgotten(), key_mark(key), tombstone(key, "anna"))
        take_out(client, *arguments)

    monkeypatch.setattr(publish_features, "_take_out_forgotten", erased_meanwhile)
    monkeypatch.setattr(publish_features, "version", lambda _: installed)
    publish_features.run(DAY, erasing)
    feast = open_feature_store(settings)
    assert read_user(feast, "anna")["interactions_7d"] is None
    assert read_user(feast, "żółć|ü")["interactions_7d"] == 1
    with redis.Redis(port=store.port, password=PASSWORD) as client:
        client.delete(settings.keys.forgotten())
    settings.layout.tombstones.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entity_key_serialization_version": 2}, "entity_key_serialization_version is not 3"),
        ({"online_store": {"type": "redis", "key_ttl_seconds": 60}}, "sets key_ttl_seconds of the online store"),
        ({"registry": {"path": "x", "enable_online_feature_view_versioning": True}}, "views are versioned"),
    ],
)
def test_options_of_feast_that_change_what_is_written_are_left_to_feast(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    assert feast_writes_because(settings) is None
    config = feast_config(settings) | change
    monkeypatch.setattr(publish_features, "feast_config", lambda _: config)
    assert said in str(feast_writes_because(settings))


def test_a_day_is_published_alone_and_may_be_published_again(settings: Settings) -> None:
    publish_features.run(NEXT_DAY, settings)
    feast = open_feature_store(settings)
    assert read_user(feast, "anna")["purchases_30d"] == 5
    publish_features.run(DAY, settings)
    publish_features.run(DAY, settings)
    assert read_user(feast, "anna")["purchases_30d"] == 1


def test_a_rerun_with_other_values_replaces_them(settings: Settings) -> None:
    """The timestamp of a day is the same in every run, which Feast takes for old news by default."""
    publish_features.run(DAY, settings)
    export_marts(settings.layout, [Day(DAY, "anna", "lamp", interactions=8, purchases=0, weight=8)], {"lamp": "light"})
    build_features.run(DAY, settings)
    publish_features.run(DAY, settings)
    assert read_user(open_feature_store(settings), "anna")["interactions_7d"] == 8


def test_definitions_are_applied_twice_without_a_change(settings: Settings) -> None:
    apply_features.run(settings)
    feast = open_feature_store(settings)
    assert sorted(view.name for view in feast.list_feature_views()) == ["item_features", "user_features"]
    assert feast.project == "shop_7"


def test_the_registry_holds_no_secret(settings: Settings) -> None:
    assert b"12,3" not in settings.layout.feast.read_bytes()


def test_a_store_that_is_not_there_is_said_clearly(settings: Settings, tmp_path: Path) -> None:
    gone = settings.model_copy(update={"redis": RedisSection(url="redis://127.0.0.1:1/0")})
    with pytest.raises(StoreUnavailableError, match=r"no Redis-protocol server answers at redis://127\.0\.0\.1:1/0"):
        publish_features.run(DAY, gone)


def test_a_partition_that_was_not_built_is_named(settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="run `reco build-features --run-date 2020-01-01` first"):
        publish_features.run(date(2020, 1, 1), settings)


def test_definitions_that_were_not_applied_are_named(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(update={"paths": PathsSection(data=tmp_path)})
    with pytest.raises(EmptyPartitionError, match="run `reco apply-features` first"):
        open_feature_store(other)
