"""Diversity in the lists of a generation: kept in the files, the same for whoever is folded in later."""

import polars as pl
import pytest
from small_shop import COLD, RUN_DATE, items_frame
from test_cold_start_lists import CONTENT, ITEMS, RANKED, SILENT
from test_fold_in_users import GENERATION, NOW, assert_same_lists

from jobs.evaluation import evaluate_models
from jobs.ranking import fold_in_users, rank_lists, train_model

# Three of the shop's four narrow categories among the first four places; every user buys of two.
DIVERSE = {"method": "calibrated", "strength": 0.3, "candidates": 30, "first": 4, "min_categories": 3}


@pytest.fixture
def diverse_shop(make_shop):
    made = make_shop(items=items_frame(ITEMS), surfaces=RANKED, train=CONTENT, silent=SILENT, diversity=DIVERSE)
    evaluate_models.run(RUN_DATE, made.settings)
    train_model.run(RUN_DATE, made.settings)
    rank_lists.run(RUN_DATE, made.settings)
    return made


def test_lists_keep_the_limit_and_folding_in_gives_the_same_ones(diverse_shop) -> None:
    layout = diverse_shop.settings.layout
    full = pl.read_parquet(layout.list_file(GENERATION, "home", "default"))
    items = items_frame(ITEMS)
    categories, cold = items["diversity_category"].to_list(), items["item_id"].to_list().index(COLD)
    lists = full["item_indices"].to_list()
    assert all(len({categories[item] for item in one[:4]}) >= 3 for one in lists)
    assert all(len(set(one)) == 8 for one in lists)
    # The new item stays in its lists when the limit is held again.
    assert any(cold in one for one in lists)
    fold_in_users.run(diverse_shop.settings, NOW, generation=GENERATION, users=["silent-1", "user-07", "user-33"])
    folded = pl.read_parquet(layout.overlay_file(GENERATION, "folded_in"))
    assert_same_lists(folded, full.filter(pl.col("subject").is_in(["silent-1", "user-07", "user-33"])))
