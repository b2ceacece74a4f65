"""The public logs, landed to the line."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from jobs.landing.import_log import run_import
from reco_contracts.settings import Settings, load_settings

pytestmark = pytest.mark.real_data
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(paths={"data": tmp_path / "data"})


def landed(settings: Settings, kind: str) -> pl.DataFrame:
    return pl.read_parquet(settings.layout.landing(kind) / "*" / "*.parquet", hive_partitioning=False)


def test_online_retail_adds_up_to_the_line(settings: Settings, real_data: Callable[[str], Path]) -> None:
    path = real_data("online-retail/online_retail_2009_2010.csv.gz")
    summary = run_import(path, "auto", {}, settings, NOW)
    print(summary)
    assert summary["lines_in"] == 525_461 == summary["landed"] + summary["quarantined"]
    assert summary["quarantined_by_reason"] == {"missing_user": 107_927, "not_a_product": 1_815}
    assert summary["landed"] == landed(settings, "events").height == 415_719
    assert (summary["first_event_date"], summary["last_event_date"]) == (date(2009, 12, 1), date(2010, 12, 9))
    rejected = pl.read_parquet(settings.layout.quarantine / "*.parquet")
    lines = pl.concat([landed(settings, "events").select("line"), rejected.select("line")])
    assert lines["line"].n_unique() == 525_461
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read().split("\n")
    sample = rejected.sample(500, seed=1)
    assert [text[line - 1].rstrip("\r") for line in sample["line"]] == sample["raw"].to_list()
    returned = landed(settings, "events").filter(pl.col("event_type") == "return")
    assert (returned["value"] > 0).all()
    assert landed(settings, "items")["title"].null_count() == 0


def test_movielens_lands_whole(settings: Settings, real_data: Callable[[str], Path]) -> None:
    summary = run_import(real_data("ml-latest-small"), "auto", {}, settings, NOW)
    assert (summary["landed"], summary["quarantined"], summary["items"]["landed"]) == (100_004, 0, 9_125)
    assert landed(settings, "events")["event_id"].n_unique() == 100_004


def test_complete_journey_lands_but_for_lines_without_units(
    settings: Settings, real_data: Callable[[str], Path]
) -> None:
    summary = run_import(real_data("completejourney"), "auto", {}, settings, NOW)
    assert (summary["lines_in"], summary["landed"]) == (75_000, 74_584)
    assert summary["quarantined_by_reason"] == {"bad_value": 416}
    assert summary["items"]["landed"] == 92_331
    assert landed(settings, "items")["categories"].list.len().max() == 3
