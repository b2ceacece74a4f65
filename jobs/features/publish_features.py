"""Write one run date's features into the online store, through Feast."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date
from string import Template
from typing import Any

import polars as pl
import yaml
from feast import FeatureStore
from feast.repo_config import RepoConfig

from jobs.features.build_features import feature_timestamp, partition_path
from jobs.features.feast_environment import REPOSITORY_FOLDER, feast_environment
from jobs.publishing.connect_store import open_store
from reco_contracts.columns import FEATURE_VIEWS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings


def open_feature_store(settings: Settings) -> FeatureStore:
    """Feast as feature_repo/feature_store.yaml describes it, with the settings in its placeholders.

    Raises:
        ConfigError: redis.url is no address, or this is no checkout.
        EmptyPartitionError: the definitions were never applied to this data folder.
    """
    if not settings.layout.feast.exists():
        raise EmptyPartitionError(f"{settings.layout.feast} is not there; run `reco apply-features` first")
    template = Template((REPOSITORY_FOLDER / "feature_store.yaml").read_text())
    # Filled in here rather than through os.environ, which would leak the address into every later subprocess.
    config = yaml.safe_load(template.substitute(feast_environment(settings)))
    return FeatureStore(config=RepoConfig(**config, repo_path=REPOSITORY_FOLDER))


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Materialize the run date's partition of every view.

    Writing a day again replaces its values. A store that holds a later day is
    overwritten too: only the released run publishes.

    Args:
        run_date: the partition.
        settings: of the product.

    Raises:
        EmptyPartitionError: the partition or the registry is missing.
        StoreUnavailableError: the store cannot be reached.
        PublishError: the store refused a command.
    """
    rows = {view.name: _partition_rows(settings, view.name, run_date) for view in FEATURE_VIEWS}
    moment = feature_timestamp(run_date)
    with open_store(settings.redis):  # says clearly when there is no store, and translates its errors
        store = open_feature_store(settings)
        started = time.monotonic()
        with _quiet_feast():
            store.materialize(start_date=moment, end_date=moment, feature_views=list(rows))
        seconds = time.monotonic() - started
    return {
        "run_date": run_date,
        "rows": rows,
        "seconds": round(seconds, 2),
        "rows_per_second": round(sum(rows.values()) / seconds),
    }


@contextmanager
def _quiet_feast() -> Iterator[None]:
    """Keep Feast's progress off standard output, which is for the summary, and one known warning off the log."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        # ibis calls a method that DuckDB 2.0 renamed; it works until ibis follows.
        warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
        yield


def _partition_rows(settings: Settings, view: str, run_date: date) -> int:
    path = partition_path(settings.layout, view, run_date)
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco build-features --run-date {run_date}` first")
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
