"""Content mapped into factor space, on catalogues whose right answer is known."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jobs.models.als import AlsModel, AlsParameters
from jobs.models.content_factors import MIN_USERS, blend_with_content, content_factors, tf_idf
from jobs.ranking.explain_als import contribution_shares
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.item_content import ItemContent

# Two shelves and two makers; one word of each describes an item, and the last two items are new.
SHELF = np.array([0, 1] * 20 + [0, 1])
MAKER = np.array([0, 0, 1, 1] * 10 + [0, 1])
N_ITEMS, NEW = len(SHELF), np.array([40, 41])


def words_of(shelf: np.ndarray, maker: np.ndarray) -> csr_matrix:
    dense = np.zeros((len(shelf), 4), dtype=np.float32)
    dense[np.arange(len(shelf)), shelf] = 1
    dense[np.arange(len(shelf)), 2 + maker] = 1
    return csr_matrix(dense)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def test_factors_that_follow_from_words_are_found_for_items_without_users() -> None:
    rng = np.random.default_rng(3)
    of_shelf, of_maker = rng.standard_normal((2, 2, 6)).astype(np.float32)
    truth = of_shelf[SHELF] + of_maker[MAKER]
    users = np.full(N_ITEMS, 50)
    users[NEW] = 0
    learned = truth.copy()
    learned[NEW] = 0
    found = content_factors(learned, users, words_of(SHELF, MAKER), regularization=1e-4)
    for item in NEW:
        assert cosine(found[item], truth[item]) > 0.9999
        # The new items themselves count as 0 in the scale: two of 42.
        assert 0.9 < np.linalg.norm(found[item]) / np.linalg.norm(truth[item]) < 1


def test_a_catalogue_of_items_that_nobody_wants_makes_content_say_little() -> None:
    shelf, maker = np.tile(SHELF, 5), np.tile(MAKER, 5)
    users = np.zeros(len(shelf), dtype=np.int64)
    users[:40] = 50
    learned = np.zeros((len(shelf), 3), dtype=np.float32)
    learned[:40] = 1 + shelf[:40, None]
    found = content_factors(learned, users, words_of(shelf, maker), regularization=1e-4)
    shares = np.linalg.norm(found[40:], axis=1) / (np.sqrt(3) * (1 + shelf[40:]))
    assert shares.max() < 0.4


def test_few_users_move_an_item_from_its_content_to_its_own_taste() -> None:
    rng = np.random.default_rng(4)
    factors = rng.standard_normal((N_ITEMS, 4)).astype(np.float32)
    users = np.full(N_ITEMS, 400)
    users[NEW] = (0, 2)
    words = words_of(SHELF, MAKER)
    said = content_factors(factors, users, words, 1.0)
    blended = blend_with_content(factors, users, words, content_users=6, regularization=1.0)
    np.testing.assert_allclose(blended[40], said[40], atol=1e-6)
    np.testing.assert_allclose(blended[41], (2 * factors[41] + 6 * said[41]) / 8, atol=1e-6)
    np.testing.assert_allclose(blended[:40], (400 * factors[:40] + 6 * said[:40]) / 406, atol=1e-6)


def test_without_weight_words_or_known_items_nothing_changes() -> None:
    factors = np.ones((N_ITEMS, 3), dtype=np.float32)
    users = np.full(N_ITEMS, 9)
    silent = csr_matrix((N_ITEMS, 4), dtype=np.float32)
    np.testing.assert_array_equal(blend_with_content(factors, users, words_of(SHELF, MAKER), 0, 1.0), factors)
    np.testing.assert_array_equal(blend_with_content(factors, users, silent, 5, 1.0), factors)
    few = np.full(N_ITEMS, MIN_USERS - 1)
    np.testing.assert_array_equal(blend_with_content(factors, few, words_of(SHELF, MAKER), 5, 1.0), factors)


def test_a_word_of_few_items_weighs_more_and_rows_have_length_one() -> None:
    counts = np.array([[2, 0, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=np.float32)
    rarity = np.log(4 / (1 + np.array([3, 1, 1]))) + 1
    expected = counts * rarity
    expected[:3] /= np.linalg.norm(expected[:3], axis=1, keepdims=True)
    found = tf_idf(csr_matrix(counts), np.arange(3)).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def two_tastes() -> Interactions:
    """Users buy eight items of their own shelf each; items 40 and 41 are in the catalogue, and nobody knows them."""
    rng = np.random.default_rng(6)
    cells = [(user, item) for user in range(60) for item in np.sort(rng.choice(20, 8, replace=False)) * 2 + user % 2]
    users, items = np.array(cells, dtype=np.int32).T
    content = ItemContent(words_of(SHELF, MAKER), ("a", "b", "c", "d"), SHELF.astype(np.int32))
    size = len(cells)
    return Interactions(
        users=users,
        items=items,
        age_days=np.zeros(size, dtype=np.int32),
        weights=np.ones(size),
        is_consumed=np.ones(size, dtype=bool),
        n_users=60,
        n_items=N_ITEMS,
        content=content,
    )


@pytest.fixture(scope="module")
def model() -> AlsModel:
    fitted = AlsModel(AlsParameters(factors=4, regularization=0.5, content_users=3), seed=1)
    fitted.fit(two_tastes())
    return fitted


def test_a_new_item_is_recommended_to_those_who_like_its_content(model: AlsModel) -> None:
    scores = model.score(two_tastes(), np.tile(NEW.astype(np.int32), (60, 1)))
    own, other = scores[np.arange(60), np.arange(60) % 2], scores[np.arange(60), 1 - np.arange(60) % 2]
    assert (own > other + 0.3).all()
    assert set(NEW) <= set(np.unique(model.recommend(two_tastes(), N_ITEMS).items))


def test_a_new_item_does_not_crowd_out_what_people_choose(model: AlsModel) -> None:
    first = model.recommend(two_tastes(), 8).items
    assert np.isin(first, NEW).mean() < 0.15


def test_neighbours_of_a_new_item_are_of_its_shelf(model: AlsModel) -> None:
    neighbours = model.similar_items(NEW.astype(np.int32), 5).items
    assert (SHELF[neighbours] == SHELF[NEW][:, None]).all()


def test_shares_of_an_explanation_sum_to_the_score_of_a_new_item_too(model: AlsModel) -> None:
    items = np.tile(NEW.astype(np.int32), (60, 1))
    scores = model.score(two_tastes(), items)
    confidences = model.confidences(model.weights(two_tastes()))
    for rows, _, shares in contribution_shares(model.item_factors, confidences, 0.5, items):
        assert shares.sum(axis=2) == pytest.approx(scores[rows], abs=1e-4)


def test_a_user_folded_in_equals_the_same_user_in_training_with_content_too(model: AlsModel) -> None:
    histories = model.weights(two_tastes())
    np.testing.assert_array_equal(model.fold_in(histories[17]), model.fold_in(histories)[17:18])


def test_without_content_an_item_that_nobody_chose_stays_out() -> None:
    plain = AlsModel(AlsParameters(factors=4, regularization=0.5, content_users=0), seed=1)
    plain.fit(two_tastes())
    assert not set(NEW) & set(np.unique(plain.recommend(two_tastes(), N_ITEMS).items))
