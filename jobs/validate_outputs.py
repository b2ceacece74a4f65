"""Measure what a run is about to release, and refuse it when a check fails."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from expectations.feature_suites import feature_suite
from expectations.list_suites import whole_suite
from expectations.run_checks import CheckReport, SuiteRun, run_checks
from jobs.features.build_features import feature_timestamp, partition_path
from jobs.measuring.hold_promises import describe_generation, kind_runs, whole_frame, whole_promises
from jobs.measuring.measure_generation import measure_generation
from jobs.measuring.previous_lists import overlap_band
from reco_contracts.artifacts import replace_file
from reco_contracts.columns import FEATURE_VIEWS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.manifests import MANIFEST_FILE, decode_lists_manifest
from reco_contracts.settings import Settings

Figures = Mapping[str, Mapping[str, Any]]


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
    band = overlap_band(layout, manifest, settings.validate_)
    measured = list(measure_generation(manifest, run_date, band, settings))
    promises = whole_promises(manifest, band, settings.validate_)
    whole = SuiteRun(whole_suite(promises), whole_frame(measured, promises).to_pandas(), ("surface", "variant"))
    runs = [whole, *kind_runs(measured)]
    figures = describe_generation(measured, band)
    return _finish("lists", runs, run_date, settings, figures) | {
        "generation": generation,
        "model_version": manifest.model_version,
    }


def _existing(path: Path, made_by: str) -> Path:
    if not path.exists():
        raise EmptyPartitionError(f"{path} does not exist; `{made_by}` makes it")
    return path


def _finish(
    what: str, runs: list[SuiteRun], run_date: date, settings: Settings, measured: Figures | None = None
) -> dict[str, Any]:
    report_folder = settings.layout.report(run_date)
    sentences = {name: figures["sentence"] for name, figures in (measured or {}).items()}
    docs = report_folder / "data_docs" / what if settings.validate_.data_docs else None
    report = run_checks(runs, docs, sentences)
    summary = _summary(report)
    with replace_file(report_folder / f"checks_{what}.json") as path:
        kept = summary | ({"measured": measured} if measured else {})
        path.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2))
    report.raise_if_failed()
    return summary | ({"measured": sentences} if sentences else {})


def _summary(report: CheckReport) -> dict[str, Any]:
    return {
        "checks": report.checks,
        "failed": [f"{item.suite}: {item.check} - {item.detail}" for item in report.failed],
        "rows": report.rows,
        "data_docs": str(report.data_docs) if report.data_docs else None,
    }
