"""The real DAG with the real commands, in one process: a day, the same day again, and a day that is refused."""

from dataclasses import dataclass

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reco_contracts.artifacts import Layout
from tests.e2e.analyst_readers import Seen, analysts_reading
from tests.e2e.conftest import Shop

# When a row was made, and the names that a second run gives to its own artifacts.
_VOLATILE = {"landed_at", "generation", "model_version", "created_at", "built_at"}
# These hold the lists of one more generation after the second run, as they should.
_GROWING = {"marts.dim_generations", "marts.fct_list_items", "marts.rpt_catalogue_coverage"}

pytestmark = pytest.mark.timeout(600)  # one that is run alone waits for three runs of the whole DAG


@dataclass
class State:
    """What there is between two runs.

    Attributes:
        live: the live generation.
        tables: every table of the analysts.
        features: every feature file.
    """

    live: str | None
    tables: dict[str, pl.DataFrame]
    features: dict[str, pl.DataFrame]


@dataclass
class Run:
    """One run, and what analysts saw while it went on.

    Attributes:
        shop: where.
        before: the state that it found.
        after: the state that it left.
        output: what the run said.
        exit_code: how it ended.
        opening: the analyst who opens the copy anew for each look.
        holding: the analyst who keeps it open.
    """

    shop: Shop
    before: State
    after: State
    output: str
    exit_code: int
    opening: Seen
    holding: Seen


@pytest.fixture(scope="module")
def second_run(published_shop: Shop) -> Run:
    """The same day once more."""
    return _run(published_shop, published_shop.environment)


@pytest.fixture(scope="module")
def refused_run(second_run: Run) -> Run:
    """One more file has come, and the lists of the run are broken."""
    shop = second_run.shop
    inbox = shop.layout.inbox / "events"
    inbox.mkdir(parents=True)
    (inbox / "more.csv").write_text(
        f"user_id,item_id,event_type,occurred_at\nuser-0001,item-001,view,{shop.run_date}T12:00:00Z\n"
    )
    return _run(shop, shop.corrupting_environment())


def test_the_same_day_again_changes_nothing_but_names_and_times(second_run: Run) -> None:
    """Keys, counts, money, weights and lists exactly; other floats at 1e-9 relative."""
    before, after = second_run.before, second_run.after
    assert second_run.exit_code == 0, second_run.output[-4000:]
    assert len(before.tables) >= 10, "the tables were found"
    assert len(before.features) == 2, "the features were found"

    assert after.live is not None
    assert after.live != before.live
    assert after.live.startswith(second_run.shop.run_date.replace("-", ""))
    first, second = (_lists(second_run.shop.layout, str(state.live)) for state in (before, after))
    assert {"catalogue.parquet", "home/default.parquet"} <= first.keys()
    _assert_equal(first, second, is_exact=True)
    _assert_equal(before.features, after.features)
    _assert_equal(before.tables, after.tables)


def test_broken_lists_are_refused_by_name_and_the_published_ones_stay(refused_run: Run) -> None:
    """The run ends red and names the check; the old generation stays; analysts get their copy all the same."""
    before, after = refused_run.before, refused_run.after
    assert refused_run.exit_code != 0
    assert "DagRun failed" in refused_run.output
    assert "no list holds an item twice" in refused_run.output, "the check is named"
    assert after.live == before.live
    files, users = "marts.rpt_data_quality", "marts.dim_users"
    assert "events/more.csv" in after.tables[files]["file_name"]
    assert after.tables[files].height == before.tables[files].height + 1
    assert after.tables[users].height == before.tables[users].height > 900


@pytest.mark.parametrize("name", ["second_run", "refused_run"])
def test_an_analyst_sees_the_old_copy_or_the_new_one_whole_and_never_fails(
    name: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(name)
    for seen in (run.opening, run.holding):
        assert seen.looks > 100
        assert seen.failures == []
        assert seen.broken_states == []
    old, new = run.opening.states
    assert run.holding.states == [old], "who keeps the copy open keeps what it says"
    generations, files = (1, 0) if name == "second_run" else (0, 1)
    assert new == old | {"generations": old["generations"] + generations, "files": old["files"] + files}


def _run(shop: Shop, environment: dict[str, str]) -> Run:
    before = _state(shop)
    with analysts_reading(shop.layout.analytics, shop.root / "stop_reading") as (opening, holding):
        done = shop.run_dag_in_process(environment)
    return Run(shop, before, _state(shop), done.stdout + done.stderr, done.returncode, opening, holding)


def _state(shop: Shop) -> State:
    return State(shop.live_generation(), _tables(shop.layout), _features(shop.layout))


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
