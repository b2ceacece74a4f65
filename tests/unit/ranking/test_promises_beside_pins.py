"""What lists promise holds whatever is put into them: coverage, categories, limits beside pinned and explored items."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_shop import RUN_DATE, items_frame

from jobs.evaluation import evaluate_models
from jobs.ranking import fold_in_users, rank_lists, train_model
from jobs.validate_outputs import validate_lists
from reco_contracts.columns import LIST_ITEMS

NOW = datetime(2026, 4, 2, tzinfo=UTC)
DIVERSE = {"method": "none", "min_categories": 5, "candidates": 40}
TWO_PINS = """
- name: first
  pin: {item: item-12, position: 1}
- name: second
  pin: {item: item-24, position: 2}
"""


@pytest.fixture
def rank(make_shop) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Ranks a shop with other items and rules; gives its settings and the summary."""

    def run_all(text: str, changes: dict[str, dict[str, Any]], **sections: Any) -> tuple[Any, dict[str, Any]]:
        shop = make_shop(items=items_frame(changes), validate={"data_docs": False}, **sections)
        shop.settings.rules_file.write_text(text)
        evaluate_models.run(RUN_DATE, shop.settings)
        train_model.run(RUN_DATE, shop.settings)
        return shop.settings, rank_lists.run(RUN_DATE, shop.settings)

    return run_all


def of_category(number: int, name: str | None) -> dict[str, dict[str, Any]]:
    categories = [] if name is None else [name]
    return {
        f"item-{number:02d}": {
            "categories": categories,
            "category_level_1": name,
            "category_level_2": None,
            "diversity_category": name,
        }
    }


def heads(path: Path, first: int) -> list[list[int]]:
    return [items[:first] for items in pl.read_parquet(path)[LIST_ITEMS].to_list()]


def of_seller(n_sellers: int) -> dict[str, dict[str, Any]]:
    return {f"item-{number:02d}": {"seller": f"seller {number % n_sellers}"} for number in range(40)}


def crowded(lists: list[list[int]], n_sellers: int) -> int:
    """Lists with two items of one seller."""
    return sum(len({item % n_sellers for item in items}) < len(items) for items in lists)


def test_a_pin_pushes_no_explored_item_out_of_the_first_places(rank) -> None:
    settings, summary = rank(
        "- name: pin\n  pin: {item: item-04, position: 1}\n",
        {},
        train={"model": "popularity"},
        diversity=DIVERSE | {"min_categories": 0},
        coverage={"share": 0.2},
        surfaces={"home": {"k": 20}},
    )
    assert summary["places_spent"] > 0
    assert summary["coverage"]["value"] >= settings.coverage.goal
    home = heads(settings.layout.list_file(summary["generation"], "home", "default"), 1)
    assert set(np.ravel(home)) <= {4, *range(40)}
    assert np.mean(np.ravel(home) == 4) > 0.8
    validate_lists(summary["generation"], RUN_DATE, settings)


def test_a_pin_pushes_out_no_category_that_the_first_places_need(rank) -> None:
    names = [f"c{number % 12}" if number % 12 in range(1, 8) else "c0" for number in range(40)]
    changes = {key: value for number, name in enumerate(names) for key, value in of_category(number, name).items()}
    settings, summary = rank(TWO_PINS, changes, diversity=DIVERSE, surfaces={"home": {"k": 20}})
    lists = heads(settings.layout.list_file(summary["generation"], "home", "default"), 10)
    assert min(len({names[item] for item in items}) for items in lists) >= 5
    assert np.mean([items[0] == 12 for items in lists]) > 0.6
    validate_lists(summary["generation"], RUN_DATE, settings)


def test_items_without_a_category_do_not_count_as_categories(rank) -> None:
    changes: dict[str, dict[str, Any]] = {}
    for number in range(40):
        changes |= of_category(number, None if number % 5 else f"c{number}")
    settings, summary = rank("", changes, diversity=DIVERSE, surfaces={"home": {"k": 20}})
    lists = heads(settings.layout.list_file(summary["generation"], "home", "default"), 10)
    assert np.mean([sum(item % 5 == 0 for item in items) >= 5 for items in lists]) > 0.95
    validate_lists(summary["generation"], RUN_DATE, settings)


@pytest.mark.parametrize("first", [5, 8])
def test_a_limit_holds_for_explored_items_too_also_where_it_is_longer_than_the_first_places(rank, first: int) -> None:
    settings, summary = rank(
        f"- name: limit\n  limit: {{by: seller, most: 1, first: {first}}}\n",
        of_seller(20),
        diversity={"method": "none", "min_categories": 0, "candidates": 40, "first": 5},
        coverage={"share": 0.5, "min_lists": 6, "most_per_list": 1, "goal": 1.0},
        surfaces={"home": {"k": 20, "new_items_share": 0.0}},
    )
    assert summary["places_spent"] > 0
    path = settings.layout.list_file(summary["generation"], "home", "default")
    assert crowded(heads(path, first), 20) == 0


def test_a_limit_holds_for_explored_items_of_whoever_is_folded_in(rank, tmp_path: Path) -> None:
    settings, summary = rank(
        "- name: limit\n  limit: {by: seller, most: 1, first: 5}\n",
        of_seller(20),
        diversity={"method": "none", "min_categories": 0, "candidates": 40, "first": 5},
        coverage={"share": 0.5, "min_lists": 6, "most_per_list": 1, "goal": 1.0},
        surfaces={"home": {"k": 20, "new_items_share": 0.0}},
    )
    rng, rows = np.random.default_rng(0), ["user_id,item_id,event_type,occurred_at,value"]
    for user in range(80):
        rows += [
            f"user-{user:02d},item-{rng.integers(0, 39):02d},purchase,2026-04-01T08:{minute:02d}:00Z,1"
            for minute in range(6)
        ]
    events = tmp_path / "events.csv"
    events.write_text("\n".join(rows) + "\n")
    folded = fold_in_users.run(settings, NOW, generation=summary["generation"], events=events)
    assert folded["users"] == 80
    assert crowded(heads(folded["file"], 5), 20) == 0
