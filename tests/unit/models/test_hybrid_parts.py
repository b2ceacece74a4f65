"""The parts of a hybrid: the inner cut, the union of lists, and the blend."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.models.base import TopK
from jobs.models.hybrid_candidates import lists_of_own_items, lists_of_top_k, source_values, union_of
from jobs.models.hybrid_features import PAIR_FEATURES, item_habits, pair_features
from jobs.models.hybrid_groups import Groups, OrderJudge
from jobs.models.hybrid_holdout import hold_out, users_with
from jobs.models.hybrid_rankers import LinearBlend, fit_blend
from jobs.ranking.interaction_matrix import Interactions


def history(rows: list[tuple[int, int, int]], n_users: int, n_items: int) -> Interactions:
    """Purchases: user, item, age."""
    ordered = sorted(rows, key=lambda row: (row[0], row[1], -row[2]))
    users, items, ages = np.array(ordered, dtype=np.int32).reshape(-1, 3).T
    size = len(users)
    return Interactions(users, items, ages, np.full(size, 8.0), np.ones(size, dtype=bool), n_users, n_items)


def test_a_cut_by_time_knows_nothing_of_the_period() -> None:
    data = history([(u, i, age) for u in range(10) for i, age in enumerate((0, 9, 10, 39))], 10, 5)
    cut = hold_out(data, days=10, seed=1)
    assert sorted(set(cut.known.age_days.tolist())) == [0, 29]
    assert sorted(set(cut.known.items.tolist())) == [2, 3]
    assert cut.truth.toarray().tolist() == [[1, 1, 0, 0, 0]] * 10


def test_a_period_is_at_most_a_quarter_of_the_log() -> None:
    data = history([(u, i, age) for u in range(10) for i, age in enumerate((0, 9, 10, 39))], 10, 5)
    np.testing.assert_array_equal(
        hold_out(data, days=56, seed=1).truth.toarray(), hold_out(data, days=10, seed=1).truth.toarray()
    )


def test_users_who_are_seldom_there_lose_their_last_fifth() -> None:
    """Nobody is active on both sides of a cut by time; of each user's ten rows the newest two are held out."""
    data = history([(u, i, 100 * u + 10 - i) for u in range(10) for i in range(10)], 10, 10)
    cut = hold_out(data, days=5, seed=1)
    assert np.diff(cut.truth.indptr).tolist() == [2] * 10
    assert cut.truth.toarray()[:, 8:].all()
    assert len(cut.known.users) == 80


def test_without_dates_a_random_fifth_is_held_out_and_the_seed_decides() -> None:
    data = history([(u, i, 0) for u in range(30) for i in range(10)], 30, 10)
    one, same, other = (hold_out(data, days=5, seed=seed).truth.toarray() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.sum(axis=1).tolist() == [2] * 30
    assert (one.sum(axis=0) > 0).all()


def test_what_was_had_before_is_no_new_item() -> None:
    data = history([(u, 0, 30) for u in range(10)] + [(u, i, 1) for u in range(10) for i in (0, 1)], 10, 3)
    cut = hold_out(data, days=5, seed=1)
    assert cut.truth.toarray().tolist() == [[1, 1, 0]] * 10
    assert cut.new_truth.toarray().tolist() == [[0, 1, 0]] * 10
    assert cut.repeat_share == pytest.approx(0.5)
    assert users_with(cut.new_truth).tolist() == list(range(10))


def test_a_list_is_brought_to_one_scale() -> None:
    lists = TopK(
        np.array([[4, 2, 0], [1, 3, -1]], dtype=np.int32),
        np.array([[9.0, 5.0, 5.0], [7.0, 7.0, 0.0]], dtype=np.float32),
    )
    found = lists_of_top_k(lists, n_items=5)
    assert found.cells.tolist() == [0, 2, 4, 6, 8]
    assert found.scores.tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_allclose(found.ranks, [1 / np.log2(3), 1 / np.log2(3), 1, 1, 1], rtol=1e-6)


def test_own_items_are_in_order_of_weight_without_what_is_blocked() -> None:
    data = history([(0, 1, 0), (0, 2, 0), (0, 2, 5), (0, 3, 400), (1, 0, 0)], 2, 4)
    allowed = np.array([True, True, True, False])
    found = lists_of_own_items(data, 5, 90.0, candidates=allowed)
    assert found.cells.tolist() == [1, 2, 4]
    assert found.scores.tolist() == [0, 1, 1]


def test_a_source_has_nothing_to_say_of_what_it_does_not_list() -> None:
    first = lists_of_top_k(TopK(np.array([[0, 1]], np.int32), np.array([[2.0, 1.0]], np.float32)), 4)
    second = lists_of_top_k(TopK(np.array([[3, -1]], np.int32), np.array([[5.0, 0.0]], np.float32)), 4)
    nobody = lists_of_top_k(TopK(np.array([[-1]], np.int32), np.zeros((1, 1), np.float32)), 4)
    cells = union_of([first, second, nobody])
    assert cells.tolist() == [0, 1, 3]
    values = source_values(cells, [first, second, nobody])
    assert values[:, 0].tolist() == [1, 0, 0]
    assert values[:, 2].tolist() == [0, 0, 1]
    assert not values[:, 4:].any()


def test_cross_features_are_those_of_the_own_history() -> None:
    data = history([(0, 1, 20), (0, 1, 10), (0, 2, 3), (1, 2, 4)], 2, 4)
    cells = np.array([1, 2, 3, 5], dtype=np.int64)
    values = dict(zip(PAIR_FEATURES, pair_features(cells, data, item_habits(data)).T, strict=True))
    assert values["own_days"].tolist() == [2, 1, 0, 0]
    np.testing.assert_array_equal(values["own_days_since_last"], [10, 3, np.nan, np.nan])
    np.testing.assert_array_equal(values["own_share_of_gap"], [1, np.nan, np.nan, np.nan])
    assert values["item_users"].tolist() == [1, 2, 0, 1]
    assert values["item_repeat_share"].tolist() == [1, 0, 0, 1]
    assert values["user_items"].tolist() == [2, 2, 2, 1]
    assert np.isnan(values["category_share"]).all()


def noisy_groups(n_users: int, seed: int) -> Groups:
    """Twenty candidates a user, two right ones; column 0 knows them better than column 1, column 2 guesses."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_users, 20), dtype=bool)
    labels[:, :2] = True
    noise = rng.random((n_users, 20, 3))
    values = noise + labels[:, :, None] * np.array([0.6, 0.4, 0.0])
    flat = values.reshape(-1, 3).astype(np.float32)
    return Groups(flat, labels.ravel(), np.full(n_users, 20), np.full(n_users, 2))


def quality(blend: LinearBlend, groups: Groups) -> float:
    judge = OrderJudge(groups)
    return float(judge.ndcg(judge.laid_out(blend.predict(groups.values))).mean())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_users", [3, 40, 200])
def test_a_blend_is_never_worse_than_its_best_source_on_its_own_groups(n_users: int, seed: int) -> None:
    groups = noisy_groups(n_users, seed)
    best = max(quality(LinearBlend(row), groups) for row in np.eye(3, dtype=np.float32))
    assert quality(fit_blend(groups, 3, seed), groups) >= best


def test_a_blend_of_two_good_sources_is_better_than_either_on_others() -> None:
    blend, others = fit_blend(noisy_groups(400, 1), 3), noisy_groups(2_000, 2)
    assert quality(blend, others) > max(quality(LinearBlend(row), others) for row in np.eye(3, dtype=np.float32)) + 0.02
    assert blend.weights[2] < blend.weights[1] < blend.weights[0]


def test_ndcg_of_an_order_is_that_of_the_definition() -> None:
    """Hits at places 1 and 3 of two that there are; and one of a user whose second right item is no candidate."""
    groups = Groups(
        np.zeros((7, 1), dtype=np.float32),
        np.array([True, False, True, False, False, True, False]),
        np.array([4, 3]),
        np.array([2, 2]),
    )
    judge = OrderJudge(groups)
    scores = np.array([9, 8, 7, 6, 5, 4, 3], dtype=np.float32)
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(judge.ndcg(judge.laid_out(scores)), [1.5 / ideal, 1 / np.log2(3) / ideal], rtol=1e-12)


def test_users_without_a_hit_teach_nothing_but_count() -> None:
    groups = noisy_groups(10, 1)
    missed = replace(groups, labels=groups.labels & (np.arange(200) < 100))
    assert len(missed.with_hits().lengths) == 5
    np.testing.assert_array_equal(fit_blend(missed, 3).weights, fit_blend(missed.with_hits(), 3).weights)
