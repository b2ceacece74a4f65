"""A generation's lists: complete, allowed, explained, and the same each time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from small_shop import COLD, GONE, N_ITEMS, N_USERS, RUN_DATE, interaction, items_frame, shop_rows

import reco_contracts.surfaces
from jobs.evaluation import evaluate_models
from jobs.models.base import TopK
from jobs.ranking import make_home_lists, make_similar_lists, train_model
from jobs.ranking.fill_lists import fill_short_lists
from jobs.ranking.rank_lists import run
from jobs.validate_outputs import validate_lists
from reco_contracts.columns import CATALOGUE_COLUMNS, LIST_COLUMNS
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.manifests import decode_lists_manifest
from reco_contracts.reasons import REASONS, Reason

SURFACES = ("home", "similar", "popular")
Lists = dict[str, dict[str, list[tuple[str, float, int, str | None]]]]


@pytest.fixture
def rank() -> Callable[..., tuple[dict, Lists]]:
    """Evaluates, trains and ranks a shop; gives the summary and the lists with ids instead of indices."""

    def run_all(shop, run_date: date = RUN_DATE) -> tuple[dict, Lists]:
        evaluate_models.run(run_date, shop.settings)
        train_model.run(run_date, shop.settings)
        summary = run(run_date, shop.settings)
        return summary, read_lists(shop, summary["generation"])

    return run_all


def read_lists(shop, generation: str) -> Lists:
    layout = shop.settings.layout
    ids = pl.read_parquet(layout.catalogue_file(generation))["item_id"].to_list()
    lists: Lists = {}
    manifest = decode_lists_manifest((layout.lists / generation / "manifest.json").read_bytes())
    assert set(SURFACES) <= set(manifest.lists) <= set(reco_contracts.surfaces.SURFACES)
    for surface in manifest.lists:
        frame = pl.read_parquet(layout.list_file(generation, surface, "default"))
        assert tuple(frame.columns) == LIST_COLUMNS
        lists[surface] = {
            subject: [
                (ids[item], score, reason, ids[seed] if seed >= 0 else None)
                for item, score, reason, seed in zip(items, scores, reasons, seeds, strict=True)
            ]
            for subject, items, scores, reasons, seeds in frame.iter_rows()
        }
    return lists


def test_the_folder_says_what_it_holds(make_shop, rank) -> None:
    shop = make_shop()
    summary, lists = rank(shop)
    assert summary["generation"] == "20260331-001"
    folder = shop.settings.layout.lists / summary["generation"]
    manifest = decode_lists_manifest((folder / "manifest.json").read_bytes())
    assert manifest.model_version == "als-20260331-001"
    assert manifest.n_items == N_ITEMS
    assert {name: variants["default"] for name, variants in manifest.lists.items()} == {
        name: len(rows) for name, rows in lists.items()
    }
    assert set(lists) == {*SURFACES, "also_bought", "again"}  # nothing is new here, and nothing trends
    catalogue = pl.read_parquet(shop.settings.layout.catalogue_file(summary["generation"]))
    assert tuple(catalogue.columns) == CATALOGUE_COLUMNS
    assert catalogue["item_id"].to_list() == sorted(shop.items["item_id"])
    assert catalogue.filter(~pl.col("is_available"))["item_id"].to_list() == [GONE]


def test_every_user_with_a_history_has_a_full_list_without_what_was_bought(make_shop, rank) -> None:
    shop = make_shop()
    _, lists = rank(shop)
    assert list(lists["home"]) == [f"user-{number:02d}" for number in range(N_USERS)]
    bought = shop.interactions.group_by("user_id").agg("item_id")
    for user, items in bought.iter_rows():
        assert len(lists["home"][user]) == 8
        assert not {entry[0] for entry in lists["home"][user]} & set(items)


def test_every_list_is_well_formed(make_shop, rank) -> None:
    _, lists = rank(make_shop())
    for surface in lists:
        for subject, entries in lists[surface].items():
            ids, scores, reasons, seeds = zip(*entries, strict=True)
            assert len(set(ids)) == len(ids)
            assert GONE not in ids
            assert (np.diff(scores) <= 0).all(), (surface, subject)
            for reason, seed in zip(reasons, seeds, strict=True):
                assert REASONS[Reason(reason)].has_seed == (seed is not None)


def test_home_lists_follow_taste_and_name_an_own_item_as_the_reason(make_shop, rank) -> None:
    shop = make_shop()
    _, lists = rank(shop)
    bought = {user: set(items) for user, items in shop.interactions.group_by("user_id").agg("item_id").iter_rows()}
    for user, entries in lists["home"].items():
        item, _, reason, seed = entries[0]
        assert int(item[-2:]) % 2 == int(user[-2:]) % 2
        assert reason == Reason.BECAUSE_BOUGHT
        assert seed in bought[user]


def test_what_is_recommended_again_says_so_instead_of_naming_itself(make_shop, rank) -> None:
    shop = make_shop(surfaces={"home": {"k": 8, "exclude_seen": "off"}})
    _, lists = rank(shop)
    bought = {user: set(items) for user, items in shop.interactions.group_by("user_id").agg("item_id").iter_rows()}
    entries = [(user, *entry) for user, row in lists["home"].items() for entry in row]
    again = [(user, item) for user, item, _, reason, _ in entries if reason == Reason.AGAIN]
    assert again
    assert all(item in bought[user] for user, item in again)
    assert all(item != seed for _, item, _, _, seed in entries)


def test_similar_items_share_the_taste_and_a_cold_item_gets_its_narrowest_category(make_shop, rank) -> None:
    _, lists = rank(make_shop())
    assert len(lists["similar"]) == N_ITEMS
    for item, entries in lists["similar"].items():
        assert item not in {entry[0] for entry in entries}
        assert len(entries) == 6
        assert all(int(entry[0][-2:]) % 2 == int(item[-2:]) % 2 for entry in entries)
        expected = Reason.POPULAR if item == COLD else Reason.SIMILAR_ITEM
        assert {entry[2] for entry in entries} == {expected}
    assert all(int(entry[0][-2:]) >= N_ITEMS // 2 for entry in lists["similar"][COLD])


def test_a_cold_item_of_a_catalogue_of_tags_gets_the_tag_that_diversity_counts(make_shop, rank) -> None:
    tags = {
        f"item-{number:02d}": {
            "categories": ["rare", "even" if number % 2 == 0 else "odd"],
            "diversity_category": "rare",
        }
        for number in range(1, 14)
    }
    cold = {"categories": ["odd", "rare", "odd high"], "diversity_category": "rare"}
    shop = make_shop(items=items_frame(tags | {COLD: cold}), catalogue={"categories": "tags"})
    _, lists = rank(shop)
    entries = lists["similar"][COLD]
    assert {reason for _, _, reason, _ in entries} == {Reason.POPULAR}
    assert [item for item, *_ in entries] == [item for item, *_ in lists["popular"]["30|rare"]][:6]


def test_the_closest_category_is_the_narrowest_or_the_rarest() -> None:
    rows = [(["a", "b", "c"], "b"), ([], None)]
    catalogue = pl.DataFrame(
        rows, schema={"categories": pl.List(pl.String), "diversity_category": pl.String}, orient="row"
    )
    assert make_similar_lists.closest_categories(catalogue, "tree").to_list() == [["c", "b", "a"], []]
    assert make_similar_lists.closest_categories(catalogue, "tags").to_list() == [["b", "a", "c"], []]


def test_an_item_with_few_neighbours_is_not_filled_up_with_itself(make_shop, rank) -> None:
    rows = [interaction(RUN_DATE, user, item) for user, item in (("a", "item-01"), ("a", "item-03"), ("b", "item-20"))]
    _, lists = rank(make_shop(rows))
    assert [item for item, *_ in lists["similar"]["item-20"]] == ["item-01", "item-03"]
    assert [item for item, *_ in lists["similar"]["item-01"]] == ["item-03", "item-20"]


def test_popular_lists_exist_for_every_window_and_category_and_count_people(make_shop, rank) -> None:
    shop = make_shop()
    _, lists = rank(shop)
    categories = ["", "even", "even high", "even low", "odd", "odd high", "odd low"]
    assert list(lists["popular"]) == [f"{days}|{name}" for days in (30, 7) for name in categories]
    recent = shop.interactions.filter(pl.col("event_date") > RUN_DATE - timedelta(days=7))
    users = dict(recent.group_by("item_id").agg(pl.col("user_id").n_unique()).iter_rows())
    listed = lists["popular"]["7|"]
    assert len(listed) == 10
    assert [int(score) for _, score, _, _ in listed] == [users.get(item, 0) for item, _, _, _ in listed]
    available = sorted((count for item, count in users.items() if item != GONE), reverse=True)
    assert [int(score) for _, score, _, _ in listed] == available[:10]
    assert {item for item, *_ in lists["popular"]["30|odd low"]} <= {f"item-{n:02d}" for n in range(1, 20, 2)}


def test_ranking_again_gives_the_same_bytes_under_a_new_name(make_shop, rank) -> None:
    shop = make_shop()
    first, lists = rank(shop)
    second = run(RUN_DATE, shop.settings)
    assert second["generation"] == "20260331-002"
    for surface in lists:
        one, two = (
            shop.settings.layout.list_file(name, surface, "default").read_bytes()
            for name in (first["generation"], second["generation"])
        )
        assert one == two


def test_the_size_of_a_block_changes_no_list(make_shop, rank, monkeypatch) -> None:
    shop = make_shop()
    _, whole = rank(shop)
    monkeypatch.setattr(make_home_lists, "BLOCK_USERS", 7)
    monkeypatch.setattr(make_similar_lists, "BLOCK_ITEMS", 3)
    parts = read_lists(shop, run(RUN_DATE, shop.settings)["generation"])
    for surface in SURFACES:
        for subject, entries in whole[surface].items():
            assert [entry[0] for entry in entries] == [entry[0] for entry in parts[surface][subject]]


def test_a_user_whom_the_model_has_not_seen_is_folded_in(make_shop, rank) -> None:
    shop = make_shop()
    rank(shop)
    newcomer = [interaction(RUN_DATE, "a newcomer", item) for item in ("item-01", "item-03")]
    later = make_shop([*shop_rows(), *newcomer])
    lists = read_lists(later, run(RUN_DATE, later.settings, "als-20260331-001")["generation"])
    entries = lists["home"]["a newcomer"]
    assert int(entries[0][0][-2:]) % 2 == 1
    assert entries[0][3] in {"item-01", "item-03"}


def test_users_without_a_weight_or_with_everything_get_what_is_left_of_the_popular_items(make_shop, rank) -> None:
    returned = interaction(RUN_DATE, "returner", "item-01", weight=-8)
    everything = [interaction(RUN_DATE, "collector", f"item-{n:02d}") for n in range(N_ITEMS - 2)]
    shop = make_shop([*shop_rows(), returned, *everything], validate={"min_list_length": 5, "data_docs": False})
    summary, lists = rank(shop)
    assert validate_lists(summary["generation"], RUN_DATE, shop.settings)["failed"] == []
    popular = [item for item, *_ in lists["popular"]["30|"] if item != "item-01"]
    assert [item for item, *_ in lists["home"]["returner"]] == popular[:8]
    assert {reason for _, _, reason, _ in lists["home"]["returner"]} == {Reason.POPULAR}
    # The item that is left is the only one that anybody else chose.
    assert [item for item, *_ in lists["home"]["collector"]] == ["item-38"]


def test_an_item_that_comes_tomorrow_is_in_no_list_today(make_shop, rank) -> None:
    tomorrow = datetime.combine(RUN_DATE + timedelta(days=1), time(0), tzinfo=UTC)
    shop = make_shop(items=items_frame({"item-05": {"available_from": tomorrow}}))
    _, lists = rank(shop)
    shown = {entry[0] for rows in lists.values() for row in rows.values() for entry in row}
    assert "item-05" not in shown
    assert "item-05" in lists["similar"]


def test_one_interaction_is_enough_for_a_generation(make_shop, rank) -> None:
    shop = make_shop([interaction(RUN_DATE, "user-00", "item-01")])
    summary, lists = rank(shop)
    assert summary["lists"]["home"] == 1
    assert lists["home"]["user-00"] == []
    assert validate_lists(summary["generation"], RUN_DATE, shop.settings)["failed"] == []


def test_the_popularity_model_ranks_too(make_shop, rank) -> None:
    shop = make_shop(train={"model": "popularity"})
    _, lists = rank(shop)
    assert {entry[2] for row in lists["home"].values() for entry in row} == {Reason.POPULAR}


def test_a_model_that_knows_the_future_is_refused(make_shop, rank) -> None:
    shop = make_shop()
    rank(shop)
    with pytest.raises(ContractError, match="trained up to 2026-03-31"):
        run(RUN_DATE - timedelta(days=1), shop.settings, "als-20260331-001")
    with pytest.raises(EmptyPartitionError, match="reco train --run-date 2026-03-30"):
        run(RUN_DATE - timedelta(days=1), shop.settings)


def test_a_short_list_is_filled_behind_its_own_items_with_what_is_allowed() -> None:
    lists = TopK(
        np.array([[4, -1, -1], [1, 2, 3], [-1, -1, -1]], dtype=np.int32),
        np.array([[0.5, 0, 0], [3, 2, 1], [0, 0, 0]], dtype=np.float32),
    )
    order, scores = np.array([0, 4, 1, 2], dtype=np.int32), np.array([9.0, 7.0, 6.0, 0.0, 8.0])
    blocked = csr_matrix(np.array([[1, 0, 0, 0, 0], [0] * 5, [0, 1, 1, 1, 1]], dtype=np.float32))
    filled = fill_short_lists(lists, order, scores, blocked)
    assert filled.items.tolist() == [[4, 1, 2], [1, 2, 3], [0, -1, -1]]
    assert filled.scores.tolist() == [[0.5, 0, 0], [3, 2, 1], [9, 0, 0]]
