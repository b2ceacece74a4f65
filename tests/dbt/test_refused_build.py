"""A build that a test refuses: readers of the marts keep the last good ones, and the account says what came."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import polars as pl
import pytest
from compare_marts import assert_same_tables, tables
from hand_made_shop import DAY_3, event, land, settings_for

from jobs.landing.ledger import landing_lock, read_entry, write_entry
from jobs.warehouse import copy_analytics, export_marts
from jobs.warehouse.run_dbt import run
from reco_contracts.errors import ValidationFailedError
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
BUILD = ["build", "--select", "tag:inputs", "--exclude-resource-type", "unit_test", "--quiet"]
ACCOUNT = {"marts.rpt_data_quality", "marts.rpt_data_quality_daily", "marts.rpt_quarantine_reasons"}

pytestmark = pytest.mark.slow


def marts_of_analysts(settings: Settings) -> dict[str, pl.DataFrame]:
    with duckdb.connect(settings.layout.analytics, read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        return {f"marts.{name}": connection.sql(f"from marts.{name} order by all").pl() for (name,) in names}


def without_account(marts: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {name: table for name, table in marts.items() if name not in ACCOUNT}


def exports(settings: Settings) -> dict[str, bytes]:
    """What the jobs read: path -> bytes."""
    folder = settings.layout.export("_").parent
    files = [*folder.rglob("fct_*/*.parquet"), *folder.glob("dim_*.parquet")]
    return {str(path): path.read_bytes() for path in files}


def say_of_ledger(settings: Settings, rows: int) -> None:
    """Let the ledger say that the new file landed so many rows."""
    entry = read_entry(settings.layout, "new")
    assert entry is not None
    with landing_lock(settings.layout):
        write_entry(settings.layout, msgspec.structs.replace(entry, landed=rows, lines_in=rows))


def test_a_refused_build_renews_the_account_alone_and_a_repaired_one_everything(
    shop: Settings, tmp_path: Path, query: Query
) -> None:
    shutil.copytree(shop.layout.root, tmp_path / "data")
    settings = settings_for(tmp_path / "data")
    copy_analytics.run(settings)
    export_marts.run(DAY_3, settings)
    before, exported = marts_of_analysts(settings), exports(settings)
    assert len(exported) >= 2

    land(settings.layout, "events", "new", [event("n1", "zoe", "lamp", "purchase", DAY_3, value=1)], landed_hour=12)
    say_of_ledger(settings, rows=2)  # one of its rows is lost
    with pytest.raises(ValidationFailedError, match="landed_rows_agree_with_the_ledger"):
        run(BUILD, settings, DAY_3)
    assert copy_analytics.run(settings)["unfinished"]
    with pytest.raises(ValidationFailedError, match="did not finish"):
        export_marts.run(DAY_3, settings)
    refused = marts_of_analysts(settings)
    assert_same_tables(without_account(before), without_account(refused))
    assert exports(settings) == exported
    files = dict(refused["marts.rpt_data_quality"].select("file_sha", "landed_rows").iter_rows())
    assert files["new"] == 2
    days = refused["marts.rpt_data_quality_daily"]
    assert days.filter(days["file_sha"] == "new")["kept_rows"].to_list() == [1], "the row that is there counts"

    say_of_ledger(settings, rows=1)
    run(BUILD, settings, DAY_3)
    assert query(settings, "from warehouse_state.unfinished") == []
    assert copy_analytics.run(settings)["unfinished"] == []
    export_marts.run(DAY_3, settings)
    repaired, built = marts_of_analysts(settings), tables(settings)
    assert "zoe" in repaired["marts.fct_interactions"]["user_id"]
    assert repaired.keys() == {name for name in built if name.startswith("marts.")}
