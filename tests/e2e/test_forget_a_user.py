"""A user of a shop that the real DAG has run for is erased: searched for by bytes, decoded, and in rebuilt marts."""

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.conftest import RECO, SETTINGS, Shop
from tests.search_everywhere import find_needle

NEEDLE = "user-0007"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def forgotten(published_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, dict[str, Any]]:
    """A copy of the shop, published under a name of its own, without its user 7; and what the command said."""
    root = tmp_path_factory.mktemp("forgetful")
    url = (published_shop.root / "store_url").read_text()
    (root / "store_url").write_text(url)
    (root / "reco.toml").write_text(SETTINGS.replace("URL", url).replace("dagtest", "forgetful"))
    shutil.copytree(published_shop.layout.root, root / "data", ignore=shutil.ignore_patterns("store", "*.pid"))
    shop = Shop(root, published_shop.run_date)
    generation = max(path.name for path in shop.layout.lists.glob("[!.]*"))
    shop.reco("publish-lists", "--generation", generation)
    shop.reco("publish-features", "--run-date", shop.run_date)
    assert found_in(shop), "there is nothing to erase"
    return shop, shop.reco("forget", NEEDLE)


def found_in(shop: Shop) -> set[str]:
    """Files, and keys of its namespace, that hold the needle."""
    return find_needle(shop.layout.root, (shop.root / "store_url").read_text(), NEEDLE, "forgetful")


def test_nothing_of_the_user_is_left(forgotten: tuple[Shop, dict[str, Any]]) -> None:
    shop, summary = forgotten
    assert found_in(shop) == set()
    assert (summary["left"], summary["elsewhere"]) == (0, [])
    erased = {told["place"] for told in summary["places"] if told["erased"]}
    assert erased >= {
        "landing",
        "warehouse",
        "analysts' copy",
        "exported marts",
        "features",
        "models' id maps",
        "list files",
        "store: lists",
        "store: features",
    }


def test_the_marts_are_those_of_a_log_without_the_user(forgotten: tuple[Shop, dict[str, Any]], tmp_path: Path) -> None:
    """Built anew by dates, all tests included, they equal what a first build makes of the same landing."""
    shop, _ = forgotten
    shop.reco("dbt", "build", "--exclude-resource-type", "unit_test", "--select", "tag:inputs", "--all-dates")
    fresh = Shop(tmp_path, shop.run_date)
    (tmp_path / "reco.toml").write_text((shop.root / "reco.toml").read_text())
    shutil.copytree(shop.layout.root / "landing", fresh.layout.root / "landing")
    shutil.copytree(shop.layout.root / "quarantine", fresh.layout.root / "quarantine")
    fresh.reco("dbt", "build", "--exclude-resource-type", "unit_test", "--select", "tag:inputs")
    query = "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
    with duckdb.connect(fresh.layout.warehouse, read_only=True) as made:
        names = [name for (name,) in made.execute(query).fetchall()]
        wanted = {name: made.execute(f"from marts.{name} order by all").fetchall() for name in names}
    with duckdb.connect(shop.layout.warehouse, read_only=True) as kept:
        for name in names:
            assert kept.execute(f"from marts.{name} order by all").fetchall() == wanted[name], name


def test_lists_can_be_made_again_and_the_user_gets_none(forgotten: tuple[Shop, dict[str, Any]]) -> None:
    shop, _ = forgotten
    shop.reco("export-marts", "--run-date", shop.run_date)
    model = max(path.name for path in shop.layout.models.glob("[!.]*-*"))
    generation = shop.reco("rank", "--run-date", shop.run_date, "--model", model)["generation"]
    shop.reco("publish-lists", "--generation", generation)
    assert found_in(shop) == set()
    log = shop.root / "later.csv"
    day = date.fromisoformat(shop.run_date)
    log.write_text(
        f"user_id,item_id,event_type,occurred_at\n{NEEDLE},item-001,click,{day}T10:00:00Z\n"
        f"user-0008,item-001,click,{day}T10:00:00Z\n"
    )
    done = subprocess.run(
        [RECO, "import", str(log), "--json"], env=shop.environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1])["quarantined_by_reason"] == {"forgotten_user": 1}
    assert found_in(shop) == set()
