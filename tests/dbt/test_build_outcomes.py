"""`dbt build` of the outcomes reads the lists of the last generations."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made_shop import settings_for

from jobs.warehouse.run_dbt import run
from reco_contracts.artifacts import Layout, new_folder
from reco_contracts.errors import ContractError
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, encode_manifest
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
OUTCOMES = ["build", "--select", "tag:outcomes", "--warn-error", "--quiet"]
ITEMS = ["book", "lamp", "rug", "vase"]
CATEGORIES = ["print", "light", "light", None]


def write_lists(layout: Layout, generation: str, lists: dict[str, list[int]], is_complete: bool = True) -> None:
    """A list folder as ranking writes it; lists: user -> item indices."""
    with new_folder(layout.lists / generation) as folder:
        (folder / "home").mkdir()
        pl.DataFrame(
            {
                "subject": list(lists),
                "item_indices": list(lists.values()),
                "scores": [[1.0 / (place + 1) for place in range(len(items))] for items in lists.values()],
                "reasons": [[1] * len(items) for items in lists.values()],
                "seeds": [[0] * len(items) for items in lists.values()],
            },
            schema={
                "subject": pl.String,
                "item_indices": pl.List(pl.Int32),
                "scores": pl.List(pl.Float32),
                "reasons": pl.List(pl.UInt8),
                "seeds": pl.List(pl.Int32),
            },
        ).write_parquet(folder / "home" / "default.parquet")
        pl.DataFrame(
            {
                "item_id": ITEMS,
                "title": ITEMS,
                "categories": [[category] if category else [] for category in CATEGORIES],
                "diversity_category": CATEGORIES,
                "is_available": [True, True, True, False],
            },
            schema_overrides={"categories": pl.List(pl.String)},
        ).write_parquet(folder / "catalogue.parquet")
        manifest = ListsManifest(
            generation=generation, run_date=f"{generation[:4]}-{generation[4:6]}-{generation[6:8]}", model_version="m1",
            n_items=len(ITEMS), popular_windows_days=(30,), lists={"home": {"default": len(lists)}}, settings={},
        )  # fmt: skip
        if is_complete:
            (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))


@pytest.fixture(scope="module")
def published(shop: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four list folders beside the shop's warehouse, the last without its manifest; the outcomes built."""
    settings = settings_for(tmp_path_factory.mktemp("published") / "data")
    shutil.copytree(shop.layout.root, settings.layout.root, ignore=shutil.ignore_patterns("dbt"))
    write_lists(settings.layout, "20240401-001", {"anna": [0]})
    write_lists(settings.layout, "20240402-001", {"anna": [0, 1], "bert": [0]})
    write_lists(settings.layout, "20240403-001", {"anna": [2, 1], "bert": [0, 1], "carl": []})
    write_lists(settings.layout, "20240404-001", {"anna": [3]}, is_complete=False)
    run(OUTCOMES, settings)
    return settings


def test_the_last_two_complete_generations_are_read(published: Settings, query: Query) -> None:
    found = query(published, "select distinct generation, run_date, model_version from marts.fct_list_items order by 1")
    assert found == [("20240402-001", date(2024, 4, 2), "m1"), ("20240403-001", date(2024, 4, 3), "m1")]


def test_a_list_is_one_row_a_place(published: Settings, query: Query) -> None:
    found = query(
        published,
        """
        select user_id, position, item_id, score, reason from marts.fct_list_items
        where generation = '20240403-001' order by 1, 2
        """,
    )
    assert found == [
        ("anna", 1, "rug", 1.0, "because_of_history"),
        ("anna", 2, "lamp", 0.5, "because_of_history"),
        ("bert", 1, "book", 1.0, "because_of_history"),
        ("bert", 2, "lamp", 0.5, "because_of_history"),
    ]


def test_coverage_and_diversity_follow_their_definitions(published: Settings, query: Query) -> None:
    """Three items are available; two users bound the coverage at five, so the catalogue is the smaller.

    Anna's rug and lamp share a category (1/2), bert's two do not (1): the mean is 3/4.
    """
    found = query(
        published,
        """
        select users, available_items, shown_items, is_bounded_by_users, coverage, mean_diversity
        from marts.rpt_catalogue_coverage where generation = '20240403-001'
        """,
    )
    assert found == [(2, 3, 3, False, 1.0, 0.75)]


def test_a_list_of_an_unknown_item_is_found(published: Settings, tmp_path: Path) -> None:
    """An index outside of the catalogue breaks the mart's contract."""
    settings = settings_for(tmp_path / "data")
    shutil.copytree(published.layout.root, settings.layout.root, ignore=shutil.ignore_patterns("dbt"))
    write_lists(settings.layout, "20240405-001", {"anna": [99]})
    with pytest.raises(ContractError, match=r"model fct_list_items: .*NOT NULL"):
        run(["build", "--select", "+fct_list_items,tag:outcomes", "--quiet"], settings)
