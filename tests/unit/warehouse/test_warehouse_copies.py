"""The exports and the analysts' copy of a warehouse."""

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs.landing.landed_schema import POLARS_TYPES
from jobs.warehouse import copy_analytics, export_marts
from jobs.warehouse.read_marts import read_interactions
from reco_contracts.columns import FCT_INTERACTIONS, MARTS_TO_EXPORT, DType
from reco_contracts.errors import EmptyPartitionError, RecoError
from reco_contracts.settings import PathsSection, Settings, load_settings

RUN_DATE = date(2024, 4, 3)
SQL_TYPES = {
    DType.STRING: "varchar",
    DType.STRINGS: "varchar[]",
    DType.INT32: "integer",
    DType.INT64: "bigint",
    DType.FLOAT64: "double",
    DType.BOOL: "boolean",
    DType.DATE: "date",
    DType.TIMESTAMP: "timestamptz",
    DType.DECIMAL: "decimal(18,4)",
}
INSERT = (
    "insert into marts.fct_interactions by name select ? as event_date, ? as user_id, 'i' as item_id, 1 as purchases, "
    "8.5 as weight, timestamptz '2024-04-01 10:00:00+00' as last_occurred_at"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse whose marts have the contract's types, the columns in another order, and two interactions."""
    settings = load_settings(paths=PathsSection(data=tmp_path))
    settings.layout.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("create schema marts; create schema staging; create view staging.v as select 1 as one")
        for mart in MARTS_TO_EXPORT:
            columns = ", ".join(f"{column.name} {SQL_TYPES[column.dtype]}" for column in reversed(mart.columns))
            connection.execute(f"create table marts.{mart.name} ({columns}, more varchar)")
        connection.execute(INSERT, [date(2024, 4, 2), "b"])
        connection.execute(INSERT, [date(2024, 4, 1), "a"])
    return settings


def test_exports_have_the_contracts_columns_in_order(settings: Settings) -> None:
    summary = export_marts.run(RUN_DATE, settings)
    assert summary["rows"] == {mart.name: (2 if mart is FCT_INTERACTIONS else 0) for mart in MARTS_TO_EXPORT}
    for mart in MARTS_TO_EXPORT:
        schema = pl.scan_parquet(settings.layout.export(mart.name)).collect_schema()
        assert list(schema) == list(mart.column_names)
        assert schema == {column.name: POLARS_TYPES[column.dtype] for column in mart.columns}


def test_rows_are_in_the_order_of_the_key(settings: Settings) -> None:
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(INSERT, [date(2024, 5, 1), "d"])
    export_marts.run(RUN_DATE, settings)
    path = settings.layout.export(FCT_INTERACTIONS.name) / "2024-04.parquet"
    first = path.read_bytes()
    assert pl.read_parquet(path)["user_id"].to_list() == ["a", "b"]
    export_marts.run(RUN_DATE, settings)
    assert path.read_bytes() == first


def test_an_export_rewrites_the_months_in_which_a_date_changed(settings: Settings) -> None:
    """Rows change in three months; versions say so of one, and that another is empty now."""
    node = FCT_INTERACTIONS.name
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(
            "create schema warehouse_state; create table warehouse_state.identity as select 'w1' as warehouse_id;"
            "create table warehouse_state.partition_versions as select ? as node, unnest([date '2024-03-31', "
            "date '2024-04-01', date '2024-04-02', date '2024-05-01']) as event_date, 1 as version", [node]
        )  # fmt: skip
        connection.execute(INSERT, [date(2024, 3, 31), "c"])
        connection.execute(INSERT, [date(2024, 5, 1), "d"])
    export_marts.run(RUN_DATE, settings)
    folder = settings.layout.export(node)
    (folder / ".2024-04.parquet.killed").touch()
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update marts.fct_interactions set purchases = 5")
        connection.execute("delete from marts.fct_interactions where event_date = date '2024-05-01'")
        connection.execute("update warehouse_state.partition_versions set version = 2 where event_date >= '2024-04-02'")
    export_marts.run(RUN_DATE, settings)
    april = ["2024-04-01.parquet", "2024-04-02.parquet"]
    assert sorted(path.name for path in folder.iterdir()) == ["2024-03.parquet", *sorted(april)]
    assert pl.read_parquet(folder).sort("event_date")["purchases"].to_list() == [1, 5, 5], "April is written by day now"
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update warehouse_state.identity set warehouse_id = 'w2'")
    export_marts.run(RUN_DATE, settings)
    assert pl.read_parquet(folder)["purchases"].to_list() == [5, 5, 5], "versions of another warehouse mean nothing"


def test_a_new_day_writes_its_own_file_and_a_new_month_puts_the_days_together(settings: Settings) -> None:
    node = FCT_INTERACTIONS.name
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(
            "create schema warehouse_state; create table warehouse_state.identity as select 'w1' as warehouse_id;"
            "create table warehouse_state.partition_versions as select ? as node, unnest([date '2024-04-01', "
            "date '2024-04-02', date '2024-04-03', date '2024-05-01']) as event_date, 1 as version", [node]
        )  # fmt: skip
    export_marts.run(RUN_DATE, settings)
    folder = settings.layout.export(node)
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert sorted(before) == ["2024-04-01.parquet", "2024-04-02.parquet"]

    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(INSERT, [date(2024, 4, 3), "c"])
    export_marts.run(RUN_DATE, settings)
    after = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert sorted(after) == [*sorted(before), "2024-04-03.parquet"]
    assert before.items() <= after.items(), "the days before were not written again"

    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(INSERT, [date(2024, 5, 1), "d"])
    export_marts.run(RUN_DATE, settings)
    assert sorted(path.name for path in folder.iterdir()) == ["2024-04.parquet", "2024-05-01.parquet"]
    assert pl.read_parquet(folder).sort("event_date")["user_id"].to_list() == ["a", "b", "c", "d"]


def test_what_a_killed_export_left_is_in_no_readers_way(settings: Settings) -> None:
    export_marts.run(RUN_DATE, settings)
    folder = settings.layout.export(FCT_INTERACTIONS.name)
    before = read_interactions(settings.layout, date.max)
    (folder / ".2024-03.parquet.killed").write_bytes(b"PAR1 half of a file")
    assert read_interactions(settings.layout, date.max).equals(before)
    export_marts.run(RUN_DATE, settings)
    assert not list(folder.glob(".*"))


def test_an_export_that_fails_leaves_the_files_that_are_there(settings: Settings) -> None:
    export_marts.run(RUN_DATE, settings)
    folder = settings.layout.export(FCT_INTERACTIONS.name)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(INSERT, [date(2024, 5, 1), "d"])
        connection.execute("alter table marts.fct_interactions drop column weight")
    with pytest.raises(EmptyPartitionError, match="weight"):
        export_marts.run(RUN_DATE, settings)
    assert sorted(path.name for path in folder.iterdir()) == ["2024-04-01.parquet", "2024-04-02.parquet"]


def test_an_empty_warehouse_keeps_the_last_good_export(settings: Settings) -> None:
    export_marts.run(RUN_DATE, settings)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("delete from marts.fct_interactions")
    with pytest.raises(EmptyPartitionError, match="fct_interactions is empty"):
        export_marts.run(RUN_DATE, settings)
    assert pl.read_parquet(settings.layout.export(FCT_INTERACTIONS.name)).height == 2


@pytest.mark.parametrize("mart", ["fct_interactions", "dim_items"])
def test_a_mart_that_is_not_there_is_named(settings: Settings, mart: str) -> None:
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute(f"drop table marts.{mart}")
    with pytest.raises(EmptyPartitionError, match=f"mart {mart} is not in the warehouse"):
        export_marts.run(RUN_DATE, settings)


def test_a_mart_that_lacks_a_column_is_named(settings: Settings) -> None:
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("alter table marts.dim_items drop column title")
    with pytest.raises(EmptyPartitionError, match=r"dim_items .*title"):
        export_marts.run(RUN_DATE, settings)


def test_no_warehouse_says_what_to_run(tmp_path: Path) -> None:
    settings = load_settings(paths=PathsSection(data=tmp_path))
    for attempt in (lambda: export_marts.run(RUN_DATE, settings), lambda: copy_analytics.run(settings)):
        with pytest.raises(EmptyPartitionError, match="run `reco dbt build --select tag:inputs` first"):
            attempt()
    assert not settings.layout.analytics.exists()


def test_the_copy_has_the_tables_and_no_view(settings: Settings) -> None:
    summary = copy_analytics.run(settings)
    assert summary["tables"] == sorted(f"marts.{mart.name}" for mart in MARTS_TO_EXPORT)
    with duckdb.connect(settings.layout.analytics, read_only=True) as connection:
        assert connection.execute("select count(*) from marts.fct_interactions").fetchone() == (2,)
        assert connection.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
    with duckdb.connect(settings.layout.warehouse, read_only=True) as connection:
        assert connection.execute("select one from staging.v").fetchone() == (1,)


def test_a_reader_keeps_the_old_copy_while_the_new_one_comes(settings: Settings) -> None:
    """The reader is another process, as an analyst is; it holds the old file open over the exchange."""
    copy_analytics.run(settings)
    script = (
        "import duckdb, sys\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "for _ in range(2):\n"
        "    print(c.execute('select count(*) from marts.fct_interactions').fetchone()[0], flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(settings.layout.analytics)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as reader:  # fmt: skip
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "2\n"
        with duckdb.connect(settings.layout.warehouse) as connection:
            connection.execute(INSERT, [date(2024, 4, 3), "c"])
        copy_analytics.run(settings)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "2\n"
        with duckdb.connect(settings.layout.analytics, read_only=True) as connection:
            assert connection.execute("select count(*) from marts.fct_interactions").fetchone() == (3,)
        reader.stdin.write("\n")
    leftovers = [path.name for path in settings.layout.analytics.parent.iterdir()]
    assert sorted(leftovers) == ["analytics.duckdb", "reco.duckdb"]


def test_what_a_killed_writer_left_in_its_log_is_copied(settings: Settings) -> None:

    script = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"insert into marts.dim_users by name select 'late' as user_id\")\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(settings.layout.warehouse)], check=False)
    assert settings.layout.warehouse.with_suffix(".duckdb.wal").exists()
    copy_analytics.run(settings)
    with duckdb.connect(settings.layout.analytics, read_only=True) as connection:
        assert connection.execute("select user_id from marts.dim_users").fetchall() == [("late",)]


def test_a_warehouse_that_is_being_written_is_named(settings: Settings) -> None:

    script = "import duckdb, sys\nc = duckdb.connect(sys.argv[1]); print('open', flush=True); input()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(settings.layout.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(RecoError, match="held by another process"):
            export_marts.run(RUN_DATE, settings)
        writer.stdin.write("\n")


def test_the_time_of_an_interaction_stays_in_utc(settings: Settings) -> None:
    export_marts.run(RUN_DATE, settings)
    frame = pl.read_parquet(settings.layout.export(FCT_INTERACTIONS.name))
    assert frame["last_occurred_at"].dt.replace_time_zone(None).to_list()[0] == datetime(2024, 4, 1, 10)  # noqa: DTZ001
