"""`dbt build` turns landed rows into marts whose content is known by hand."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hand_made_shop import DAY_1, DAY_2, DAY_3, event, land, settings_for, write_shop

from jobs.landing.ledger import read_entry, write_entry
from jobs.ranking.weigh_events import weigh_events
from jobs.warehouse.run_dbt import run, target_folder
from reco_contracts.columns import FCT_INTERACTIONS, MARTS_TO_EXPORT
from reco_contracts.errors import ConfigError, ValidationFailedError
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
MODELS_ALONE = ["run", "--select", "tag:inputs", "--quiet"]
MARTS = (
    *(mart.name for mart in MARTS_TO_EXPORT),
    "rpt_data_quality",
    "rpt_data_quality_daily",
    "rpt_quarantine_reasons",
)


def snapshot(settings: Settings, query: Query) -> dict[str, list[tuple[Any, ...]]]:
    return {mart: query(settings, f"select * from marts.{mart} order by all") for mart in MARTS}  # noqa: S608


def test_a_first_run_without_any_landed_file_gives_empty_marts(empty_shop: Settings, query: Query) -> None:
    assert all(rows == [] for rows in snapshot(empty_shop, query).values())
    assert query(empty_shop, "select * from marts.fct_list_items") == []


def test_interactions_are_one_row_a_user_item_and_day(shop: Settings, query: Query) -> None:
    found = query(
        shop,
        """
        select event_date, user_id, item_id, views, purchases, returns, dismissals, rating, weight, is_consumed,
            is_positive, last_occurred_at
        from marts.fct_interactions order by all
        """,
    )
    assert found == [
        (DAY_1, "anna", "lamp", 1, 1, 0, 0, None, Decimal("9.0000"), True, True, datetime(2024, 4, 1, 10, tzinfo=UTC)),
        (DAY_2, "anna", "book", 0, 0, 0, 0, 5.0, Decimal("8.0000"), True, True, datetime(2024, 4, 2, 9, tzinfo=UTC)),
        (DAY_2, "bert", "book", 0, 0, 0, 0, 2.0, Decimal("0.0000"), True, False, datetime(2024, 4, 2, 9, tzinfo=UTC)),
        (DAY_3, "anna", "lamp", 0, 0, 1, 0, None, Decimal("-8.0000"), False, False,
         datetime(2024, 4, 3, 9, tzinfo=UTC)),
        (DAY_3, "carl", "vase", 0, 0, 0, 1, None, Decimal("0.0000"), True, False, datetime(2024, 4, 3, 9, tzinfo=UTC)),
    ]  # fmt: skip


def test_items_have_their_latest_snapshot_and_unnamed_items_their_id(shop: Settings, query: Query) -> None:
    found = query(
        shop,
        """
        select item_id, title, categories, diversity_category, price, first_seen_date, min_age, markets
        from marts.dim_items order by 1
        """,
    )
    assert found == [
        ("book", "Book", ["media", "print", "novel"], "print", None, DAY_2, None, None),
        ("lamp", "Lamp", ["home", "light"], "light", 9.5, DAY_1, 18, ["pl", "se"]),
        ("rug", "Rug", [], None, None, None, None, None),
        ("vase", "vase", [], None, None, DAY_3, None, None),
    ]


def test_users_are_those_of_events_and_of_snapshots(shop: Settings, query: Query) -> None:
    found = query(
        shop, "select user_id, market, first_seen_date, last_seen_date, interaction_days from marts.dim_users"
    )
    assert sorted(found) == [
        ("anna", "pl", DAY_1, DAY_3, 3),
        ("bert", None, DAY_2, DAY_2, 1),
        ("carl", None, DAY_3, DAY_3, 1),
        ("elsa", None, None, None, 0),
    ]


def test_every_column_of_every_model_is_described_and_no_other(empty_shop: Settings, query: Query) -> None:
    """Marts are held to it by their contract; staging and intermediate models by this."""
    manifest = msgspec.json.decode((target_folder(empty_shop.layout) / "manifest.json").read_bytes())
    described = {
        (node["schema"], node["name"], column)
        for node in (*manifest["nodes"].values(), *manifest["sources"].values())
        if node["resource_type"] in ("model", "source")
        for column in node["columns"]
    }
    found = query(empty_shop, "select schema_name, table_name, column_name from duckdb_columns() where not internal")
    assert described == set(found)


def test_every_line_is_accounted_for(shop: Settings, query: Query) -> None:
    found = query(
        shop,
        """
        select file_sha, lines_in, landed_rows, quarantined_rows, duplicate_rows, kept_rows, rows_in_marts
        from marts.rpt_data_quality where kind = 'events' order by all
        """,
    )
    assert found == [("log1", 8, 5, 3, 0, 5, 4), ("log2", 3, 3, 0, 1, 2, 2), ("taken_back", 1, 1, 0, 0, 0, 0)]
    reasons = query(
        shop, "select file_sha, reason, quarantined_rows, first_line_number from marts.rpt_quarantine_reasons"
    )
    assert sorted(reasons) == [("log1", "bad_time", 2, 6), ("log1", "missing_user", 1, 8)]


def test_a_rerun_and_a_new_warehouse_agree_to_the_last_digit(tmp_path: Path, shop: Settings, query: Query) -> None:
    """A second warehouse, a rerun on it, and the session's own say the same to the last digit."""
    settings = settings_for(tmp_path)
    write_shop(settings.layout)
    run(MODELS_ALONE, settings)
    first = snapshot(settings, query)
    run(MODELS_ALONE, settings)
    assert snapshot(settings, query) == first == snapshot(shop, query)


def test_a_file_that_is_taken_back_leaves_the_marts(tmp_path: Path, shop: Settings, query: Query) -> None:
    """The duplicate of log1 in log2 takes the place of the line that went."""
    settings = copy_of(shop, tmp_path)
    entry = read_entry(settings.layout, "log1")
    assert entry is not None
    changed = {name: getattr(entry, name) for name in entry.__struct_fields__} | {"state": "unlanded"}
    write_entry(settings.layout, type(entry)(**changed))
    run(MODELS_ALONE, settings)
    found = query(settings, "select event_date, user_id, item_id, weight from marts.fct_interactions order by all")
    assert found == [
        (DAY_1, "anna", "lamp", Decimal("8.0000")),
        (DAY_3, "anna", "lamp", Decimal("-8.0000")),
        (DAY_3, "carl", "vase", Decimal("0.0000")),
    ]


def test_settings_reach_the_marts(tmp_path: Path, query: Query) -> None:
    sections = {
        "interactions": {"view_weight": 0.25, "positive_events": ("view",)},
        "catalogue": {"categories": "tags"},
    }
    settings = settings_for(tmp_path, **sections)
    land(settings.layout, "events", "log", [event("e1", "u", "i", "view", DAY_1)])
    land(settings.layout, "items", "items", [
        {"item_id": "i", "categories": ["drama", "noir"], "event_date": DAY_1},
        {"item_id": "j", "categories": ["drama"], "event_date": DAY_1},
    ])  # fmt: skip
    run(MODELS_ALONE, settings)
    assert query(settings, "select weight, is_positive from marts.fct_interactions") == [(Decimal("0.2500"), True)]
    assert query(settings, "select diversity_category from marts.dim_items order by item_id") == [("noir",), ("drama",)]


def test_a_failing_test_is_named(tmp_path: Path, shop: Settings) -> None:
    """A partition file that was removed by hand: the ledger says what is missing."""
    settings = copy_of(shop, tmp_path)
    (settings.layout.landing("events") / f"event_date={date(2024, 4, 3)}" / "log2.parquet").unlink()
    with pytest.raises(
        ValidationFailedError, match=r"test landed_rows_agree_with_the_ledger: Got 1 result.*\n {4}file_sha ="
    ):
        run(["test", "--select", "landed_rows_agree_with_the_ledger", "--quiet"], settings, all_dates=True)


def test_variables_are_not_taken_from_the_command_line(empty_shop: Settings) -> None:
    with pytest.raises(ConfigError, match=r"reco\.toml"):
        run(["build", "--vars", "view_weight: 7"], empty_shop)


def copy_of(settings: Settings, folder: Path) -> Settings:
    """The same data folder in another place; dbt's own files stay behind."""
    shutil.copytree(settings.layout.root, folder / "data", ignore=shutil.ignore_patterns("dbt"))
    return settings_for(folder / "data")


def test_events_weighed_without_the_warehouse_are_its_interactions(shop: Settings, query: Query) -> None:
    paths = sorted(path for path in shop.layout.landing("events").glob("*/*.parquet") if path.stem != "taken_back")
    landed = pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in paths])
    weighed = weigh_events(landed.with_columns(event_date=pl.col("occurred_at").dt.date()), shop.interactions)
    columns = ", ".join(FCT_INTERACTIONS.column_names).replace("weight", "weight::double")
    found = query(shop, f"select {columns} from marts.fct_interactions order by user_id, item_id, event_date")  # noqa: S608
    assert weighed.rows() == found
