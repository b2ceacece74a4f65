"""Nothing gets in the way of the analysts' copy, and it gets in nobody's way."""

import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs.warehouse import copy_analytics
from jobs.warehouse.copy_analytics import _resting_warehouse
from reco_contracts.artifacts import Layout
from reco_contracts.settings import PathsSection, Settings, load_settings

WRITE = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("create table mine as select 1 as one")
os._exit(9)  # killed: what it wrote is in the log alone
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse with a fact, a report and what the jobs read."""
    settings = load_settings(paths=PathsSection(data=tmp_path))
    settings.layout.warehouse.parent.mkdir()
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("create schema marts; create schema staging")
        connection.execute("create table marts.fct_impressions as select 'i' as item_id from range(3)")
        connection.execute("create table marts.dim_items as select 'i' as item_id")
        connection.execute("create table marts.rpt_funnel as select 3 as impressions")
        connection.execute("create table staging.rpt_other as select 1 as one")
    return settings


def impressions(layout: Layout) -> int:
    with duckdb.connect(layout.analytics, read_only=True) as connection:
        (count,) = connection.execute("select count(*) from marts.fct_impressions").fetchone() or (0,)
    return int(count)


def test_the_copy_cannot_be_written(settings: Settings) -> None:
    """An analyst who opens it for writing would lock out all others."""
    copy_analytics.run(settings)
    assert settings.layout.analytics.stat().st_mode & 0o777 == 0o444
    copy_analytics.run(settings)
    assert impressions(settings.layout) == 3


def test_a_log_of_somebody_who_wrote_the_old_copy_does_not_break_the_new_one(settings: Settings) -> None:
    copy_analytics.run(settings)
    log = settings.layout.analytics.with_name("analytics.duckdb.wal")
    settings.layout.analytics.chmod(0o644)
    subprocess.run([sys.executable, "-c", WRITE, str(settings.layout.analytics)], check=False)
    assert log.exists()
    copy_analytics.run(settings)
    assert not log.exists()
    assert impressions(settings.layout) == 3


def test_what_a_killed_copy_left_is_removed(settings: Settings) -> None:
    folder = settings.layout.analytics.parent
    for name in (".analytics.duckdb.x1y2", ".analytics.duckdb.x1y2.wal"):
        (folder / name).write_bytes(b"half a copy")
    copy_analytics.run(settings)
    assert sorted(path.name for path in folder.iterdir()) == ["analytics.duckdb", "reco.duckdb"]


def test_nobody_writes_the_warehouse_while_it_is_copied(settings: Settings) -> None:
    layout = settings.layout
    with _resting_warehouse(layout) as warehouse:
        assert len(warehouse.file.read()) == layout.warehouse.stat().st_size
        refused = subprocess.run([sys.executable, "-c", WRITE, str(layout.warehouse)], capture_output=True, check=False)
        assert b"Conflicting lock" in refused.stderr
    written = subprocess.run([sys.executable, "-c", WRITE, str(layout.warehouse)], capture_output=True, check=False)
    assert written.returncode == 9, written.stderr


def test_a_copy_that_fails_leaves_the_old_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_analytics.run(settings)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("insert into marts.fct_impressions values ('j')")
    with monkeypatch.context() as patch:
        patch.setattr(copy_analytics, "_keep_tables", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            copy_analytics.run(settings)
    assert impressions(settings.layout) == 3
    assert sorted(path.name for path in settings.layout.analytics.parent.iterdir()) == [
        "analytics.duckdb",
        "reco.duckdb",
    ]
    copy_analytics.run(settings)
    assert impressions(settings.layout) == 4


def test_reports_and_dimensions_become_parquet_and_what_jobs_read_is_left_alone(settings: Settings) -> None:
    """dim_items is exported by the contract, before models are trained; a later copy must not change it."""
    summary = copy_analytics.run(settings)
    assert summary["reports"] == ["rpt_funnel"]
    exports = settings.layout.export("_").parent
    assert [path.name for path in exports.iterdir()] == ["rpt_funnel.parquet"]
    assert pl.read_parquet(exports / "rpt_funnel.parquet").rows() == [(3,)]
