"""Features against values computed by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exported_marts import Day, export_marts

from jobs.features.build_features import partition_path, run
from jobs.landing.landed_schema import polars_schema
from reco_contracts.columns import FEATURE_VIEWS, ITEM_FEATURES, USER_FEATURES
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import PathsSection, Settings, load_settings

RUN_DATE = date(2024, 3, 31)
STAMP = datetime(2024, 4, 1, tzinfo=UTC)
CATEGORIES = {"lamp": "home", "rug": "home", "book": "media", "odd": None}


def ago(days: int) -> date:
    return RUN_DATE - timedelta(days=days)


HISTORY = [
    Day(ago(-1), "anna", "rug", interactions=9, purchases=9, weight=99),  # the future
    Day(ago(0), "anna", "lamp", interactions=2, purchases=1, weight=10),
    Day(ago(6), "anna", "book", interactions=1, purchases=0, weight=1),
    Day(ago(7), "anna", "lamp", interactions=1, purchases=1, weight=8),
    Day(ago(29), "anna", "odd", interactions=1, purchases=0, weight=50),
    Day(ago(30), "anna", "rug", interactions=5, purchases=5, weight=90),
    Day(ago(0), "bert", "book", interactions=1, purchases=1, weight=8),
    Day(ago(1), "bert", "lamp", interactions=1, purchases=1, weight=8),
    Day(ago(2), "bert", "rug", interactions=1, purchases=0, weight=-8),
    Day(ago(45), "carl", "rug", interactions=3, purchases=1, weight=12),
    Day(ago(-2), "dora", "vase", interactions=1, purchases=0, weight=1),  # a newcomer of the day after tomorrow
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(paths=PathsSection(data=tmp_path))


@pytest.fixture
def built(settings: Settings) -> Settings:
    export_marts(settings.layout, HISTORY, CATEGORIES)
    run(RUN_DATE, settings)
    return settings


def read(settings: Settings, view: str) -> pl.DataFrame:
    return pl.read_parquet(partition_path(settings.layout, view, RUN_DATE), hive_partitioning=False)


def rows(frame: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in frame.to_dicts()}


def test_windows_of_a_user_end_with_the_run_date(built: Settings) -> None:
    """Anna: 7 days are days 0 to 6, 30 days are days 0 to 29; the odd item has weight and no category."""
    assert rows(read(built, "user_features"), "user_id")["anna"] == {
        "user_id": "anna",
        "feature_timestamp": STAMP,
        "interactions_7d": 3,
        "interactions_30d": 5,
        "purchases_30d": 2,
        "distinct_items_30d": 3,
        "days_since_last_interaction": 0,
        "mean_weight_30d": pytest.approx(69 / 5, rel=1e-9),
        "top_category": "home",
    }


def test_a_top_category_is_positive_and_ties_go_by_name(built: Settings) -> None:
    """Bert: media 8; home 8 - 8 = 0, which is no preference."""
    assert rows(read(built, "user_features"), "user_id")["bert"]["top_category"] == "media"


def test_what_was_only_returned_is_no_top_category(settings: Settings) -> None:
    export_marts(settings.layout, [Day(ago(0), "u", "book", interactions=1, purchases=0, weight=-8)], CATEGORIES)
    run(RUN_DATE, settings)
    assert read(settings, "user_features")["top_category"].to_list() == [None]


def test_equal_categories_go_by_name(settings: Settings) -> None:
    days = [Day(ago(0), "u", item, interactions=1, purchases=1, weight=8) for item in ("book", "lamp")]
    export_marts(settings.layout, days, CATEGORIES)
    run(RUN_DATE, settings)
    assert read(settings, "user_features")["top_category"].to_list() == ["home"]


def test_a_user_without_recent_history_has_zeros(built: Settings) -> None:
    assert rows(read(built, "user_features"), "user_id")["carl"] == {
        "user_id": "carl",
        "feature_timestamp": STAMP,
        "interactions_7d": 0,
        "interactions_30d": 0,
        "purchases_30d": 0,
        "distinct_items_30d": 0,
        "days_since_last_interaction": 45,
        "mean_weight_30d": 0.0,
        "top_category": None,
    }


def test_windows_of_an_item_end_with_the_run_date(built: Settings) -> None:
    found = rows(read(built, "item_features"), "item_id")
    assert found["lamp"] == {
        "item_id": "lamp",
        "feature_timestamp": STAMP,
        "interactions_7d": 3,
        "interactions_30d": 4,
        "purchases_30d": 3,
        "distinct_users_30d": 2,
        "days_since_first_interaction": 7,
        "trend_7d": pytest.approx(3 / (4 * 7 / 30), rel=1e-9),
    }
    assert found["odd"]["trend_7d"] == 0.0
    assert (found["rug"]["interactions_30d"], found["rug"]["days_since_first_interaction"]) == (1, 45)


def test_nothing_after_the_run_date_is_known(built: Settings, settings: Settings) -> None:
    """The same history without its future gives the same files."""
    before = [read(built, view.name) for view in FEATURE_VIEWS]
    export_marts(settings.layout, [day for day in HISTORY if day.event_date <= RUN_DATE], CATEGORIES)
    run(RUN_DATE, settings)
    after = [read(settings, view.name) for view in FEATURE_VIEWS]
    assert all(one.equals(other) for one, other in zip(before, after, strict=True))
    assert before[0]["user_id"].to_list() == ["anna", "bert", "carl"]
    assert "vase" not in before[1]["item_id"].to_list()


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_columns_and_types_are_the_contracts(built: Settings, view: Any) -> None:
    assert dict(read(built, view.name).schema) == polars_schema(view)


def test_a_rerun_replaces_one_partition_and_no_other(built: Settings) -> None:
    other = partition_path(built.layout, USER_FEATURES.name, ago(1))
    run(ago(1), built)
    kept = other.read_bytes()
    first = read(built, ITEM_FEATURES.name)
    run(RUN_DATE, built)
    assert read(built, ITEM_FEATURES.name).equals(first)
    assert other.read_bytes() == kept
    assert sorted(path.name for path in built.layout.features(USER_FEATURES.name).iterdir()) == [
        f"event_date={ago(1)}",
        f"event_date={RUN_DATE}",
    ]


def test_a_missing_export_is_named(settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match=r"feat_user_daily\.parquet is not there; run `reco export-marts`"):
        run(RUN_DATE, settings)


def test_a_date_before_the_log_is_refused(built: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="no interaction up to 2020-01-01"):
        run(date(2020, 1, 1), built)


def test_weights_are_exact_sums(settings: Settings) -> None:
    """Ten times 0.1 is 1, which a sum of doubles misses."""
    days = [Day(ago(day), "u", "lamp", interactions=1, purchases=0, weight=Decimal("0.1")) for day in range(10)]
    export_marts(settings.layout, days, CATEGORIES)
    run(RUN_DATE, settings)
    assert read(settings, "user_features")["mean_weight_30d"].to_list() == [0.1]
