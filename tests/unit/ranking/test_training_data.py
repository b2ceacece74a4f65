"""What models are told: descriptions of items, segments of users, and parts of both."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
from small_shop import RUN_DATE, interactions_frame, items_frame, shop_rows, users_frame

from jobs.ranking.interaction_matrix import weight_matrix
from jobs.ranking.item_content import item_content
from jobs.ranking.training_data import training_data


def history(up_to: date = RUN_DATE) -> pl.DataFrame:
    frame = interactions_frame(shop_rows()).with_columns(pl.col("weight").cast(pl.Float64))
    return frame.filter(pl.col("event_date") <= up_to)


def test_titles_are_split_and_names_stay_whole() -> None:
    items = items_frame({"item-01": {"title": "Blue-Blue TEA pot, No. 7", "brand": "Blue", "seller": None}}, n_items=2)
    content = item_content(items)
    words = {content.vocabulary[column]: content.words[1, column] for column in content.words[1].indices}
    assert words == {"blue": 2, "tea": 1, "pot": 1, "no": 1, "category:odd": 1, "category:odd high": 1, "brand:Blue": 1}


def test_an_item_without_a_description_has_none() -> None:
    nothing = {"title": "", "categories": [], "diversity_category": None}
    content = item_content(items_frame({"item-01": nothing}, n_items=2))
    assert content.words[1].nnz == 0
    assert content.categories[1] == -1


def test_every_item_of_the_catalogue_has_an_index_and_every_user_a_segment() -> None:
    users, data = training_data(history(), items_frame(), users_frame(["user-00", "user-01"]), RUN_DATE)
    assert data.n_items == len(items_frame())
    assert data.segments is not None
    assert data.segments[:3].tolist() == ["even", "odd", ""]
    assert users.is_sorted()


def test_some_users_are_what_they_were_among_all() -> None:
    _, data = training_data(history(), items_frame(), users_frame([f"user-{n:02d}" for n in range(80)]), RUN_DATE)
    rows = np.array([5, 79, 5, 0], dtype=np.int64)
    part = data.of_users(rows)
    assert (weight_matrix(part, 30) != weight_matrix(data, 30)[rows]).nnz == 0
    assert part.segments is not None
    assert data.segments is not None
    np.testing.assert_array_equal(part.segments, data.segments[rows])
    assert part.content is data.content


def test_users_without_a_row_are_kept() -> None:
    _, data = training_data(history(), items_frame(), users_frame([]), RUN_DATE)
    wider = replace(data, n_users=data.n_users + 2, segments=None)
    part = wider.of_users(np.array([data.n_users, 1], dtype=np.int64))
    assert np.diff(weight_matrix(part).indptr)[0] == 0
    assert part.n_users == 2


def test_attributes_are_words_of_key_and_value() -> None:
    attributes = '{"colour": "red", "sizes": ["S", "M"], "weight_kg": 2.5, "box": null, "maker": {"name": "A"}}'
    content = item_content(items_frame({"item-01": {"attributes": attributes}}, n_items=2))
    assert [word for word in content.vocabulary if "=" in word] == ["colour=red", "sizes=M", "sizes=S", "weight_kg=2.5"]
    assert content.words[1].nnz == content.words[0].nnz + 4
