"""Our writer of features and Feast's leave the same bytes in the store, key by key and field by field."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from feast import Entity, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.types import Bool, Float64, Int32, Int64, String
from feast.utils import _convert_arrow_to_proto
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.features.encode_features import encode_features, is_encodable
from jobs.features.publish_features import write_features
from jobs.publishing.connect_store import open_store
from jobs.publishing.embedded_store import StoreAddress, embedded_store
from reco_contracts.columns import FEATURE_TIMESTAMP, FEATURE_VIEWS, Column, DType, Table
from reco_contracts.errors import ContractError
from reco_contracts.settings import load_settings

FEAST_TYPES = {
    DType.STRING: String,
    DType.INT32: Int32,
    DType.INT64: Int64,
    DType.FLOAT64: Float64,
    DType.BOOL: Bool,
}
# Every kind that is written here, also those that no view has today.
EVERY_KIND = Table(
    "every_kind",
    ("user_id", FEATURE_TIMESTAMP),
    (
        Column("user_id", DType.STRING),
        Column(FEATURE_TIMESTAMP, DType.TIMESTAMP),
        Column("text", DType.STRING, nullable=True),
        Column("whole", DType.INT64),
        Column("small", DType.INT32),
        Column("ratio", DType.FLOAT64, nullable=True),
        Column("flag", DType.BOOL),
    ),
)
SCHEMA = pa.schema(
    {
        "user_id": pa.string(),
        FEATURE_TIMESTAMP: pa.timestamp("us", "UTC"),
        "text": pa.string(),
        "whole": pa.int64(),
        "small": pa.int32(),
        "ratio": pa.float64(),
        "flag": pa.bool_(),
    }
)
_NAMESPACES = count(1)


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


_ROW = st.fixed_dictionaries(
    {
        FEATURE_TIMESTAMP: st.integers(0, 7_258_118_400_000_000).map(_moment),
        "text": st.none() | st.text(),
        "whole": st.integers(-(2**63), 2**63 - 1),
        "small": st.integers(-(2**31), 2**31 - 1),
        "ratio": st.none() | st.floats(),
        "flag": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    with embedded_store(tmp_path_factory.mktemp("store")) as address:
        yield address


def write_with_feast(table: pa.Table, view: Table, project: str, port: int) -> None:
    """The part of Feast's materialization that turns rows into keys."""
    config = RepoConfig(
        project=project,
        provider="local",
        registry="memory.db",
        online_store={"type": "redis", "connection_string": f"127.0.0.1:{port}", "skip_dedup": True},
        entity_key_serialization_version=3,
    )
    feature_view = FeatureView(
        name=view.name,
        entities=[Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)],
        ttl=timedelta(0),
        schema=[
            Field(name=column.name, dtype=FEAST_TYPES[column.dtype])
            for column in view.columns
            if column.name not in ("user_id", FEATURE_TIMESTAMP)
        ],
        source=FileSource(name=view.name, path="nowhere.parquet", timestamp_field=FEATURE_TIMESTAMP),
    )
    rows = _convert_arrow_to_proto(table, feature_view, {"user_id": ValueType.STRING})
    RedisOnlineStore().online_write_batch(config, feature_view, rows, None)


def contents(client: redis.Redis, project: str) -> dict[bytes, bytes]:
    """Every key of a project without its name at the end, and the hash as the server keeps it."""
    found = {}
    for key in client.keys("*"):
        if key.endswith(project.encode()):
            found[key.removesuffix(project.encode())] = client.dump(key)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.dictionaries(st.text(min_size=1), _ROW, min_size=1, max_size=8))
def test_any_row_is_written_as_feast_writes_it(
    store: StoreAddress, tmp_path: Path, rows: dict[str, dict[str, object]]
) -> None:
    number = next(_NAMESPACES)
    table = pa.Table.from_pylist([{"user_id": user, **row} for user, row in rows.items()], SCHEMA)
    configuration = load_settings(project={"namespace": f"ours_{number}_"}, redis={"url": store.url})
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path)
    with open_store(configuration.redis) as client:
        client.flushdb()
        write_features(client, configuration, EVERY_KIND, path)
        write_with_feast(table, EVERY_KIND, f"feasts_{number}_", store.port)
        ours, feasts = contents(client, f"ours_{number}_"), contents(client, f"feasts_{number}_")
    assert set(ours) == set(feasts)
    assert len(ours) == len(rows)
    assert ours == feasts


def test_the_views_of_the_contract_are_written_here() -> None:
    assert [view.name for view in FEATURE_VIEWS if not is_encodable(view)] == []


def test_a_row_without_a_key_is_refused() -> None:
    row = {"user_id": None, FEATURE_TIMESTAMP: datetime(2024, 5, 1, tzinfo=UTC), "whole": 1, "small": 1, "flag": True}
    (batch,) = pa.Table.from_pylist([row], SCHEMA).to_batches()
    with pytest.raises(ContractError, match="every_kind: column user_id has empty values"):
        list(encode_features(batch, EVERY_KIND, "shop"))
