"""Measure what a run is about to release, and refuse it when a check fails."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from expectations.run_checks import CheckReport, SuiteRun, run_checks
from expectations.suites import feature_suite, list_suite
from jobs.progress import track
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import (
    DIM_USERS,
    FCT_INTERACTIONS,
    FEATURE_VIEWS,
    LIST_ITEMS,
    LIST_REASONS,
    LIST_SCORES,
    LIST_SEEDS,
    LIST_SUBJECT,
)
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.manifests import MANIFEST_FILE, decode_lists_manifest
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.settings import Settings

_LISTS_A_BATCH = 20_000
_HAS_SEED = np.array([REASONS[reason].has_seed for reason in Reason], dtype=bool)


def validate_features(run_date: date, settings: Settings) -> dict[str, Any]:
    """Check the feature partitions of one day.

    Args:
        run_date: the day of the partitions.
        settings: where they are.

    Returns:
        Checks evaluated, rows by view, and where the HTML is.

    Raises:
        EmptyPartitionError: a partition is missing.
        ValidationFailedError: a check failed; names it and its first rows.
    """
    layout = settings.layout
    timestamp = datetime.combine(run_date + timedelta(days=1), time(), tzinfo=UTC)
    runs = []
    for table in FEATURE_VIEWS:
        path = layout.features(table.name) / f"event_date={run_date.isoformat()}" / "part.parquet"
        frame = pl.read_parquet(_existing(path, f"reco build-features --run-date {run_date}"), hive_partitioning=False)
        runs.append(SuiteRun(feature_suite(table, timestamp), frame.to_pandas(), (table.key[0],)))
    return _finish("features", runs, run_date, settings)


def validate_lists(generation: str, run_date: date, settings: Settings) -> dict[str, Any]:
    """Check every list of a generation that is about to be published.

    Args:
        generation: the list folder's name.
        run_date: the day of the run, for the report and for what users had consumed.
        settings: where the files are, and the limits.

    Returns:
        Checks evaluated, lists by surface, and where the HTML is.

    Raises:
        EmptyPartitionError: a file is missing.
        ValidationFailedError: a check failed; names it and its first lists.
    """
    layout = settings.layout
    manifest_file = _existing(layout.lists / generation / MANIFEST_FILE, f"reco rank --run-date {run_date}")
    manifest = decode_lists_manifest(manifest_file.read_bytes())
    catalogue = pl.read_parquet(layout.catalogue_file(generation), columns=["item_id", "is_available"])
    available = catalogue["is_available"].to_numpy()
    k_by_surface: dict[str, int] = {
        name: section["k"] for name, section in settings.surfaces.model_dump(mode="python").items()
    }
    runs = []
    for surface, variants in manifest.lists.items():
        for variant in variants:
            consumed = _consumed(layout, run_date, settings, catalogue) if surface == "home" else None
            frame = measure_lists(layout.list_file(generation, surface, variant), available, consumed)
            min_lists = _min_home_lists(layout, run_date, settings) if surface == "home" else 1
            # An item without neighbours, or a category without items on sale, may have no full list.
            min_length = settings.validate_.min_list_length if surface == "home" else 0
            suite = list_suite(f"{surface} {variant}", min_lists, min_length, k_by_surface.get(surface, 1_000))
            runs.append(SuiteRun(suite, frame.to_pandas(), ("subject",)))
    return _finish("lists", runs, run_date, settings) | {
        "generation": generation,
        "model_version": manifest.model_version,
    }


def measure_lists(
    path: Path, available: npt.NDArray[np.bool_], consumed: tuple[dict[str, int], npt.NDArray[np.int64]] | None
) -> pl.DataFrame:
    """Count what is wrong in each list of one file, in batches of lists.

    Args:
        path: a list file.
        available: bool, shape (n_items,); true where the item may be shown.
        consumed: row number of each user, and the sorted codes `user * n_items + item` that a
            list must not hold; None where the surface excludes nothing.

    Returns:
        One row a list with the columns `expectations.suites.LIST_CHECK_COLUMNS`.

    Raises:
        EmptyPartitionError: the file is missing.
    """
    source = pq.ParquetFile(_existing(path, "reco rank"))
    batches = source.iter_batches(batch_size=_LISTS_A_BATCH)
    total = -(-source.metadata.num_rows // _LISTS_A_BATCH)
    frames = [
        _measure_batch(pl.DataFrame(pl.from_arrow(batch)), available, consumed)
        for batch in track(batches, f"Checking {path.parent.name} lists", total)
    ]
    return pl.concat(frames) if frames else _measure_batch(pl.read_parquet(path), available, consumed)


def _measure_batch(
    lists: pl.DataFrame, available: npt.NDArray[np.bool_], consumed: tuple[dict[str, int], npt.NDArray[np.int64]] | None
) -> pl.DataFrame:
    lengths = lists[LIST_ITEMS].list.len().to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(lists)), lengths)
    items = lists[LIST_ITEMS].explode(empty_as_null=False).to_numpy().astype(np.int64)
    scores = lists[LIST_SCORES].explode(empty_as_null=False).to_numpy().astype(np.float64)
    reasons = lists[LIST_REASONS].explode(empty_as_null=False).to_numpy().astype(np.int64)
    seeds = lists[LIST_SEEDS].explode(empty_as_null=False).to_numpy().astype(np.int64)
    is_known = (items >= 0) & (items < len(available))
    safe = np.where(is_known, items, 0)
    reason_known = reasons < len(_HAS_SEED)
    needs_seed = _HAS_SEED[np.where(reason_known, reasons, 0)]
    same_list = rows[1:] == rows[:-1]

    def per_list(bad: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(rows[bad], minlength=len(lists))

    inverted = np.zeros(len(rows), dtype=bool)
    inverted[1:] = same_list & (scores[1:] > scores[:-1])
    return pl.DataFrame(
        {
            "subject": lists[LIST_SUBJECT],
            "list_length": lengths,
            "duplicate_items": lengths - lists[LIST_ITEMS].list.n_unique().to_numpy().astype(np.int64),
            "unknown_items": per_list(~is_known),
            "unavailable_items": per_list(is_known & ~available[safe]) if len(available) else per_list(~is_known),
            "consumed_items": per_list(_is_consumed(lists, rows, items, len(available), consumed)),
            "bad_scores": per_list(~np.isfinite(scores)),
            "score_inversions": per_list(inverted),
            "unknown_reasons": per_list(~reason_known | (reasons == Reason.UNKNOWN)),
            "missing_seeds": per_list(needs_seed & ((seeds < 0) | (seeds >= len(available)))),
        }
    )


def _is_consumed(
    lists: pl.DataFrame,
    rows: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    n_items: int,
    consumed: tuple[dict[str, int], npt.NDArray[np.int64]] | None,
) -> npt.NDArray[np.bool_]:
    if consumed is None or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    users, codes = consumed
    user_rows = np.array([users.get(subject, -1) for subject in lists[LIST_SUBJECT]], dtype=np.int64)[rows]
    return (user_rows >= 0) & np.isin(user_rows * n_items + items, codes)


def _consumed(
    layout: Layout, run_date: date, settings: Settings, catalogue: pl.DataFrame
) -> tuple[dict[str, int], npt.NDArray[np.int64]] | None:
    """The user and item pairs that home lists must not hold, as codes."""
    rule = settings.surfaces.home.exclude_seen
    if rule == "off":
        return None
    since = date.min if rule == "forever" else run_date - timedelta(days=int(rule) - 1)
    pairs = (
        pl.scan_parquet(layout.export(FCT_INTERACTIONS.name))
        .filter(pl.col("is_consumed"), pl.col("event_date").is_between(since, run_date))
        .select("user_id", "item_id")
        .unique()
        .join(catalogue.with_row_index("item").select("item_id", "item").lazy(), on="item_id")
        .collect()
    )
    users = {user: row for row, user in enumerate(pairs["user_id"].unique().sort())}
    user_rows = np.array([users[user] for user in pairs["user_id"]], dtype=np.int64)
    return users, np.sort(user_rows * len(catalogue) + pairs["item"].to_numpy().astype(np.int64))


def _min_home_lists(layout: Layout, run_date: date, settings: Settings) -> int:
    """The share of users seen by the run date who must have a list."""
    users = pl.scan_parquet(layout.export(DIM_USERS.name)).filter(pl.col("first_seen_date") <= run_date)
    known = users.select(pl.len()).collect().item()
    return max(1, int(known * settings.validate_.min_users_share))


def _existing(path: Path, made_by: str) -> Path:
    if not path.exists():
        raise EmptyPartitionError(f"{path} does not exist; `{made_by}` makes it")
    return path


def _finish(what: str, runs: list[SuiteRun], run_date: date, settings: Settings) -> dict[str, Any]:
    report_folder = settings.layout.report(run_date)
    report = run_checks(runs, report_folder / "data_docs" / what if settings.validate_.data_docs else None)
    summary = _summary(report)
    with replace_file(report_folder / f"checks_{what}.json") as path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2))
    report.raise_if_failed()
    return summary


def _summary(report: CheckReport) -> dict[str, Any]:
    return {
        "checks": report.checks,
        "failed": [f"{item.suite}: {item.check} - {item.detail}" for item in report.failed],
        "rows": report.rows,
        "data_docs": str(report.data_docs) if report.data_docs else None,
    }
