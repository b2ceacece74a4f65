"""`dbt build` of the outcomes keeps the lists of the last generations that went live."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hand_made_shop import settings_for

from jobs.warehouse.run_dbt import run
from reco_contracts.artifacts import Layout, new_folder, record_publication
from reco_contracts.errors import ContractError
from reco_contracts.manifests import MANIFEST_FILE, GenerationManifest, ListsManifest, ModelManifest, encode_manifest
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
OUTCOMES = ["build", "--select", "tag:outcomes", "--warn-error", "--quiet"]
ITEMS = ["book", "lamp", "rug", "vase"]
CATEGORIES = ["print", "light", "light", None]


PUBLISHED_AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def write_lists(
    layout: Layout, generation: str, lists: dict[str, list[int]], is_complete: bool = True, is_published: bool = True
) -> None:
    """A list folder as ranking writes it, and the record of its publication.

    Args:
        layout: of the data folder.
        generation: its name.
        lists: user -> item indices; the reason of each is the item before it in the catalogue.
        is_complete: false leaves out the manifest.
        is_published: false leaves out the record.
    """
    run_date = f"{generation[:4]}-{generation[4:6]}-{generation[6:8]}"
    with new_folder(layout.lists / generation) as folder:
        write_surface(folder / "home" / "default.parquet", lists, reason=1)
        write_surface(folder / "similar" / "default.parquet", {"lamp": [2]}, reason=2)
        write_surface(folder / "popular" / "default.parquet", {"30|": [1, 0]}, reason=3)
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
            generation=generation, run_date=run_date, model_version="als-20240401-001", n_items=len(ITEMS),
            popular_windows_days=(30,), lists={"home": {"default": len(lists)}}, settings={},
        )  # fmt: skip
        if is_complete:
            (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    if is_published:
        record_publication(layout, GenerationManifest(
            generation=generation, run_date=run_date, model_version="als-20240401-001",
            created_at=PUBLISHED_AT.isoformat(), codec_version=1, n_items=len(ITEMS), catalogue_chunks=1,
            popular_windows_days=(30,), surfaces={},
        ))  # fmt: skip


def write_surface(path: Path, lists: dict[str, list[int]], reason: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    has_seed = reason in (1, 2)
    pl.DataFrame(
        {
            "subject": list(lists),
            "item_indices": list(lists.values()),
            "scores": [[1.0 / (place + 1) for place in range(len(items))] for items in lists.values()],
            "reasons": [[reason] * len(items) for items in lists.values()],
            "seeds": [[(item - 1) % len(ITEMS) if has_seed else -1 for item in items] for items in lists.values()],
        },
        schema={
            "subject": pl.String,
            "item_indices": pl.List(pl.Int32),
            "scores": pl.List(pl.Float32),
            "reasons": pl.List(pl.UInt8),
            "seeds": pl.List(pl.Int32),
        },
    ).write_parquet(path)


def write_model(layout: Layout) -> None:
    with new_folder(layout.models / "als-20240401-001") as folder:
        (folder / MANIFEST_FILE).write_bytes(encode_manifest(ModelManifest(
            model_version="als-20240401-001", model="als", run_date="2024-04-01", parameters={"factors": 8},
            data={"users": 3}, metrics={}, code_version="1.0", seed=20,
        )))  # fmt: skip


@pytest.fixture(scope="module")
def published(shop: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Five list folders beside the shop's warehouse, of which two are kept; the outcomes built.

    The first was published and is too old, the fourth has no manifest, the fifth was refused. The outcomes were built
    once before, when the first was not too old.
    """
    folder = tmp_path_factory.mktemp("published") / "data"
    settings = settings_for(folder, warehouse={"kept_generations": 2})
    shutil.copytree(shop.layout.root, settings.layout.root, ignore=shutil.ignore_patterns("dbt"))
    write_model(settings.layout)
    write_lists(settings.layout, "20240401-001", {"anna": [0]})
    write_lists(settings.layout, "20240402-001", {"anna": [0, 1], "bert": [0]})
    run(["run", "--select", "tag:outcomes", "--quiet"], settings)
    write_lists(settings.layout, "20240403-001", {"anna": [2, 1], "bert": [0, 1], "carl": []})
    write_lists(settings.layout, "20240404-001", {"anna": [3]}, is_complete=False)
    write_lists(settings.layout, "20240405-001", {"anna": [3]}, is_published=False)
    run(OUTCOMES, settings)
    return settings


def test_the_last_generations_that_went_live_are_kept(published: Settings, query: Query) -> None:
    found = query(published, "select distinct generation, run_date, model_version from marts.fct_list_items order by 1")
    assert found == [
        ("20240402-001", date(2024, 4, 2), "als-20240401-001"),
        ("20240403-001", date(2024, 4, 3), "als-20240401-001"),
    ]


def test_a_list_leads_to_the_model_and_the_run_that_made_it(published: Settings, query: Query) -> None:
    """What is not kept any more still is a generation; what never went live is none."""
    found = query(
        published,
        """
        select generation, run_date, published_at, model, trained_until, code_version, model_seed, is_kept, lists
        from marts.dim_generations order by 1
        """,
    )
    model = ("als", date(2024, 4, 1), "1.0", 20)
    assert found == [
        ("20240401-001", date(2024, 4, 1), PUBLISHED_AT, *model, False, 0),
        ("20240402-001", date(2024, 4, 2), PUBLISHED_AT, *model, True, 4),
        ("20240403-001", date(2024, 4, 3), PUBLISHED_AT, *model, True, 5),
        ("20240404-001", date(2024, 4, 4), PUBLISHED_AT, *model, False, 0),
    ]


def test_a_list_is_one_row_a_place_with_its_reason(published: Settings, query: Query) -> None:
    found = query(
        published,
        """
        select surface, subject_kind, subject, position, item_id, score, reason, seed_item_id from marts.fct_list_items
        where generation = '20240403-001' order by 1, 3, 4
        """,
    )
    assert found == [
        ("home", "user", "anna", 1, "rug", 1.0, "because_of_history", "lamp"),
        ("home", "user", "anna", 2, "lamp", 0.5, "because_of_history", "book"),
        ("home", "user", "bert", 1, "book", 1.0, "because_of_history", "vase"),
        ("home", "user", "bert", 2, "lamp", 0.5, "because_of_history", "book"),
        ("popular", "category", "30|", 1, "lamp", 1.0, "popular", None),
        ("popular", "category", "30|", 2, "book", 0.5, "popular", None),
        ("similar", "item", "lamp", 1, "rug", 1.0, "similar_item", "lamp"),
    ]


def test_coverage_and_diversity_follow_their_definitions(published: Settings, query: Query) -> None:
    """Three items are available; two users bound the coverage at five, so the catalogue is the smaller.

    Anna's rug and lamp share a category (1/2), bert's two do not (1): the mean is 3/4.
    """
    found = query(
        published,
        """
        select surface, variant, users, available_items, shown_items, is_bounded_by_users, coverage, mean_diversity
        from marts.rpt_catalogue_coverage where generation = '20240403-001'
        """,
    )
    assert found == [("home", "default", 2, 3, 3, False, 1.0, 0.75)]


def test_a_list_of_an_unknown_item_is_found(published: Settings, tmp_path: Path) -> None:
    """An index outside of the catalogue breaks the mart's contract."""
    settings = settings_for(tmp_path / "data", warehouse={"kept_generations": 2})
    shutil.copytree(published.layout.root, settings.layout.root, ignore=shutil.ignore_patterns("dbt"))
    write_lists(settings.layout, "20240406-001", {"anna": [99]})
    with pytest.raises(ContractError, match=r"model fct_list_items: .*NOT NULL"):
        run(["build", "--select", "+fct_list_items,tag:outcomes", "--quiet"], settings)
