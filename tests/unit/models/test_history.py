"""What an interaction counts, by weight and age."""

import numpy as np
import pytest

from jobs.models.history import HistoryParameters, history_matrix, mean_weight_of
from jobs.ranking.interaction_matrix import Interactions

# Item 0: twice, heavy and old, then light and new. Item 1: old. Item 2: bought and returned.
ROWS = [(0, 0, 60, 8.0), (0, 0, 0, 2.0), (0, 1, 30, 2.0), (0, 2, 30, 8.0), (0, 2, 0, -8.0)]


def history() -> Interactions:
    users, items, ages, weights = zip(*ROWS, strict=True)
    return Interactions(
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array(ages, dtype=np.int32),
        np.array(weights),
        np.ones(len(ROWS), dtype=bool),
        n_users=1,
        n_items=4,
    )


@pytest.mark.parametrize(
    ("weighting", "half_life_days", "expected"),
    [
        ("binary", 0.0, [1, 1, 0, 0]),
        ("binary", 30.0, [1, 0.5, 0, 0]),
        ("linear", 0.0, [10 / 6, 2 / 6, 0, 0]),
        ("linear", 30.0, [(8 * 0.25 + 2) / 2.5, 1 / 2.5, 0, 0]),
        ("log", 0.0, [np.log1p(10 / 6), np.log1p(2 / 6), 0, 0]),
    ],
)
def test_weight_and_age_make_what_an_item_counts(weighting: str, half_life_days: float, expected: list[float]) -> None:
    parameters = HistoryParameters(half_life_days=half_life_days, weighting=weighting)
    matrix = history_matrix(history(), parameters, mean_weight_of(history(), parameters))
    assert matrix.toarray()[0] == pytest.approx(expected)
    assert matrix.nnz == 2
