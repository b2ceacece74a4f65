"""Write one run date's features into the online store, in Feast's format.

Our own writer sends what Feast's would, many times as fast, and any Feast client
reads it. Where the format may be another one (a version of Feast that we do not
know, options of the online store that we do not follow) Feast writes itself, and
the summary says why. Feast's registry is told of nothing: it holds definitions.
"""

import time
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from hiredis import pack_command

from jobs.features.build_features import feature_timestamp, partition_path
from jobs.features.encode_features import encode_features, is_encodable
from jobs.features.feast_environment import feast_config, require_definitions
from jobs.forgetting.erase_store import features_key
from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.forgetting.tombstone_file import read_forgotten
from jobs.publishing.bulk_writer import BulkWriter
from jobs.publishing.connect_store import Store, open_store
from reco_contracts.columns import FEATURE_VIEWS, USER_FEATURES, Table
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

# Versions of Feast whose format was compared with ours; a release of another minor version may change it.
KNOWN_FEAST: Final = ("0.67",)
_FOLLOWED_OPTIONS: Final = frozenset(
    {"type", "redis_type", "connection_string", "skip_dedup", "full_scan_for_deletion"}
)
_BATCH_ROWS: Final = 20_000

_log = get_logger(__name__)


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Publish the run date's partition of every view.

    Writing a day again replaces its values. A store that holds a later day is
    overwritten too: only the released run publishes.

    Args:
        run_date: the partition.
        settings: of the product.

    Returns:
        Summary: rows, seconds, and whose writer it was; `writer_reason` where it was Feast's.

    Raises:
        EmptyPartitionError: the partition or the registry is missing.
        ContractError: a row lacks its key, or is of another day.
        StoreUnavailableError: the store cannot be reached.
        PublishError: the store refused a command.
    """
    paths = {view: _partition(settings, view, run_date) for view in FEATURE_VIEWS}
    rows = {view.name: pq.read_metadata(path).num_rows for view, path in paths.items()}
    reason = feast_writes_because(settings)
    users = pq.ParquetFile(paths[USER_FEATURES], pre_buffer=False)  # as it is now, also where an erasure replaces it
    with open_store(settings.redis) as store:  # says clearly when there is no store, and translates its errors
        require_definitions(settings)
        started = time.monotonic()
        if reason is None:
            for view, path in paths.items():
                write_features(store, settings, view, path)
        else:
            _log.warning("Feast's own writer publishes", reason=reason)
            _materialize(settings, run_date)
        _take_out_forgotten(store, settings, users)
        seconds = time.monotonic() - started
    return {
        "run_date": run_date,
        "rows": rows,
        "writer": "reco" if reason is None else "feast",
        **({} if reason is None else {"writer_reason": reason}),
        "seconds": round(seconds, 2),
        "rows_per_second": round(sum(rows.values()) / seconds),
    }


def write_features(store: Store, settings: Settings, view: Table, path: Path) -> None:
    """Write a file of one view's rows, batch by batch.

    Args:
        store: the connected store.
        settings: the namespace, and how many connections.
        view: USER_FEATURES or ITEM_FEATURES.
        path: Parquet with the view's columns.

    Raises:
        ContractError: a row lacks its key or its timestamp.
    """
    with BulkWriter(store, settings.publish.connections) as writer:
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(_BATCH_ROWS, columns=list(view.column_names)):
            for command in encode_features(batch, view, settings.project.namespace):
                writer.add(command[1], 1, pack_command(command))


def feast_writes_because(settings: Settings) -> str | None:
    """Why Feast's own writer is needed; None = ours writes the same."""
    try:
        installed = version("feast")
    except PackageNotFoundError:
        installed = "missing"
    if installed.rpartition(".")[0] not in KNOWN_FEAST:
        return f"Feast {installed} is not known here, {', '.join(KNOWN_FEAST)} is"
    config = feast_config(settings)
    if config["entity_key_serialization_version"] != 3:
        return "entity_key_serialization_version is not 3"
    others = sorted(set(config["online_store"]) - _FOLLOWED_OPTIONS)
    if others:
        return f"feature_store.yaml sets {', '.join(others)} of the online store"
    if config["registry"].get("enable_online_feature_view_versioning"):
        return "feature views are versioned"
    odd = [view.name for view in FEATURE_VIEWS if not is_encodable(view)]
    return f"{', '.join(odd)} has columns of other kinds" if odd else None


def _materialize(settings: Settings, run_date: date) -> None:
    from jobs.features.feast_store import materialize  # imports Feast: seconds

    materialize(settings, [view.name for view in FEATURE_VIEWS], feature_timestamp(run_date))


def _take_out_forgotten(store: Store, settings: Settings, users: pq.ParquetFile) -> None:
    """Erased users have no features, also those who were erased since the partition was made or while it was written.

    Who is erased from here on is taken out of the store by whoever erases.
    """
    exchange_tombstones(store, settings, datetime.now(UTC))
    forgotten = read_forgotten(settings)
    if forgotten:
        key = USER_FEATURES.key[0]
        for batch in users.iter_batches(_BATCH_ROWS, columns=[key]):
            for user in forgotten.among(batch.column(key).to_pylist()):
                store.unlink(features_key(settings.keys, user))


def _partition(settings: Settings, view: Table, run_date: date) -> Path:
    path = partition_path(settings.layout, view.name, run_date)
    if not path.exists():
        raise EmptyPartitionError(f"{path} is not there; run `reco build-features --run-date {run_date}` first")
    missing = sorted(set(view.column_names) - set(pq.read_schema(path).names))
    if missing:
        raise ContractError(f"{path}: columns {', '.join(missing)} expected; run `reco build-features` again")
    return path
