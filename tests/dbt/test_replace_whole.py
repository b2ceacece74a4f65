"""Snapshots of users and items are read again when one came or went, and only then."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hand_made_shop import DAY_2, land, settings_for
from late_shop import take_back

from jobs.warehouse.run_dbt import run
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
SNAPSHOTS_ALONE = ["run", "--select", "int_users_deduplicated", "int_items_deduplicated", "--quiet"]
USERS = "select user_id, market from intermediate.int_users_deduplicated order by user_id"
ITEMS = "select item_id, title from intermediate.int_items_deduplicated order by item_id"


@pytest.fixture
def marked_shop(shop: Settings, tmp_path: Path) -> Settings:
    """A shop whose users and items bear a mark that goes when they are made anew."""
    shutil.copytree(shop.layout.root, tmp_path / "data", ignore=shutil.ignore_patterns("dbt"))
    settings = settings_for(tmp_path / "data")
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update intermediate.int_users_deduplicated set market = 'mark'")
        connection.execute("update intermediate.int_items_deduplicated set title = 'mark'")
    return settings


def test_snapshots_are_read_again_when_one_came_or_went(marked_shop: Settings, query: Query) -> None:
    land(marked_shop.layout, "users", "more", [{"user_id": "anna", "market": "de", "event_date": DAY_2}], landed_hour=9)
    run(SNAPSHOTS_ALONE, marked_shop)
    assert query(marked_shop, USERS) == [("anna", "de"), ("elsa", None)]
    assert {title for _, title in query(marked_shop, ITEMS)} == {"mark"}, "no snapshot of items came"
    take_back(marked_shop.layout, "more")
    take_back(marked_shop.layout, "catalogue2")
    run(SNAPSHOTS_ALONE, marked_shop)
    assert query(marked_shop, USERS) == [("anna", "pl"), ("elsa", None)]
    assert query(marked_shop, ITEMS) == [("book", "Book"), ("lamp", "Old lamp")]
