"""The real DAG with the real commands, in one process: a published run, then one that is refused."""

import duckdb
import pytest

from tests.integration.airflow.conftest import Shop


@pytest.mark.timeout(400)
def test_a_run_is_published_and_a_run_with_broken_lists_leaves_it_live(shop: Shop) -> None:
    """A failing check ends the run red and is named; the old generation stays; analysts get their copy all the same."""
    published = shop.run_dag_in_process(shop.environment)
    assert published.returncode == 0, (published.stdout + published.stderr)[-4000:]
    live = shop.live_generation()
    assert live is not None
    assert live.startswith(shop.run_date.replace("-", ""))
    copied = shop.layout.analytics.stat().st_mtime_ns

    refused = shop.run_dag_in_process(shop.corrupting_environment())
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "DagRun failed" in output
    assert "duplicate_items" in output, "the check is named"
    assert shop.live_generation() == live
    assert shop.layout.analytics.stat().st_mtime_ns > copied
    with duckdb.connect(str(shop.layout.analytics), read_only=True) as connection:
        users = connection.execute("select count(*) from marts.dim_users").fetchone()
    assert users
    assert 250 < users[0] <= 300
