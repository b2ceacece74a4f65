"""What lists are like, on cases known by hand."""

import numpy as np
import pytest

from jobs.evaluation.list_metrics import activity_segments, cold_share, exposure_by_popularity, gini, novelty
from jobs.evaluation.ranking_task import RankingTask
from jobs.ranking.interaction_matrix import Interactions, cell_matrix


def lists(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_novelty_is_the_mean_surprise_in_bits() -> None:
    counts = np.array([3, 1, 0])
    # (3 + 1) / 4 = 1 is no surprise, (1 + 1) / 4 one bit, (0 + 1) / 4 two bits; the pad counts for nothing.
    assert novelty(lists([0, 1], [2, -1]), counts, n_users=3) == pytest.approx((0 + 1 + 2) / 3)
    assert novelty(lists([-1, -1]), counts, 3) == 0.0


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([[0, 1], [2, 3]], 0.0),  # all alike
        ([[0], [0]], 0.75),  # one of four has all: (n - 1) / n
        ([[0, 1], [0, 1]], 0.5),  # half of them have all
    ],
)
def test_gini_of_known_exposures(items: list[list[int]], expected: float) -> None:
    assert gini(lists(*items), np.ones(4, dtype=bool)) == pytest.approx(expected)


def test_items_that_cannot_be_shown_do_not_make_exposure_unequal() -> None:
    assert gini(lists([0, 1]), np.array([True, True, False, False])) == pytest.approx(0.0)


def test_cold_items_are_those_that_nobody_had() -> None:
    assert cold_share(lists([0, 1], [2, -1]), np.array([5, 0, 0])) == pytest.approx(2 / 3)


def test_exposure_is_summed_from_the_most_popular_down() -> None:
    curve = exposure_by_popularity(np.array([1, 6, 3]), np.array([10, 50, 20]))
    assert [(point["items"], point["share"]) for point in curve] == [
        (1, pytest.approx(0.6)),
        (2, pytest.approx(0.9)),
        (3, pytest.approx(1.0)),
    ]


def task_of(items_each: list[int]) -> RankingTask:
    users = np.repeat(np.arange(len(items_each), dtype=np.int32), items_each)
    items = np.concatenate([np.arange(size, dtype=np.int32) for size in items_each])
    n = len(users)
    known = Interactions(
        users, items, np.zeros(n, dtype=np.int32), np.ones(n), np.ones(n, dtype=bool), len(items_each), max(items_each)
    )
    nothing = cell_matrix(users[:0], items[:0], (len(items_each), known.n_items))
    rows = np.arange(len(items_each), dtype=np.int64)
    return RankingTask(known, rows, nothing, nothing, np.ones(known.n_items, dtype=bool))


def test_segments_are_thirds_by_history_and_equal_users_stay_together() -> None:
    segments = activity_segments(task_of([1, 1, 2, 3, 3, 4, 9, 9, 20]))
    assert [segment.label for segment in segments] == ["1–2 items", "3–4 items", "9–20 items"]
    assert np.sum([segment.rows for segment in segments], axis=0).tolist() == [1] * 9
    alike = activity_segments(task_of([2, 2, 2, 2]))
    assert [(segment.label, segment.rows.sum()) for segment in alike] == [("2 items", 4)]
