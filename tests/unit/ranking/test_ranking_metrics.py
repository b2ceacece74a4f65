"""Metrics against plain Python, and on cases known by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from jobs.evaluation.ranking_metrics import accuracy, bootstrap_means, coverage, diversity, interval, verdict


def reference(items: list[int], relevant: set[int]) -> tuple[float, ...]:
    hits = [rank for rank, item in enumerate(items, start=1) if item in relevant]
    gain = sum(1 / math.log2(rank + 1) for rank in hits)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(items), len(relevant)) + 1))
    precisions = [place / rank for place, rank in enumerate(hits, start=1)]
    average = sum(precisions) / min(len(items), len(relevant))
    return gain / best, len(hits) / len(relevant), float(bool(hits)), average, 1 / hits[0] if hits else 0.0


def truth_of(relevant: list[set[int]], n_items: int) -> csr_matrix:
    dense = np.zeros((len(relevant), n_items), dtype=np.float32)
    for row, items in enumerate(relevant):
        dense[row, list(items)] = 1
    return csr_matrix(dense)


@settings(deadline=None)
@given(data=st.data(), k=st.integers(1, 6))
def test_accuracy_is_that_of_plain_python(data: st.DataObject, k: int) -> None:
    users = data.draw(
        st.lists(
            st.tuples(
                st.lists(st.integers(0, 8), unique=True, max_size=k),
                st.sets(st.integers(0, 8), min_size=1),
            ),
            min_size=1,
            max_size=5,
        )
    )
    items = np.array([row + [-1] * (k - len(row)) for row, _ in users], dtype=np.int32)
    found = accuracy(items, truth_of([relevant for _, relevant in users], 9))
    expected = [reference(row.tolist(), relevant) for row, (_, relevant) in zip(items, users, strict=True)]
    assert found == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("items", "relevant", "expected"),
    [
        ([1, 2], {1, 2, 3, 4}, (1.0, 0.5, 1.0, 1.0, 1.0)),  # nothing better fits in two places
        ([1, 2], {2}, (1 / math.log2(3), 1.0, 1.0, 0.5, 0.5)),
        ([5, 6], {1}, (0.0, 0.0, 0.0, 0.0, 0.0)),
        ([-1, -1], {0}, (0.0, 0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_accuracy_of_known_lists(items: list[int], relevant: set[int], expected: tuple[float, ...]) -> None:
    found = accuracy(np.array([items], dtype=np.int32), truth_of([relevant], 9))
    assert found[0] == pytest.approx(expected)


def test_coverage_is_the_share_of_available_items_that_are_shown() -> None:
    items = np.array([[0, 1, 2, 3], [0, 1, 2, -1], [0, 1, 5, 4], [0, 1, 2, 3]], dtype=np.int32)
    assert coverage(items, n_available=3) == {
        "value": 2.0,
        "distinct_items": 6,
        "denominator": 3.0,
        "is_bounded_by_users": False,
    }


def test_coverage_of_few_users_is_measured_by_what_they_could_show() -> None:
    items = np.array([[0, 1, 2, 3]], dtype=np.int32)
    found = coverage(items, n_available=1_000)
    assert (found["denominator"], found["is_bounded_by_users"]) == (1.0, True)


def test_diversity_counts_distinct_categories_over_the_length() -> None:
    categories = np.array([0, 0, 1, 2, -1], dtype=np.int32)
    items = np.array([[0, 1, 2, 3], [0, 1, -1, -1], [4, 0, -1, -1], [-1, -1, -1, -1]], dtype=np.int32)
    assert diversity(items, categories) == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)


def test_diversity_needs_categories() -> None:
    assert diversity(np.array([[0, 1]], dtype=np.int32), np.array([-1, -1], dtype=np.int32)) is None


def test_bootstrap_pairs_its_columns_and_repeats_with_its_seed() -> None:
    values = np.random.default_rng(1).normal(size=(300, 1))
    means = bootstrap_means(np.column_stack((values, values + 0.5)), samples=200, seed=7)
    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(200, 0.5))
    np.testing.assert_array_equal(means, bootstrap_means(np.column_stack((values, values + 0.5)), 200, 7))


def test_the_interval_has_the_width_that_theory_says() -> None:
    values = np.random.default_rng(2).normal(size=(2_000, 1))
    low, high = interval(bootstrap_means(values, samples=2_000, seed=3)[:, 0])
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(2_000), rel=0.1)
    assert low < values.mean() < high


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.1, 0.2, "beats"), (-0.1, 0.2, "tied"), (0.0, 0.2, "tied"), (-0.2, -0.1, "loses")]
)
def test_an_interval_that_holds_zero_is_a_tie(low: float, high: float, expected: str) -> None:
    assert verdict(low, high) == expected


def test_ndcg_is_that_of_scikit_learn() -> None:
    """The library wants scores of all items: the list's places from the top, 0 for the rest, no ties among them."""
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(8)
    n, n_items, k = 200, 60, 20
    relevant = [set(rng.choice(n_items, size=int(rng.integers(1, 30)), replace=False).tolist()) for _ in range(n)]
    items = np.array([rng.permutation(n_items)[:k] for _ in range(n)], dtype=np.int32)
    scores = np.zeros((n, n_items))
    np.put_along_axis(scores, items.astype(np.int64), np.arange(k, 0, -1, dtype=float)[None, :], axis=1)
    truth = truth_of(relevant, n_items)
    found = accuracy(items, truth)[:, 0]
    expected = [ndcg_score(truth[row].toarray(), scores[row][None, :], k=k, ignore_ties=True) for row in range(n)]
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert found.mean() == pytest.approx(ndcg_score(truth.toarray(), scores, k=k, ignore_ties=True), abs=1e-6)


def test_recall_is_that_of_plain_python_over_whole_lists() -> None:
    rng = np.random.default_rng(9)
    relevant = [set(rng.choice(60, size=int(rng.integers(1, 30)), replace=False).tolist()) for _ in range(200)]
    items = np.array([rng.permutation(60)[:20] for _ in range(200)], dtype=np.int32)
    expected = [len(set(row.tolist()) & own) / len(own) for row, own in zip(items, relevant, strict=True)]
    assert accuracy(items, truth_of(relevant, 60))[:, 1] == pytest.approx(np.array(expected), abs=1e-6)
