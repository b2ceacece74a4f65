"""The tables of two warehouses, row by row: keys, counts, money and times exactly, other floats nearly."""

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from reco_contracts.settings import Settings


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    """Every table of marts and intermediate models, its rows in an order that floats do not decide."""
    with duckdb.connect(settings.layout.warehouse, read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('marts', 'intermediate')"
        ).fetchall()
        return {name: _sorted(connection.sql(f"from {name}").pl()) for (name,) in names}


def assert_same_tables(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame]) -> None:
    """Keys, counts, weights and times exactly; other floats at 1e-9 relative."""
    assert left.keys() == right.keys()
    for name, table in left.items():
        try:
            assert_frame_equal(table, right[name], check_exact=False, rel_tol=1e-9, abs_tol=0)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    keys = [name for name, dtype in frame.schema.items() if not dtype.is_float() and not dtype.is_nested()]
    return frame.sort(*keys, *floats)
