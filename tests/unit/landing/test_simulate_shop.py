from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from jobs.simulation.shop_catalogue import name_items, shelves
from jobs.simulation.shop_tastes import ShopSize
from jobs.simulation.simulate_shop import run
from reco_contracts.errors import ContractError

SIZE = ShopSize(users=300, items=200, days=20, seed=3, start=date(2026, 1, 1))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "shop"
    run(SIZE, folder)
    return folder


@pytest.fixture(scope="module")
def events(shop: Path) -> pl.DataFrame:
    return pl.concat([pl.read_csv(file, infer_schema_length=None) for file in sorted((shop / "events").iterdir())])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_shop(shop: Path, tmp_path: Path) -> None:
    run(SIZE, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(shop)
    run(ShopSize(300, 200, 20, 4, SIZE.start), tmp_path / "other")
    assert contents(tmp_path / "other") != contents(shop)


def test_the_shop_is_landed_like_any_other_log(shop: Path, events: pl.DataFrame, land: Callable[..., Any]) -> None:
    summary = land(shop)
    assert summary["landed"] == summary["lines_in"] == events.height
    assert summary["items"]["quarantined"] == summary["users"]["quarantined"] == 0
    assert summary["last_event_date"] == date(2026, 1, 20)


def test_a_purchase_follows_a_click_and_a_view_of_the_same_day(events: pl.DataFrame) -> None:
    first = (
        events.with_columns(day=pl.col("occurred_at").str.slice(0, 10))
        .filter(pl.col("event_type").is_in(["view", "click", "add_to_cart", "purchase"]))
        .group_by("user_id", "item_id", "day", "event_type")
        .agg(pl.col("occurred_at").min())
        .pivot("event_type", index=["user_id", "item_id", "day"], values="occurred_at")
    )
    bought = first.filter(pl.col("purchase").is_not_null())
    in_order = (pl.col("view") < pl.col("click")) & (pl.col("click") < pl.col("purchase"))
    assert bought.height > 100
    assert bought.select(in_order.fill_null(value=False).all()).item()


def test_nobody_buys_the_same_thing_twice_and_returns_follow_purchases(events: pl.DataFrame) -> None:
    bought = events.filter(pl.col("event_type") == "purchase").select("user_id", "item_id")
    later = events.filter(pl.col("event_type").is_in(["return", "rating"])).select("user_id", "item_id")
    assert bought.is_unique().all()
    assert later.height > 0
    assert later.join(bought, on=["user_id", "item_id"], how="anti").is_empty()


def test_users_look_at_what_they_like_and_at_what_is_popular(shop: Path, events: pl.DataFrame) -> None:
    users = pl.read_parquet(shop / "ground_truth" / "users.parquet")
    items = pl.read_parquet(shop / "ground_truth" / "items.parquet")
    viewed = events.filter(pl.col("event_type") == "view")
    user = viewed.select(pl.col("user_id").replace_strict(users["user_id"], range(users.height))).to_series()
    item = viewed.select(pl.col("item_id").replace_strict(items["item_id"], range(items.height))).to_series()
    tastes = np.array(users["vector"].to_list()) @ np.array(items["vector"].to_list()).T
    popularity = items["popularity"].to_numpy()
    assert tastes[user, item].mean() > tastes.mean() + 0.4
    assert popularity[item].mean() > 1.5 * popularity.mean()


def test_newcomers_and_leavers_keep_to_their_days(shop: Path, events: pl.DataFrame) -> None:
    items = pl.read_parquet(shop / "ground_truth" / "items.parquet")
    seen = (
        events.filter(pl.col("event_type") == "view")
        .with_columns(day=(pl.col("occurred_at").str.slice(0, 10).str.to_date() - SIZE.start).dt.total_days())
        .join(items, on="item_id")
    )
    assert seen.select(pl.col("day").is_between("arrives_on", pl.col("leaves_on") - 1).all()).item()
    assert items.filter(pl.col("arrives_on") > 0).height > 0
    assert items.filter(pl.col("leaves_on") < SIZE.days).height > 0


def test_a_snapshot_knows_nothing_of_what_is_to_come(shop: Path) -> None:
    snapshots = sorted((shop / "items").iterdir())
    assert [file.name[6:16] for file in snapshots][:2] == ["2026-01-01", "2026-01-05"]
    for file in snapshots:
        items = pl.read_csv(file, schema_overrides={"available_until": pl.String})
        day = f"{file.name[6:16]}T00:00:00Z"
        assert (items["available_from"] <= day).all()
        assert (items["available_until"].drop_nulls() <= day).all()
    assert items["available_until"].drop_nulls().len() > 0


def test_titles_are_all_different_even_in_a_large_shop() -> None:
    titles, _ = name_items(np.arange(100_000) % len(shelves()), np.random.default_rng(0))
    assert len(set(titles)) == len(titles)
    assert {len(shelf.path) for shelf in shelves()} == {3}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ContractError, match="new or an empty folder"):
        run(SIZE, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_tiny_shop_still_is_a_log(tmp_path: Path, land: Callable[..., Any]) -> None:
    run(ShopSize(users=5, items=10, days=3, seed=1, start=date(2026, 1, 1)), tmp_path / "tiny")
    assert land(tmp_path / "tiny")["quarantined"] == 0
