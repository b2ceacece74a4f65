"""The real DAG with the real commands, in one process: a day, the same day again, and a day that is refused."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reco_contracts.artifacts import Layout, complete_versions
from tests.e2e.conftest import Shop

# When a row was made, and the names that a second run gives to its own artifacts.
_VOLATILE = {"landed_at", "generation", "model_version", "created_at", "built_at"}
# These hold the lists of one more generation after the second run, as they should.
_GROWING = {"marts.dim_generations", "marts.fct_list_items", "marts.rpt_catalogue_coverage"}


@pytest.fixture(scope="module")
def published_shop(shop: Shop) -> Shop:
    """A shop whose last day is published."""
    _publish(shop)
    return shop


@pytest.mark.timeout(400)
def test_the_same_day_again_changes_nothing_but_names_and_times(published_shop: Shop) -> None:
    """Keys, counts, money, weights and lists exactly; other floats at 1e-9 relative."""
    layout = published_shop.layout
    live = published_shop.live_generation()
    tables, features = _tables(layout), _features(layout)
    assert len(tables) >= 10, "the tables were found"
    assert len(features) == 2, "the features were found"

    _publish(published_shop)

    assert published_shop.live_generation() != live
    first, second = (_lists(layout, name) for name in complete_versions(layout.lists)[-2:])
    assert {"catalogue.parquet", "home/default.parquet"} <= first.keys()
    _assert_equal(first, second, is_exact=True)
    _assert_equal(features, _features(layout))
    _assert_equal(tables, _tables(layout))


@pytest.mark.timeout(400)
def test_broken_lists_are_refused_by_name_and_the_published_ones_stay(published_shop: Shop) -> None:
    """The run ends red and names the check; the old generation stays; analysts get their copy all the same."""
    live, copied = published_shop.live_generation(), published_shop.layout.analytics.stat().st_mtime_ns

    refused = published_shop.run_dag_in_process(published_shop.corrupting_environment())

    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "DagRun failed" in output
    assert "duplicate_items" in output, "the check is named"
    assert published_shop.live_generation() == live
    assert published_shop.layout.analytics.stat().st_mtime_ns > copied
    with duckdb.connect(str(published_shop.layout.analytics), read_only=True) as connection:
        users = connection.execute("select count(*) from marts.dim_users").fetchone()
    assert users
    assert 250 < users[0] <= 300


def _publish(shop: Shop) -> None:
    done = shop.run_dag_in_process(shop.environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    live = shop.live_generation()
    assert live is not None
    assert live.startswith(shop.run_date.replace("-", ""))


def _assert_equal(before: dict[str, pl.DataFrame], after: dict[str, pl.DataFrame], *, is_exact: bool = False) -> None:
    assert before.keys() == after.keys()
    for name, frame in before.items():
        try:
            assert_frame_equal(frame, after[name], check_exact=is_exact, rel_tol=1e-9, abs_tol=0)
        except AssertionError as difference:
            raise AssertionError(f"{name}: {difference}") from difference


def _lists(layout: Layout, generation: str) -> dict[str, pl.DataFrame]:
    folder = layout.lists / generation
    return {
        str(path.relative_to(folder)): pl.read_parquet(path, hive_partitioning=False)
        for path in folder.rglob("*.parquet")
    }


def _features(layout: Layout) -> dict[str, pl.DataFrame]:
    return {str(path): pl.read_parquet(path) for path in (layout.root / "features").rglob("*.parquet")}


def _tables(layout: Layout) -> dict[str, pl.DataFrame]:
    """Every table that analysts have, its rows in order, without the columns that name a run."""
    with duckdb.connect(str(layout.analytics), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall()
        tables = {name: connection.sql(f"select * from {name}").pl() for (name,) in names}  # noqa: S608 - ours
    return {name: _in_order(frame) for name, frame in tables.items() if name not in _GROWING}


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    kept = frame.drop(_VOLATILE & set(frame.columns))
    return kept.sort([name for name, dtype in kept.schema.items() if not dtype.is_nested()])
