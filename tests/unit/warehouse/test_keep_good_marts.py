"""After a build that did not finish: the last good marts, and a new account of the lines that says why."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from jobs.warehouse import copy_analytics, export_marts
from jobs.warehouse.keep_good_marts import ACCOUNT, named
from reco_contracts.artifacts import Layout
from reco_contracts.errors import EmptyPartitionError, ValidationFailedError
from reco_contracts.settings import PathsSection, Settings, load_settings

FAILED_TEST, SKIPPED_MODEL = "test.reco.fct_interactions_make_sense.0123abcd", "model.reco.rpt_funnel"
DAY = date(2024, 4, 3)


def write(layout: Layout, *statements: str) -> None:
    with duckdb.connect(layout.warehouse) as connection:
        for statement in statements:
            connection.execute(statement)


def read(layout: Layout, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(layout.analytics, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def refuse(layout: Layout, *nodes: str, half: str = "inputs") -> None:
    """What a build leaves that began, renewed every table, and was refused by a test."""
    write(layout, "update marts.rpt_funnel set impressions = 99")
    write(layout, *(f"update marts.{name} set lines_in = 20" for name in ACCOUNT))  # noqa: S608 - names are constants
    write(layout, *(f"insert into warehouse_state.unfinished values ('{node}', '{half}')" for node in nodes))  # noqa: S608


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse after a good build: a report, the account of the lines, and nothing unfinished."""
    settings = load_settings(paths=PathsSection(data=tmp_path))
    settings.layout.warehouse.parent.mkdir()
    write(
        settings.layout,
        "create schema marts; create schema warehouse_state",
        "create table warehouse_state.unfinished (node varchar not null, half varchar not null)",
        "create table marts.rpt_funnel as select 3 as impressions",
        *(f"create table marts.{name} (file_sha varchar not null, lines_in bigint)" for name in ACCOUNT),
        *(f"comment on column marts.{name}.lines_in is 'Data lines.'" for name in ACCOUNT),
        *(f"insert into marts.{name} values ('a', 10)" for name in ACCOUNT),  # noqa: S608 - constants
    )
    return settings


def test_analysts_keep_the_marts_and_see_the_new_account(settings: Settings) -> None:
    layout = settings.layout
    assert copy_analytics.run(settings)["unfinished"] == []
    refuse(layout, SKIPPED_MODEL, FAILED_TEST)
    summary = copy_analytics.run(settings)
    assert summary["unfinished"] == ["rpt_funnel", "fct_interactions_make_sense"]
    assert read(layout, "from marts.rpt_funnel") == [(3,)]
    for name in ACCOUNT:
        assert read(layout, f"from marts.{name}") == [("a", 20)]
    assert pl.read_parquet(layout.export("rpt_funnel"))["impressions"].to_list() == [3]
    assert pl.read_parquet(layout.export("rpt_data_quality"))["lines_in"].to_list() == [20]
    said = "select comment from duckdb_columns() where table_name = 'rpt_data_quality' and column_name = 'lines_in'"
    assert read(layout, said) == [("Data lines.",)]
    assert layout.analytics.stat().st_mode & 0o777 == 0o444
    assert sorted(path.name for path in layout.analytics.parent.iterdir()) == ["analytics.duckdb", "reco.duckdb"]


def test_the_next_good_build_gives_everything(settings: Settings) -> None:
    copy_analytics.run(settings)
    refuse(settings.layout, FAILED_TEST)
    copy_analytics.run(settings)
    write(settings.layout, "delete from warehouse_state.unfinished")
    copy_analytics.run(settings)
    assert read(settings.layout, "from marts.rpt_funnel") == [(99,)]


def test_an_account_with_other_columns_is_taken_over(settings: Settings) -> None:
    copy_analytics.run(settings)
    refuse(settings.layout, FAILED_TEST)
    write(settings.layout, "alter table marts.rpt_data_quality add column late_rows bigint default 7")
    copy_analytics.run(settings)
    assert read(settings.layout, "from marts.rpt_data_quality") == [("a", 20, 7)]


def test_an_account_that_was_not_made_is_left_as_it_was(settings: Settings) -> None:
    """Its tables fit each other only where all of them were made."""
    copy_analytics.run(settings)
    refuse(settings.layout, "model.reco.rpt_data_quality")
    copy_analytics.run(settings)
    for name in ACCOUNT:
        assert read(settings.layout, f"from marts.{name}") == [("a", 10)]


def test_where_the_first_build_of_all_is_refused_there_is_the_account_alone(settings: Settings) -> None:
    refuse(settings.layout, FAILED_TEST)
    summary = copy_analytics.run(settings)
    assert summary["tables"] == sorted(f"marts.{name}" for name in ACCOUNT)
    assert read(settings.layout, "select lines_in from marts.rpt_data_quality") == [(20,)]


def test_a_half_new_warehouse_is_not_exported(settings: Settings) -> None:
    refuse(settings.layout, FAILED_TEST)
    with pytest.raises(ValidationFailedError, match=r"did not finish \(fct_interactions_make_sense\)"):
        export_marts.run(DAY, settings)
    assert not settings.layout.export("_").parent.exists()


def test_unfinished_outcomes_do_not_hold_up_the_inputs(settings: Settings) -> None:
    """They are built after publishing, so the next run has to get there."""
    refuse(settings.layout, "model.reco.dim_generations", half="outcomes")
    with pytest.raises(EmptyPartitionError, match="fct_interactions is not in the warehouse"):
        export_marts.run(DAY, settings)


def test_many_names_are_cut_and_counted() -> None:
    assert named([f"model.reco.m{number}" for number in range(7)]) == "m0, m1, m2, m3, m4 and 2 more"
