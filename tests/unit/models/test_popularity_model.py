"""Popularity counts people, not events; of all, of a segment, or within the categories of a history."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from jobs.models.popularity import PopularityModel, PopularityParameters, popularity_order, popularity_scores
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from jobs.ranking.item_content import ItemContent

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


# Two users of segment a like 2, then 0; three of segment b like 1. Item 3 is of nobody's segment.
SEGMENTED = [(0, 2), (1, 2), (1, 0), (2, 1), (3, 1), (4, 1), (5, 3)]
SEGMENTS = np.array(["a", "a", "b", "b", "b", ""])


def pairs(cells: list[tuple[int, int]], n_users: int, n_items: int) -> Interactions:
    users, items = np.array(sorted(cells), dtype=np.int32).T
    ones = np.ones(len(cells))
    return Interactions(users, items, np.zeros(len(cells), dtype=np.int32), ones, ones > 0, n_users, n_items)


def test_a_segment_has_its_own_list_filled_by_that_of_all() -> None:
    data = replace(pairs(SEGMENTED, 6, 5), segments=SEGMENTS)
    model = PopularityModel(PopularityParameters(by="segment"))
    model.fit(data)
    items = model.recommend(data, 5).items
    assert items[0].tolist() == [2, 0, 1, 3, -1]
    assert items[2].tolist() == [1, 2, 0, 3, -1]


def test_a_user_of_no_known_segment_gets_the_list_of_all() -> None:
    data = replace(pairs(SEGMENTED, 6, 5), segments=SEGMENTS)
    model = PopularityModel(PopularityParameters(by="segment"))
    model.fit(data)
    strangers = replace(pairs([(0, 0)], 2, 5), segments=np.array(["c", ""]))
    everybody = PopularityModel(PopularityParameters())
    everybody.fit(data)
    np.testing.assert_array_equal(model.recommend(strangers, 4).items, everybody.recommend(strangers, 4).items)
    assert everybody.recommend(strangers, 4).items[0].tolist() == [1, 2, 0, 3]


def by_category() -> tuple[PopularityModel, Interactions]:
    """Items 0 and 1 are of category 0, 2 and 3 of category 1, 4 of none; fewer and fewer users each."""
    cells = [(user, item) for item in range(5) for user in range(10 - item)]
    content = ItemContent(csr_matrix((5, 0)), (), np.array([0, 0, 1, 1, -1], dtype=np.int32))
    data = replace(pairs(cells, 10, 5), content=content)
    model = PopularityModel(PopularityParameters(by="category"))
    model.fit(data)
    return model, data


def test_the_categories_of_a_history_come_first_by_popularity() -> None:
    model, data = by_category()
    leaning = replace(pairs([(0, 3)], 1, 5), content=data.content)
    assert model.recommend(leaning, 5).items[0].tolist() == [2, 3, 0, 1, 4]


def test_without_a_history_or_categories_popularity_by_category_is_that_of_all() -> None:
    model, _ = by_category()
    nobody = replace(pairs([(0, 0)], 2, 5).of_users(np.array([1])), content=None)
    assert model.recommend(nobody, 5).items[0].tolist() == [0, 1, 2, 3, 4]
    plain = PopularityModel(PopularityParameters(by="category"))
    plain.fit(pairs([(0, 1)], 1, 5))
    assert plain.recommend(nobody, 2).items[0].tolist() == [1, -1]


def test_scores_are_those_of_the_lists_whatever_it_goes_by() -> None:
    model, data = by_category()
    lists = model.recommend(data, 5)
    np.testing.assert_allclose(model.score(data, lists.items), lists.scores, rtol=1e-6)
    segmented = replace(pairs(SEGMENTED, 6, 5), segments=SEGMENTS)
    other = PopularityModel(PopularityParameters(by="segment"))
    other.fit(segmented)
    lists = other.recommend(segmented, 4)
    np.testing.assert_allclose(other.score(segmented, lists.items), lists.scores, rtol=1e-6)
