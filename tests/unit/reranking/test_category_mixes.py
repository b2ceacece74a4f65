"""The mix of a history: shares of weight, and nothing where there is nothing."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from jobs.ranking.interaction_matrix import make_interactions
from jobs.reranking.category_mixes import category_mixes
from jobs.reranking.item_traits import ItemTraits

DAY = date(2026, 3, 31)


def test_shares_are_of_what_interactions_weigh() -> None:
    rows = [("ann", "pear", 8.0), ("ann", "plum", 4.0), ("ann", "soap", 4.0), ("ben", "stone", 8.0)]
    history = pl.DataFrame(
        [(DAY, user, item, weight, True) for user, item, weight in rows],
        schema=["event_date", "user_id", "item_id", "weight", "is_consumed"],
        orient="row",
    )
    items = pl.Series(["pear", "plum", "soap", "stone"])
    data = make_interactions(history, pl.Series(["ann", "ben", "eve"]), items, DAY)
    none = np.full(4, -1, dtype=np.int32)
    traits = ItemTraits(
        np.array([0, 0, 1, -1], dtype=np.int32), ("fruit", "soap", "tea"), np.column_stack([none] * 3), none, none
    )
    mixes = category_mixes(data, traits).toarray()
    assert mixes[0] == pytest.approx([0.75, 0.25, 0])
    # What ben bought has no category, and eve did nothing.
    assert not mixes[1:].any()
