"""What Feast writes online is what the API reads, without Feast: its own store writes, our code reads."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from serving_scenes import ask

from reco_contracts.columns import FEATURE_TIMESTAMP, USER_FEATURES, DType
from reco_contracts.errors import ContractError
from reco_contracts.feast_wire import decode_timestamp, decode_value, entity_key, feature_field, timestamp_field
from reco_contracts.settings import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Feast's own imports; what we call below is under the usual rule
    from feast import Entity, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.infra.online_stores.helpers import _mmh3, _redis_key
    from feast.infra.online_stores.redis import RedisOnlineStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    from feast.types import Float64, Int64, String

TYPES = {DType.STRING: String, DType.INT64: Int64, DType.FLOAT64: Float64}
TIME = datetime(2024, 5, 1, 23, 59, 59, 123_456, tzinfo=UTC)


@given(st.text(min_size=1), st.sampled_from(["user_id", "item_id"]), st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_entity_keys_are_feasts(identifier: str, join_key: str, project: str) -> None:
    key = EntityKey(join_keys=[join_key], entity_values=[Value(string_val=identifier)])
    assert entity_key(project, join_key, identifier) == _redis_key(project, key, 3)


@given(st.text(), st.text())
def test_hash_fields_are_feasts(view: str, feature: str) -> None:
    assert feature_field(view, feature) == _mmh3(f"{view}:{feature}")


_INT32, _INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_FLOAT = st.floats(allow_nan=False, width=32)
_KINDS = {
    "string_val": st.text(),
    "bytes_val": st.binary(),
    "int32_val": _INT32,
    "int64_val": _INT64,
    "double_val": st.floats(allow_nan=False),
    "float_val": _FLOAT,
    "bool_val": st.booleans(),
}


@pytest.mark.parametrize("kind", list(_KINDS))
@given(data=st.data())
def test_scalar_values_are_read_as_feast_wrote_them(kind: str, data: st.DataObject) -> None:
    value = data.draw(_KINDS[kind])
    read = decode_value(Value(**{kind: value}).SerializeToString())
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("kind", list(_KINDS))
@given(data=st.data())
def test_list_values_are_read_as_feast_wrote_them(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(_KINDS[kind], max_size=5))
    message = Value()
    field = getattr(message, kind.replace("_val", "_list_val"))
    field.SetInParent()
    field.val.extend(values)
    assert decode_value(message.SerializeToString()) == values


def test_times_nulls_and_unset_values_are_read() -> None:
    assert decode_value(Value(unix_timestamp_val=1_700_000_000).SerializeToString()) == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )
    assert decode_value(Value(null_val=0).SerializeToString()) is None
    assert decode_value(Value().SerializeToString()) is None
    assert decode_value(None) is None


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_a_contract_error(value: bytes) -> None:
    for read in (decode_value, decode_timestamp):
        try:
            read(value)
        except ContractError:
            continue


def write_with_feast(settings: Settings, user: str, values: dict[str, Value]) -> None:
    """Let Feast's own Redis store write one row."""
    port = settings.redis.url.rpartition(":")[2].removesuffix("/0")
    config = RepoConfig(
        project=settings.project.namespace,
        provider="local",
        registry="memory.db",
        online_store={"type": "redis", "connection_string": f"127.0.0.1:{port}"},
        entity_key_serialization_version=3,
    )
    columns = {column.name: column.dtype for column in USER_FEATURES.columns}
    view = FeatureView(
        name=USER_FEATURES.name,
        entities=[Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)],
        ttl=timedelta(days=30),
        schema=[
            Field(name=name, dtype=TYPES[dtype])
            for name, dtype in columns.items()
            if name not in ("user_id", FEATURE_TIMESTAMP)
        ],
        source=FileSource(name="user_features", path="nowhere.parquet", timestamp_field=FEATURE_TIMESTAMP),
    )
    key = EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=user)])
    RedisOnlineStore().online_write_batch(config, view, [(key, values, TIME, TIME)], None)


def test_the_api_gives_what_feast_published(store_settings: Settings) -> None:
    written = {
        "interactions_7d": Value(int64_val=3),
        "interactions_30d": Value(int64_val=0),
        "mean_weight_30d": Value(double_val=2.5),
        "top_category": Value(string_val="żółć"),
        "purchases_30d": Value(),
        "days_since_last_interaction": Value(double_val=float("nan")),
    }
    write_with_feast(store_settings, "użytkownik/7", written)
    found, unknown = ask(store_settings, "/v1/users/u%C5%BCytkownik%2F7/features", "/v1/users/stranger/features")
    content = found.json()
    assert (content["user_id"], content["status"]) == ("użytkownik/7", "found")
    assert content["as_of"] == "2024-05-01T23:59:59.123456+00:00"
    assert content["features"] == {
        "interactions_7d": 3,
        "interactions_30d": 0,
        "purchases_30d": None,
        "distinct_items_30d": None,
        "days_since_last_interaction": None,
        "mean_weight_30d": 2.5,
        "top_category": "żółć",
    }
    assert unknown.json()["status"] == "not_found"
    assert set(unknown.json()["features"].values()) == {None}


@pytest.mark.parametrize(
    "field", [feature_field(USER_FEATURES.name, "top_category"), timestamp_field(USER_FEATURES.name)]
)
def test_values_that_cannot_be_read_are_not_called_found(
    store_settings: Settings, store: redis.Redis, field: bytes
) -> None:
    write_with_feast(store_settings, "ann", {"interactions_7d": Value(int64_val=3)})
    store.hset(entity_key(store_settings.project.namespace, "user_id", "ann"), field, b"\x08")
    content = ask(store_settings, "/v1/users/ann/features")[0].json()
    assert (content["status"], content["as_of"]) == ("unavailable", None)
    assert set(content["features"].values()) == {None}
