"""Feature views: the columns of reco_contracts, typed for Feast."""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource
from feast.types import Array, Bool, FeastType, Float64, Int32, Int64, String, UnixTimestamp
from reco_entities import item, user
from reco_sources import item_features_source, user_features_source

from reco_contracts.columns import FEATURE_TIMESTAMP, ITEM_FEATURES, USER_FEATURES, DType, Table

_FEAST_TYPES: dict[DType, FeastType] = {
    DType.STRING: String,
    DType.STRINGS: Array(String),
    DType.INT32: Int32,
    DType.INT64: Int64,
    DType.FLOAT64: Float64,
    DType.BOOL: Bool,
    DType.TIMESTAMP: UnixTimestamp,
}


def _view(table: Table, entity: Entity, source: FileSource, description: str) -> FeatureView:
    return FeatureView(
        name=table.name,
        entities=[entity],
        ttl=timedelta(0),  # no limit: what is published stays valid until the next day replaces it
        schema=[
            Field(name=column.name, dtype=_FEAST_TYPES[column.dtype])
            for column in table.columns
            if column.name != FEATURE_TIMESTAMP
        ],
        source=source,
        online=True,
        description=description,
    )


user_features = _view(USER_FEATURES, user, user_features_source, "What a user did, up to the end of a day.")
item_features = _view(ITEM_FEATURES, item, item_features_source, "What was done with an item, up to the end of a day.")
