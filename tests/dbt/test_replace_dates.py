"""Models replace exactly the dates that were touched, and end as a full build would have made them."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from compare_marts import assert_same_tables, tables
from hand_made_shop import event, land, settings_for
from late_shop import DAYS, LONELY_DAY, day_files, take_back
from polars.testing import assert_frame_equal

from jobs.features import build_features
from jobs.warehouse import export_marts
from jobs.warehouse.export_marts import open_warehouse
from jobs.warehouse.keep_good_marts import unfinished_nodes
from jobs.warehouse.run_dbt import dbt_command, dbt_environment, dbt_variables, run
from reco_contracts.errors import ValidationFailedError
from reco_contracts.settings import InteractionsSection, Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
MODELS_ALONE = ["run", "--select", "tag:inputs", "--quiet"]


def copy_shop(settings: Settings, folder: Path, *, keep_warehouse: bool, **sections: Any) -> Settings:
    """The same landed files below another folder, with or without the warehouse."""
    shutil.copytree(settings.layout.root, folder / "data")
    if not keep_warehouse:
        shutil.rmtree(folder / "data" / "warehouse")
    return settings_for(folder / "data", **sections)


def build_and_kill(settings: Settings, after: str) -> None:
    """Start a build, and kill it when it says that a model was made."""
    command = dbt_command(["run", "--select", "tag:inputs"], dbt_variables(settings))
    with subprocess.Popen(
        command, env=os.environ | dbt_environment(settings), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "OK created" in line and after in line:
                process.kill()
                break
        else:
            pytest.fail(f"{after} was not made:\n{''.join(said)}")


def unfinished(settings: Settings) -> int:
    with open_warehouse(settings.layout) as connection:
        return len(unfinished_nodes(connection))


@pytest.fixture(scope="module")
def late_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Files in random order, four builds (one killed, one of some models only), two files taken back."""
    settings = settings_for(tmp_path_factory.mktemp("late"))
    layout = settings.layout
    files = day_files()
    draw = random.Random(3)  # noqa: S311 - a repeatable draw
    order = draw.sample(sorted(set(files) - {"lonely"}), len(files) - 1)
    hours = draw.sample(range(24), len(order))  # the clock of who lands them need not follow the order

    def land_files(first: int, last: int) -> None:
        for name, hour in list(zip(order, hours, strict=True))[first:last]:
            land(layout, "events", name, files[name], landed_hour=hour)

    land(layout, "events", "lonely", files["lonely"])
    land_files(0, 8)
    run(MODELS_ALONE, settings)
    land_files(8, 15)
    take_back(layout, "lonely")
    build_and_kill(settings, after="int_events_deduplicated")
    assert unfinished(settings) > 5, "a killed build is not taken for a good one"
    land_files(15, len(order))
    run(["run", "--select", "+int_events_deduplicated", "feat_item_daily", "--quiet"], settings)
    take_back(layout, order[5])
    run(MODELS_ALONE, settings)
    assert unfinished(settings) == 0
    return settings


def test_out_of_order_builds_give_what_a_full_build_gives(late_shop: Settings, tmp_path: Path) -> None:
    """With 5 % duplicates, 3 % late rows, ids that come again on other days, and a build that was killed."""
    whole = copy_shop(late_shop, tmp_path, keep_warehouse=False)
    run(MODELS_ALONE, whole)
    found = tables(late_shop)
    assert found["marts.fct_interactions"].height > 500
    clicked = found["marts.fct_impressions"].filter("is_clicked")
    assert (clicked["clicked_at"].dt.date() > clicked["event_date"]).sum() > 5, "clicks after midnight are there"
    assert_same_tables(found, tables(whole))


def test_days_that_depend_on_their_neighbours_are_there_to_be_tested(late_shop: Settings, query: Query) -> None:
    """Impressions that a day before makes repeats, and sessions over midnight."""
    repeats = """
        select (select count(*) from intermediate.int_events_deduplicated where event_type = 'impression')
            - (select count(*) from marts.fct_impressions)
    """
    over_midnight = "select count(*) from marts.fct_sessions where is_over_midnight"
    for found in (repeats, over_midnight):
        assert query(late_shop, found)[0][0] > 5, found


def test_a_date_that_lost_its_last_row_is_empty(late_shop: Settings, query: Query) -> None:
    replaced = "select distinct node from warehouse_state.partition_versions where node not like 'landing.%'"
    partitioned = query(late_shop, replaced)
    assert len(partitioned) >= 8
    for (node,) in partitioned:
        schema = "intermediate" if node.startswith("int_") else "marts"
        rows = query(late_shop, f"select count(*) from {schema}.{node} where event_date = date '{LONELY_DAY}'")  # noqa: S608
        assert rows == [(0,)], node


def test_copies_on_other_days_are_there_to_be_tested(late_shop: Settings, query: Query) -> None:
    crossing = "select event_key from intermediate.int_events_keyed group by 1 having count(distinct event_date) > 1"
    assert len(query(late_shop, crossing)) > 10
    twice = "select event_id from intermediate.int_events_deduplicated group by 1 having count(*) > 1"
    assert query(late_shop, twice) == []


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Five days, built and tested; `moved` was landed for day 2 before it came again for day 4."""
    settings = settings_for(tmp_path_factory.mktemp("week"))
    for number, day in enumerate(DAYS[:5]):
        rows = [event(f"e{number}-{line}", f"u{line}", "lamp", "click", day) for line in range(3)]
        land(settings.layout, "events", f"day{number}", rows, landed_hour=10)
    land(settings.layout, "events", "moved", [event("moved", "u1", "rug", "view", DAYS[1])], landed_hour=3)
    land(settings.layout, "events", "again", [event("moved", "u1", "rug", "view", DAYS[3])], landed_hour=4)
    run(["build", "--select", "tag:inputs", "--warn-error", "--quiet"], settings)
    return settings


def test_only_touched_dates_and_their_dependents_are_rewritten(week: Settings, tmp_path: Path, query: Query) -> None:
    """A mark in each row is gone where the row was made anew: day 3 had a late file, day 2 lost the first copy."""
    settings = copy_shop(week, tmp_path, keep_warehouse=True)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update marts.fct_interactions set returns = 77")
        connection.execute("update intermediate.int_events_deduplicated set currency = 'marked'")
        connection.execute("update intermediate.int_items_seen set events = 77")
    land(settings.layout, "events", "late", [event("late", "u7", "vase", "click", DAYS[2])], landed_hour=20)
    take_back(settings.layout, "moved")
    run(MODELS_ALONE, settings)
    for table, mark in (
        ("marts.fct_interactions", "returns = 77"),
        ("intermediate.int_events_deduplicated", "currency = 'marked'"),
        ("intermediate.int_items_seen", "events = 77"),
    ):
        unmarked = f"select distinct event_date from {table} where ({mark}) is not true order by 1"  # noqa: S608
        assert [row[0] for row in query(settings, unmarked)] == DAYS[1:4], table
    of_moved = "select event_date, views from marts.fct_interactions where item_id = 'rug'"
    assert query(settings, of_moved) == [(DAYS[3], 1)]


@pytest.mark.slow
def test_the_order_of_run_dates_changes_nothing(week: Settings, tmp_path: Path, query: Query) -> None:
    """The warehouse is made of what was landed, so that a run for an earlier day rewrites no date."""
    versions = "select node, event_date, version from warehouse_state.partition_versions order by all"
    forwards = copy_shop(week, tmp_path / "forwards", keep_warehouse=True)
    backwards = copy_shop(week, tmp_path / "backwards", keep_warehouse=True)
    for day in (DAYS[1], DAYS[4]):
        export_marts.run(day, forwards)
        build_features.run(day, forwards)
    for day in (DAYS[4], DAYS[1]):
        run(MODELS_ALONE, backwards, day)
        export_marts.run(day, backwards)
        build_features.run(day, backwards)
    assert query(backwards, versions) == query(week, versions)
    assert_same_tables(tables(backwards), tables(week))
    found = sorted(backwards.layout.root.glob("features/*/*/*.parquet"))
    assert len(found) == 4
    for path in found:
        other = forwards.layout.root / path.relative_to(backwards.layout.root)
        assert_frame_equal(pl.read_parquet(path), pl.read_parquet(other))


@pytest.mark.slow
def test_another_setting_builds_whole_what_it_changes(week: Settings, tmp_path: Path, query: Query) -> None:
    """A weight is in the SQL of the daily marts, and not in that of the events."""
    settings = copy_shop(week, tmp_path, keep_warehouse=True, interactions=InteractionsSection(click_weight=3.0))
    counted = "select sum(weight) from marts.{} where item_id = 'lamp'"
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update intermediate.int_events_deduplicated set currency = 'marked'")
    run(MODELS_ALONE, settings)
    assert query(settings, counted.format("fct_interactions")) == query(settings, counted.format("feat_item_daily"))
    assert query(settings, counted.format("fct_interactions")) == [(Decimal("45.0000"),)]
    assert query(settings, "select distinct currency from intermediate.int_events_deduplicated") == [("marked",)]


@pytest.mark.slow
def test_a_full_refresh_makes_everything_anew(week: Settings, tmp_path: Path, query: Query) -> None:
    settings = copy_shop(week, tmp_path, keep_warehouse=True)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update marts.fct_interactions set returns = 77")
    run([*MODELS_ALONE, "--full-refresh"], settings)
    assert_same_tables(tables(settings), tables(week))


def test_tests_look_at_dates_that_they_have_not_passed(week: Settings, tmp_path: Path, query: Query) -> None:
    """A bad row of an old date is found by a test of all dates, and daily once the date is touched."""
    settings = copy_shop(week, tmp_path, keep_warehouse=True)
    tested = ["test", "--select", "fct_interactions", "--quiet"]
    broken = r"fct_interactions_keeps_its_rules: Got 1 result.*\n {4}rule = have_at_least_one_event, failing_rows = 1"
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(
            "update marts.fct_interactions set clicks = 0 where user_id = 'u1' and event_date = ?", [DAYS[0]]
        )
    run(tested, settings)
    with pytest.raises(ValidationFailedError, match=broken):
        run(tested, settings, all_dates=True)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(
            "update warehouse_state.partition_versions set version = version + 1 "
            "where node = 'fct_interactions' and event_date = ?", [DAYS[0]]
        )  # fmt: skip
    for_tests = "select count(*) from warehouse_state.partition_reads where node = 'tests of fct_interactions'"
    passed = query(settings, for_tests + f" and event_date = date '{DAYS[0]}' and version = 1")
    with pytest.raises(ValidationFailedError, match=broken):
        run(tested, settings)
    assert query(settings, for_tests + f" and event_date = date '{DAYS[0]}' and version = 1") == passed == [(1,)]
