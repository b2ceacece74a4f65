import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.landing.importers.formats import IMPORTERS, choose_importer
from reco_contracts.errors import ContractError

RETAIL_HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"


@pytest.fixture
def movielens(tmp_path: Path) -> Path:
    folder = tmp_path / "ml"
    folder.mkdir()
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n2,31,5.0,1260759179\n")
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n31,"Dangerous Minds, The (1995)",Drama|Romance\n32,Nothing (2000),(no genres listed)\n'
    )
    return folder


@pytest.fixture
def retail(tmp_path: Path) -> Path:
    lines = [
        "1,85048,GLASS BALL,12,2009-12-01 07:45:00,6.95,13085.0,France",
        "1,79302m,MONKEY LIGHTS,1,2009-12-01 07:45:00,2.0,13085.0,United Kingdom",
        "2,79302M,MONKEY LIGHTS,3,2009-12-02 07:45:00,2.5,,France",
        "3,85048,GLASS BALL,1,2009-12-03 07:45:00,7.0,13085.0,France",
        "3,85048,crushed,-3,2009-12-03 07:46:00,0,,France",
        "C4,85048,GLASS BALL,-2,2009-12-04 07:45:00,6.95,13086.0,Unspecified",
        "C5,85048,GLASS BALL,2,2009-12-04 07:45:00,6.95,13086.0,France",
        "6,POST,POSTAGE,1,2009-12-05 07:45:00,18.0,13085.0,France",
        "7,DCGS0003,BOXED GLASS ASHTRAY,1,2009-12-05 07:45:00,3.0,13085.0,France",
        "8,85048,GLASS BALL,0,2009-12-05 07:45:00,3.0,13085.0,France",
    ]
    path = tmp_path / "retail.csv"
    path.write_text("\n".join([RETAIL_HEADER, *lines]) + "\n")
    return path


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    folder = tmp_path / "journey"
    folder.mkdir()
    bought = datetime(2017, 1, 1, 6, 53, 26, tzinfo=UTC)
    pl.DataFrame(
        {
            "user_id": ["906", "906"],
            "item_id": ["1075313", "1075313"],
            "event_type": ["purchase", "purchase"],
            "value": [2.0, 0.0],
            "timestamp": [bought, bought],
            "sales_value": [3.0, 0.0],
            "basket_id": ["1", "1"],
        }
    ).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(
        {
            "item_id": ["1075313"],
            "title": ["WHITE BREAD"],
            "categories": [["PASTRY", "BREAD", 'BREAD "FRENCH"']],
            "brand": ["Private"],
            "manufacturer_id": ["69"],
            "package_size": [None],
        },
        schema_overrides={"package_size": pl.String},
    ).write_parquet(folder / "items.parquet")
    return folder


def test_every_format_is_known_by_its_content(movielens: Path, retail: Path, journey: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop" / "events"
    shop.mkdir(parents=True)
    (shop / "a.jsonl").write_text('{"user_id": 1, "item_id": 2, "event_type": "view", "occurred_at": 1769940000}\n')
    found = {path: choose_importer(path, "auto", is_mapped=False).name for path in (movielens, retail, journey)}
    assert [*found.values()] == ["movielens", "online-retail", "complete-journey"]
    assert choose_importer(shop, "auto", is_mapped=False).name == "events"
    assert choose_importer(shop.parent, "auto", is_mapped=False).name == "events"


def test_naming_the_wrong_format_says_what_was_expected(movielens: Path, retail: Path) -> None:
    with pytest.raises(ContractError, match="expected the columns Invoice"):
        IMPORTERS["online-retail"].sources(movielens / "ratings.csv", {})
    with pytest.raises(ContractError, match="cannot be read"):
        IMPORTERS["movielens"].sources(retail.parent, {})


def test_movielens_stars_and_genres(movielens: Path, land: Callable[..., Any], landed: Callable[..., Any]) -> None:
    land(movielens)
    events, items = landed(), landed("items")
    assert events.select("user_id", "item_id", "event_type", "value").row(0) == ("1", "31", "rating", 2.5)
    assert events["occurred_at"][0] == datetime(2009, 12, 14, 2, 52, 24, tzinfo=UTC)
    assert items["title"].to_list() == ["Dangerous Minds, The (1995)", "Nothing (2000)"]
    assert items["categories"].to_list() == [["Drama", "Romance"], None]
    assert set(items["event_date"]) == {"2009-12-14"}


def test_retail_lines_become_purchases_and_returns(
    retail: Path, land: Callable[..., Any], landed: Callable[..., Any], quarantined: Callable[[], pl.DataFrame]
) -> None:
    summary = land(retail)
    events = landed().select("line", "user_id", "item_id", "event_type", "value", "price", "currency")
    assert events.rows() == [
        (2, "13085", "85048", "purchase", 12.0, 6.95, "GBP"),
        (3, "13085", "79302M", "purchase", 1.0, 2.0, "GBP"),
        (5, "13085", "85048", "purchase", 1.0, 7.0, "GBP"),
        (7, "13086", "85048", "return", 2.0, 6.95, "GBP"),
        (10, "13085", "DCGS0003", "purchase", 1.0, 3.0, "GBP"),
    ]
    assert quarantined().select("line", "reason").rows() == [
        (4, "missing_user"),
        (6, "missing_user"),
        (8, "cancelled_without_return"),
        (9, "not_a_product"),
        (11, "bad_value"),
    ]
    assert summary["lines_in"] == summary["landed"] + summary["quarantined"] == 10


def test_retail_items_and_users_are_derived_from_sales(
    retail: Path, land: Callable[..., Any], landed: Callable[..., Any]
) -> None:
    land(retail)
    items = landed("items").sort("item_id").select("item_id", "title", "price", "event_date").rows()
    assert items == [
        ("79302M", "MONKEY LIGHTS", 2.5, "2009-12-05"),
        ("85048", "GLASS BALL", 7.0, "2009-12-05"),
        ("DCGS0003", "BOXED GLASS ASHTRAY", 3.0, "2009-12-05"),
    ]
    users = landed("users").sort("user_id").select("user_id", "market").rows()
    assert users == [("13085", "France"), ("13086", "France")]


def test_lines_without_customer_do_not_refuse_a_till_log(retail: Path, land: Callable[..., Any]) -> None:
    with retail.open("a") as file:
        file.writelines(f"9,85048,GLASS BALL,1,2009-12-06 07:45:{n:02d},3.0,,France\n" for n in range(50))
    assert land(retail)["quarantined_by_reason"]["missing_user"] == 52


def test_one_invoice_tells_equal_lines_of_another_apart(
    retail: Path, land: Callable[..., Any], landed: Callable[..., Any]
) -> None:
    line = "85048,GLASS BALL,1,2009-12-06 07:45:00,3.0,13085.0,France"
    retail.write_text("\n".join([RETAIL_HEADER, f"1,{line}", f"1,{line}", f"2,{line}"]) + "\n")
    land(retail)
    first, again, other = landed()["event_id"]
    assert first == again != other


def test_complete_journey_keeps_the_tree_and_the_unit_price(
    journey: Path, land: Callable[..., Any], landed: Callable[..., Any], quarantined: Callable[[], pl.DataFrame]
) -> None:
    land(journey)
    assert landed().select("line", "value", "price", "currency").rows() == [(1, 2.0, 1.5, "USD")]
    assert quarantined().select("line", "reason").rows() == [(2, "bad_value")]
    item = landed("items").row(0, named=True)
    assert item["categories"] == ["PASTRY", "BREAD", 'BREAD "FRENCH"']
    assert item["attributes"] == '{"manufacturer_id":"69","package_size":null}'


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_our_contract_comes_in_every_encoding(
    tmp_path: Path, land: Callable[..., Any], landed: Callable[..., Any], ending: str
) -> None:
    rows = pl.DataFrame(
        {
            "user_id": ["u1", "u2"],
            "item_id": [7, 8],
            "event_type": ["purchase", "click"],
            "value": [1.5, None],
            "occurred_at": [datetime(2026, 2, 1, 1, tzinfo=UTC)] * 2,
        }
    )
    path = tmp_path / f"log.{ending}"
    if ending == "parquet":
        rows.write_parquet(path)
    else:
        text = (
            rows.write_csv()
            if ending.startswith("csv")
            else rows.with_columns(pl.col("occurred_at").cast(str)).write_ndjson()
        )
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    land(path)
    assert landed().select("user_id", "item_id", "value").rows() == [("u1", "7", 1.5), ("u2", "8", None)]
    assert set(landed()["occurred_at"]) == {datetime(2026, 2, 1, 1, tzinfo=UTC)}
