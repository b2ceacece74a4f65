"""Popularity counts people, not events."""

import numpy as np

from jobs.models.popularity import PopularityModel, PopularityParameters, popularity_order, popularity_scores
from jobs.ranking.interaction_matrix import Interactions, weight_matrix

# Item 0: three users long ago. Item 1: one user five times yesterday. Item 2: two users yesterday.
# Item 3: bought and returned. Item 4: nobody.
ROWS = [
    *[(user, 0, 100, 1.0) for user in range(3)],
    *[(0, 1, age, 1.0) for age in range(5)],
    (0, 2, 1, 1.0),
    (1, 2, 1, 1.0),
    (2, 3, 1, 8.0),
    (2, 3, 0, -8.0),
]


def shop() -> Interactions:
    rows = sorted(ROWS, key=lambda row: (row[0], row[1], -row[2]))
    users, items, ages, weights = zip(*rows, strict=True)
    return Interactions(
        np.array(users, dtype=np.int32),
        np.array(items, dtype=np.int32),
        np.array(ages, dtype=np.int32),
        np.array(weights),
        np.ones(len(rows), dtype=bool),
        n_users=3,
        n_items=5,
    )


def test_all_time_counts_distinct_users() -> None:
    assert popularity_order(popularity_scores(shop(), 0)).tolist() == [0, 2, 1]


def test_a_window_counts_its_days_and_is_filled_by_all_time() -> None:
    scores = popularity_scores(shop(), 30)
    assert popularity_order(scores).tolist() == [2, 1, 0]
    assert scores.astype(int).tolist() == [0, 1, 2, 0, 0]


def test_what_was_returned_or_never_chosen_is_in_no_list() -> None:
    model = PopularityModel(PopularityParameters())
    model.fit(shop())
    assert not {3, 4} & set(model.recommend(shop(), 5).items.ravel().tolist())


def test_a_user_with_many_blocked_items_still_gets_k() -> None:
    model = PopularityModel(PopularityParameters())
    model.fit(shop())
    blocked = weight_matrix(shop())
    lists = model.recommend(shop(), 1, blocked)
    assert lists.items[:, 0].tolist() == [-1, 1, 2]
