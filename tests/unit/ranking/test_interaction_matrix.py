"""Weights of users and items, against sums by hand."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from jobs.ranking.interaction_matrix import blocked_matrix, cell_matrix, index_of, make_interactions, weight_matrix
from reco_contracts.errors import ContractError

DAY = date(2026, 1, 31)
ROWS = [
    # user, item, age in days, weight, is_consumed
    ("b", "y", 0, 8.0, True),
    ("b", "y", 10, 4.0, False),
    ("b", "x", 20, 2.0, False),
    ("a", "x", 10, 8.0, True),
    ("a", "x", 5, -8.0, False),
    ("a", "y", 40, 1.0, True),
    ("c", "z", 3, 0.0, True),
]


def history() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"user_id": u, "item_id": i, "event_date": DAY - timedelta(days=age), "weight": w, "is_consumed": c}
            for u, i, age, w, c in ROWS
        ]
    )


@pytest.fixture
def data():
    return make_interactions(history(), pl.Series(["a", "b", "c"]), pl.Series(["x", "y", "z"]), DAY)


def test_undecayed_weights_are_summed_and_returns_subtract(data) -> None:
    assert weight_matrix(data).toarray().tolist() == [[0, 1, 0], [2, 12, 0], [0, 0, 0]]


def test_a_weight_halves_with_every_half_life(data) -> None:
    matrix = weight_matrix(data, half_life_days=10).toarray()
    assert matrix[1] == pytest.approx([2 / 4, 8 + 4 / 2, 0])
    # The return is younger than the purchase, so it outweighs it; a sum below 0 counts as nothing.
    assert matrix[0] == pytest.approx([0, 1 / 16, 0])


def test_a_window_takes_its_days_and_no_more(data) -> None:
    assert weight_matrix(data, window_days=10).toarray().tolist() == [[0, 0, 0], [0, 8, 0], [0, 0, 0]]
    assert weight_matrix(data, window_days=11).toarray().tolist() == [[0, 0, 0], [0, 12, 0], [0, 0, 0]]


def test_the_matrix_holds_no_explicit_zero(data) -> None:
    assert (weight_matrix(data).data > 0).all()
    assert weight_matrix(data).has_sorted_indices


@pytest.mark.parametrize(
    ("exclude_seen", "expected"),
    [
        ("off", [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("forever", [[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
        (11, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (10, [[0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_exclude_seen_blocks_what_was_consumed(data, exclude_seen, expected) -> None:
    assert blocked_matrix(data, exclude_seen).toarray().tolist() == expected


def test_the_order_of_the_rows_changes_no_bit() -> None:
    users, items = pl.Series(["a", "b", "c"]), pl.Series(["x", "y", "z"])
    frame = history().with_columns(pl.col("weight") / 3)
    matrices = [
        weight_matrix(make_interactions(frame.sample(fraction=1, shuffle=True, seed=seed), users, items, DAY), 7)
        for seed in range(4)
    ]
    for matrix in matrices[1:]:
        np.testing.assert_array_equal(matrices[0].toarray(), matrix.toarray())


def test_a_day_after_the_cut_is_refused() -> None:
    with pytest.raises(ContractError, match="later than 2026-01-30"):
        make_interactions(history(), pl.Series(["a"]), pl.Series(["x"]), DAY - timedelta(days=1))


def test_unknown_users_and_items_are_left_out() -> None:
    data = make_interactions(history(), pl.Series(["b"]), pl.Series(["y"]), DAY)
    assert weight_matrix(data).toarray().tolist() == [[12]]


def test_an_id_is_found_at_its_place_and_others_are_minus_one() -> None:
    assert index_of(pl.Series(["ü", "?", "a"]), pl.Series(["a", "ü"])).tolist() == [1, -1, 0]
    assert index_of(pl.Series([], dtype=pl.String), pl.Series(["a"])).tolist() == []


def test_cells_come_in_any_order_and_count_once() -> None:
    cells = cell_matrix(np.array([1, 0, 1], dtype=np.int32), np.array([2, 1, 2], dtype=np.int32), (3, 3))
    assert cells.toarray().tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_no_interactions_give_an_empty_matrix() -> None:
    data = make_interactions(history().clear(), pl.Series(["a"]), pl.Series(["x", "y"]), DAY)
    assert weight_matrix(data, 5).shape == (1, 2)
    assert blocked_matrix(data, "forever").nnz == 0


def test_what_is_very_old_is_little_but_never_nothing() -> None:
    frame = history().with_columns(pl.lit(DAY - timedelta(days=9_000)).alias("event_date"))
    data = make_interactions(frame, pl.Series(["a", "b", "c"]), pl.Series(["x", "y", "z"]), DAY)
    old = weight_matrix(data, half_life_days=30).data
    assert (old * old > 0).all()
    assert (old < 1e-9).all()
