"""Measure what a run is about to release, and refuse it when a check fails."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from expectations.run_checks import CheckReport, SuiteRun, run_checks
from expectations.suites import feature_suite, list_suite
from jobs.features.build_features import feature_timestamp, partition_path
from jobs.measure_lists import measure_lists, read_home_rules
from jobs.warehouse.hold_exports import reading_exports
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import FCT_INTERACTIONS, FEATURE_VIEWS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.manifests import MANIFEST_FILE, decode_lists_manifest
from reco_contracts.settings import Settings


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
    timestamp = feature_timestamp(run_date)
    runs = []
    for table in FEATURE_VIEWS:
        path = partition_path(layout, table.name, run_date)
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
            is_home = surface == "home"
            with reading_exports(layout):
                rules = read_home_rules(layout, run_date, settings, catalogue) if is_home else None
                min_lists = _min_home_lists(layout, run_date, settings) if is_home else 1
            frame = measure_lists(layout.list_file(generation, surface, variant), available, rules)
            suite = list_suite(f"{surface} {variant}", min_lists, k_by_surface.get(surface, 1_000))
            runs.append(SuiteRun(suite, frame.to_pandas(), ("subject",)))
    return _finish("lists", runs, run_date, settings) | {
        "generation": generation,
        "model_version": manifest.model_version,
    }


def _min_home_lists(layout: Layout, run_date: date, settings: Settings) -> int:
    """The share of users with a history who must have a list; who was only shown something has none."""
    history = pl.scan_parquet(layout.export(FCT_INTERACTIONS.name)).filter(pl.col("event_date") <= run_date)
    users = history.select(pl.col("user_id").n_unique()).collect().item()
    return max(1, int(users * settings.validate_.min_users_share))


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
