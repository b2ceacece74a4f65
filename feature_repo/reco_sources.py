"""Sources: the feature partitions below the data folder, one a run date."""

import os
from pathlib import Path

from feast import FileSource
from feast.data_format import ParquetFormat

from reco_contracts.artifacts import Layout
from reco_contracts.columns import FEATURE_TIMESTAMP, ITEM_FEATURES, USER_FEATURES, Table

# Feast imports this file with feature_repo as the working directory, so that a relative path would end there.
_DATA = Path(os.environ.get("RECO_PATHS__DATA", Path(__file__).resolve().parents[1] / "data")).resolve()


def _partitions(view: Table) -> FileSource:
    return FileSource(
        name=f"{view.name}_source",
        path=str(Layout(_DATA).features(view.name) / "event_date=*" / "part.parquet"),
        file_format=ParquetFormat(),
        timestamp_field=FEATURE_TIMESTAMP,
    )


user_features_source = _partitions(USER_FEATURES)
item_features_source = _partitions(ITEM_FEATURES)
