"""Feast itself: for its own writer, and for reading back what was published. Slow to import."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import datetime

from feast import FeatureStore
from feast.repo_config import RepoConfig

from jobs.features.feast_environment import REPOSITORY_FOLDER, feast_config, require_definitions
from reco_contracts.settings import Settings


def open_feature_store(settings: Settings) -> FeatureStore:
    """Feast as feature_repo/feature_store.yaml describes it, with the settings in its placeholders.

    Raises:
        ConfigError: redis.url is no address, or this is no checkout.
        EmptyPartitionError: the definitions were never applied to this data folder.
    """
    require_definitions(settings)
    return FeatureStore(config=RepoConfig(**feast_config(settings), repo_path=REPOSITORY_FOLDER))


def materialize(settings: Settings, views: Sequence[str], moment: datetime) -> None:
    """Let Feast's own writer publish the rows of one moment.

    Args:
        settings: of the product.
        views: feature views.
        moment: the timestamp of their rows.

    Raises:
        EmptyPartitionError: the definitions were never applied to this data folder.
    """
    store = open_feature_store(settings)
    with _quiet_feast():
        store.materialize(start_date=moment, end_date=moment, feature_views=list(views))


@contextmanager
def _quiet_feast() -> Iterator[None]:
    """Keep Feast's progress off standard output, which is for the summary, and one known warning off the log."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        # ibis calls a method that DuckDB 2.0 renamed; it works until ibis follows.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        yield
