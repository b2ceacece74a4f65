"""Running the same run date again changes nothing but timestamps."""

import os
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.e2e.conftest import Workspace

# When a row was made, and the names that a second run gives to its own artifacts.
VOLATILE = {"landed_at", "generation", "model_version", "created_at", "built_at"}


def _tables(warehouse: Path) -> dict[str, pl.DataFrame]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall()
        tables = {name: connection.execute(f"select * from {name}").pl() for (name,) in names}  # noqa: S608
    return {name: _comparable(frame) for name, frame in tables.items()}


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    kept = frame.drop([column for column in frame.columns if column in VOLATILE])
    return kept.sort([name for name, dtype in kept.schema.items() if not dtype.is_nested()])


def _lists(data: Path, generation: str) -> dict[str, pl.DataFrame]:
    folder = data / "lists" / generation
    files = sorted(folder.rglob("*.parquet"))
    return {str(path.relative_to(folder)): pl.read_parquet(path, hive_partitioning=False) for path in files}


@pytest.mark.timeout(600)
def test_the_same_day_again_gives_equal_lists_features_and_tables(shop: Workspace) -> None:
    """By the rules for numbers: money, weights and counts exactly, other floats at 1e-9 relative."""
    first = max(os.listdir(shop.data / "lists"))  # noqa: PTH208
    tables = _tables(shop.data / "warehouse" / "reco.duckdb")
    features = {path: pl.read_parquet(path) for path in (shop.data / "features").rglob("*.parquet")}
    assert len(tables) >= 6, "the tables were found"
    assert len(features) == 2, "the features were found"

    second = shop.run_day()
    shop.publish(second)

    assert second != first
    lists, lists_again = _lists(shop.data, first), _lists(shop.data, second)
    assert lists.keys() == lists_again.keys()
    assert len(lists) >= 4, "catalogue, home, similar and popular were found"
    for name, frame in lists.items():
        assert_frame_equal(frame, lists_again[name], check_exact=True)
    for path, frame in features.items():
        assert_frame_equal(frame, pl.read_parquet(path), rel_tol=1e-9, abs_tol=0)
    tables_again = _tables(shop.data / "warehouse" / "reco.duckdb")
    assert tables.keys() == tables_again.keys()
    for name, frame in tables.items():
        if "list_items" not in name and "coverage" not in name:  # hold one more generation now, as they should
            assert_frame_equal(frame, tables_again[name], rel_tol=1e-9, abs_tol=0)
