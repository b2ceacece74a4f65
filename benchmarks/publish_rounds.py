"""What bench_publish measures: each function is one round of one way, on a store of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import polars as pl

from jobs.features.build_features import feature_timestamp, partition_path
from jobs.features.publish_features import write_features
from jobs.landing.landed_schema import polars_schema
from jobs.publishing.check_store import count_buckets
from jobs.publishing.connect_store import Store, open_store
from jobs.publishing.generation_store import count_lists
from jobs.publishing.read_back import Sample
from jobs.publishing.read_lists import PackedBatch
from jobs.publishing.write_lists import WriteTarget, write_batches
from reco_contracts.columns import FEATURE_TIMESTAMP, FEATURE_VIEWS, DType
from reco_contracts.list_codec import CODEC_VERSION
from reco_contracts.manifests import GenerationManifest, SurfaceManifest
from reco_contracts.settings import Settings

SETS_A_PIPELINE = 1_000
DAY = date(2024, 5, 1)
_EXPIRES_AT = 2_000_000_000
_MEGABYTE = 1024 * 1024


class Round(NamedTuple):
    """One measurement.

    Attributes:
        rows: lists, or rows of features.
        seconds: wall time.
        memory: bytes that the store grew by.
    """

    rows: int
    seconds: float
    memory: int = 0

    @property
    def per_second(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def write_buckets(settings: Settings, batches: Sequence[PackedBatch]) -> Round:
    """Our writer, from packed lists to the last answer: hashing, grouping, packing commands, sending."""
    users = sum(len(batch.subjects) for batch in batches)
    buckets = count_buckets(users, settings.publish.subjects_per_bucket)
    manifest = GenerationManifest(
        generation="20240501-001",
        run_date=DAY.isoformat(),
        model_version="m",
        created_at="",
        codec_version=CODEC_VERSION,
        n_items=0,
        catalogue_chunks=0,
        popular_windows_days=(),
        surfaces={"home": {"default": SurfaceManifest(subjects=users, buckets=buckets, k=0)}},
    )
    with open_store(settings.redis) as store:
        target = WriteTarget(store, settings.keys, manifest, _EXPIRES_AT, settings.publish.connections)
        before, began = _used_memory(store), perf_counter()
        write_batches(target, iter(batches), "home", "default", Sample(users, 200), lambda _: None)
        seconds = perf_counter() - began
        if count_lists(store, settings.keys, manifest, "home", "default") != users:
            raise RuntimeError("not every list is in the store")
        return Round(users, seconds, _used_memory(store) - before)


def set_each(settings: Settings, batches: Sequence[PackedBatch]) -> Round:
    """redis-py, one SET a packed list, a thousand to a pipeline; no expiry."""
    with open_store(settings.redis) as store:
        before, began = _used_memory(store), perf_counter()
        for batch in batches:
            pairs = list(zip(batch.subjects, batch.values, strict=True))
            for first in range(0, len(pairs), SETS_A_PIPELINE):
                with store.pipeline(transaction=False) as pipe:
                    for user, value in pairs[first : first + SETS_A_PIPELINE]:
                        pipe.set(f"lists:{user}", value)
                    pipe.execute()
        seconds = perf_counter() - began
        return Round(sum(len(batch.subjects) for batch in batches), seconds, _used_memory(store) - before)


def publish_in_a_process(settings: Settings, generation: str) -> dict[str, Any]:
    """The whole command in a process of its own: its summary, and its peak memory in megabytes."""
    environment = os.environ | {
        "RECO_PROJECT__NAMESPACE": settings.project.namespace,
        "RECO_PATHS__DATA": str(settings.layout.root),
        "RECO_REDIS__URL": settings.redis.url,
    }
    command = [sys.executable, "-c", _COMMAND_AND_PEAK, "publish-lists", "--generation", generation, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"publish-lists ended with code {done.returncode}: {done.stderr[-2_000:].decode()}")
    summary: dict[str, Any] = msgspec.json.decode(done.stdout)
    return summary | {"peak_memory_mb": round(int(done.stderr.split()[-1]) * 1024 / _MEGABYTE)}


# What the kernel tells a waiting parent counts this process's own size too, from the moment before `exec`.
_COMMAND_AND_PEAK = """
import sys
from pathlib import Path
from jobs.cli.main import main
try:
    main()
finally:
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
"""


def write_feature_partitions(settings: Settings, rows: int) -> int:
    """Make a day of features by formula, so many users and a tenth as many items; gives all rows."""
    written = 0
    for view, count in zip(FEATURE_VIEWS, (rows, max(1, rows // 10)), strict=True):
        columns = {
            column.name: _column(column.name, column.dtype, view.key[0], count)
            for column in view.columns
            if column.name != FEATURE_TIMESTAMP
        }
        frame = pl.DataFrame(columns).with_columns(pl.lit(feature_timestamp(DAY)).alias(FEATURE_TIMESTAMP))
        path = partition_path(settings.layout, view.name, DAY)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(view).items()).write_parquet(path)
        written += count
    return written


def write_our_features(settings: Settings, rows: int) -> Round:
    """Our writer, from Parquet to the last answer."""
    with open_store(settings.redis) as store:
        before, began = _used_memory(store), perf_counter()
        for view in FEATURE_VIEWS:
            write_features(store, settings, view, partition_path(settings.layout, view.name, DAY))
        seconds = perf_counter() - began
        return Round(rows, seconds, _used_memory(store) - before)


def materialize_features(settings: Settings, rows: int) -> Round:
    """`feast materialize` of the same day, in this process: without the seconds of its start."""
    from jobs.features.feast_store import materialize

    with open_store(settings.redis) as store:
        before, began = _used_memory(store), perf_counter()
        materialize(settings, [view.name for view in FEATURE_VIEWS], feature_timestamp(DAY))
        seconds = perf_counter() - began
        return Round(rows, seconds, _used_memory(store) - before)


def _column(name: str, dtype: DType, key: str, count: int) -> pl.Series:
    numbers = pl.Series(range(count))
    if name == key:
        return pl.Series([f"{key}-{number}" for number in range(count)])
    if dtype is DType.STRING:
        return pl.Series([f"category-{number % 40}" for number in range(count)])
    return numbers * 0.37 if dtype is DType.FLOAT64 else numbers * 7 % 93


def _used_memory(store: Store) -> int:
    memory: Any = store.info("memory")
    return int(memory["used_memory"])
