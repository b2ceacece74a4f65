"""Warehouses that dbt built, once a session: one of nothing, one of the hand-made shop."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from hand_made_shop import settings_for, write_shop

from jobs.warehouse.run_dbt import run
from reco_contracts.settings import Settings

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="session")
def empty_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data folder where nothing was landed, built whole, with dbt's manifest and log."""
    settings = settings_for(tmp_path_factory.mktemp("empty"))
    run(["build", "--warn-error", "--quiet", "--write-json", "--log-level-file", "debug"], settings)
    return settings


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The hand-made shop, its inputs built. Tests only read it."""
    settings = settings_for(tmp_path_factory.mktemp("shop"))
    write_shop(settings.layout)
    run(["build", "--select", "tag:inputs", "--warn-error", "--quiet"], settings)
    return settings


@pytest.fixture
def query() -> Callable[[Settings, str], Rows]:
    """Ask the warehouse, read-only."""

    def ask(settings: Settings, sql: str) -> Rows:
        with duckdb.connect(settings.layout.warehouse, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return ask
