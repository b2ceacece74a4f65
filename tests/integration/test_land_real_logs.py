"""The public logs, landed to the line."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.landing.import_log import run_import
from jobs.warehouse.export_marts import open_warehouse
from jobs.warehouse.run_dbt import run
from reco_contracts.settings import Settings, load_settings

pytestmark = pytest.mark.real_data
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCT = r"^(\d{5}[A-Z]{0,2}|DCGS[A-Z0-9]+|SP\d{4})$"
Landed = tuple[Settings, Path, dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(paths={"data": tmp_path / "data"})


def landed(settings: Settings, kind: str) -> pl.DataFrame:
    return pl.read_parquet(settings.layout.landing(kind) / "*" / "*.parquet", hive_partitioning=False)


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory, real_data: Callable[[str], Path]) -> Landed:
    """The retail log, landed once; tests only read it."""
    settings = load_settings(paths={"data": tmp_path_factory.mktemp("retail")})
    path = real_data("online-retail/online_retail_2009_2010.csv.gz")
    return settings, path, run_import(path, "auto", {}, settings, NOW)


def test_online_retail_adds_up_to_the_line(retail: Landed) -> None:
    settings, path, summary = retail
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


def test_online_retail_adds_up_to_the_line_in_the_report(retail: Landed) -> None:
    """Each of 525,461 invoice lines is a purchase, a return, a copy of one of them, or rejected for a reason."""
    settings, path, _ = retail
    run(["run", "--select", "+rpt_data_quality", "--quiet"], settings)
    expected = {"lines_in": 525_461, "landed_rows": 415_719, "quarantined_rows": 109_742, "replayed_rows": 0,
                "late_rows": 0, "duplicate_rows": 6_765, "kept_rows": 408_954}  # fmt: skip
    sums = ", ".join(f"sum({name})" for name in expected)
    with open_warehouse(settings.layout) as warehouse:
        for report in ("rpt_data_quality", "rpt_data_quality_daily"):
            query = f"select {sums} from marts.{report} where kind = 'events'"  # noqa: S608 - names are constants
            assert warehouse.execute(query).fetchone() == (*expected.values(),), report
        reasons = "select reason, sum(quarantined_rows) from marts.rpt_quarantine_reasons group by all order by all"
        assert warehouse.execute(reasons).fetchall() == [("missing_user", 107_927), ("not_a_product", 1_815)]
        kept = "select event_type, count(*), min(event_value) from intermediate.int_events_deduplicated group by 1"
        assert sorted(warehouse.execute(kept).fetchall()) == [("purchase", 399_582, 1.0), ("return", 9_372, 1.0)]
    lines = pl.read_csv(path, infer_schema=False).filter(
        pl.col("Customer ID").is_not_null(), pl.col("StockCode").str.to_uppercase().str.contains(PRODUCT)
    )
    assert lines.height - lines.unique().height == 6_765, "copies are lines that agree in every column"


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
