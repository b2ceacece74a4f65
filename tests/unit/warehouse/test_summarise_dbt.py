"""What `reco dbt` says of dbt's results."""

from functools import partial
from pathlib import Path

import duckdb
import pytest

from jobs.warehouse.run_dbt import DbtResult, read_failing_rows, summarise_results
from reco_contracts.errors import ContractError, ValidationFailedError

MODEL = DbtResult("model.reco.dim_items", "success")
HOOK = DbtResult("operation.reco.reco-on-run-start-0", "success")
TEST = DbtResult("test.reco.unique_dim_items_item_id.0123abcd", "pass")
UNIT_TEST = DbtResult("unit_test.reco.dim_items.an_item_is_called_by_its_id", "pass")
SKIPPED = DbtResult("model.reco.fct_interactions", "skipped")
EXPOSURE = DbtResult("exposure.reco.training", "no-op")


def test_nodes_are_counted_by_what_they_are() -> None:
    assert summarise_results([HOOK, MODEL, TEST, UNIT_TEST, EXPOSURE]) == {
        "models": 1, "tests": 2, "passed": 4, "failed": 0, "warned": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unique_id", "named"),
    [
        ("test.reco.unique_dim_items_item_id.0123abcd", "test unique_dim_items_item_id: Got 2 results"),
        ("unit_test.reco.dim_items.an_item_is_called", "unit_test an_item_is_called: Got 2 results"),
    ],
)
def test_a_failed_test_stops_the_run_by_name(unique_id: str, named: str) -> None:
    failed = DbtResult(unique_id, "fail", "Got 2 results, configured to fail if != 0", failures=2)
    with pytest.raises(ValidationFailedError, match=named):
        summarise_results([MODEL, failed, SKIPPED])


def test_a_failed_data_test_shows_the_rows_that_it_found(tmp_path: Path) -> None:
    """A test of a model's rules is one test: the rows say which rule it was."""
    warehouse = tmp_path / "reco.duckdb"
    with duckdb.connect(warehouse) as connection:
        connection.execute("create table found as select 'user_id is not null' as rule, 3 as failing_rows")
    failed = DbtResult(
        "test.reco.dim_users_keeps_its_rules.0", "fail", "Got 1 result", 1, "with a as (from found) from a"
    )
    with pytest.raises(
        ValidationFailedError, match=r"(?m)Got 1 result$\n {4}rule = user_id is not null, failing_rows = 3$"
    ):
        summarise_results([failed], partial(read_failing_rows, warehouse))


def test_a_model_that_cannot_be_built_is_no_failed_check() -> None:
    failed = DbtResult("model.reco.dim_items", "error", "\nRuntime Error\n  Conversion Error: x is no date\n")
    with pytest.raises(ContractError, match="model dim_items: Runtime Error Conversion Error: x is no date"):
        summarise_results([failed, SKIPPED])


def test_many_failures_are_cut_and_counted() -> None:
    failed = [DbtResult(f"test.reco.check_{number}.0", "fail", "Got 1 result") for number in range(12)]
    with pytest.raises(ValidationFailedError, match=r"12 of 12 nodes failed.*\n(?:.*\n){10}  and 2 more"):
        summarise_results(failed)
