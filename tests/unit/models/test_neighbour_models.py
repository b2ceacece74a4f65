"""Neighbours against dense formulas, and against the library's own recommenders."""

from typing import Any

import numpy as np
import pytest
from implicit.nearest_neighbours import CosineRecommender, TFIDFRecommender, bm25_weight
from small_log import N_ITEMS, N_USERS, purchases

from jobs.models.base import Signal
from jobs.models.item_neighbours import ItemNeighbourParameters, ItemNeighboursModel
from jobs.models.user_neighbours import UserNeighbourParameters, UserNeighboursModel


def item_model(**parameters: Any) -> ItemNeighboursModel:
    defaults = {"weighting": "linear", "neighbours": N_ITEMS, "shrinkage": 0.0}
    model = ItemNeighboursModel(ItemNeighbourParameters(**(defaults | parameters)))
    model.fit(purchases())
    return model


def user_model(**parameters: Any) -> UserNeighboursModel:
    model = UserNeighboursModel(UserNeighbourParameters(**({"weighting": "linear"} | parameters)))
    model.fit(purchases())
    return model


def dense(model: ItemNeighboursModel | UserNeighboursModel) -> np.ndarray:
    return model.read_history(purchases()).toarray().astype(np.float64)


def cosines(rows: np.ndarray, shrinkage: float = 0.0) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1)
    below = np.outer(lengths, lengths) + shrinkage
    return np.divide(rows @ rows.T, below, out=np.zeros_like(below), where=below > 0)


def keep_best(row: np.ndarray, n: int) -> np.ndarray:
    """The n largest positive entries, ties by index; zeros elsewhere."""
    best = np.lexsort((np.arange(len(row)), -row))[:n]
    kept = np.zeros_like(row)
    kept[best] = np.maximum(row[best], 0)
    return kept


@pytest.mark.parametrize(("shrinkage", "neighbours"), [(0.0, 3), (25.0, 3), (25.0, N_ITEMS)])
def test_items_keep_their_nearest_by_shrunk_cosine_and_themselves(shrinkage: float, neighbours: int) -> None:
    model = item_model(shrinkage=shrinkage, neighbours=neighbours)
    likeness = cosines(dense(model).T, shrinkage)
    itself = np.diag(likeness).copy()
    np.fill_diagonal(likeness, 0)
    expected = np.array([keep_best(row, neighbours) for row in likeness]) + np.diag(itself)
    np.testing.assert_allclose(model.similarity.toarray(), expected, rtol=1e-5, atol=1e-7)


def test_shrinkage_takes_from_likeness_that_rests_on_little() -> None:
    plain, shrunk = item_model(), item_model(shrinkage=25.0)
    lengths = np.linalg.norm(dense(plain), axis=0)
    rest = lengths[3] * lengths[5] / (lengths[3] * lengths[5] + 25.0)
    assert shrunk.similarity[3, 5] == pytest.approx(plain.similarity[3, 5] * rest, rel=1e-4)


@pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")  # the library warns of its own matrices
@pytest.mark.parametrize(("kind", "library"), [("none", CosineRecommender), ("tfidf", TFIDFRecommender)])
def test_without_shrinkage_the_lists_are_those_of_the_library(kind: str, library: type[Any]) -> None:
    model = item_model(feature_weighting=kind)
    theirs = library(K=N_ITEMS)
    histories = model.read_history(purchases())
    with np.errstate(invalid="ignore"):  # it divides by the length of an item that nobody has
        theirs.fit(histories.astype(np.float64), show_progress=False)
    lists = model.recommend(purchases(), 10, histories)
    for user in range(N_USERS):
        items, scores = theirs.recommend(user, histories[user].astype(np.float64), N=10)
        np.testing.assert_allclose(lists.scores[user], scores, rtol=1e-4)
        assert lists.items[user].tolist() == items.tolist()


def test_bm25_weighs_items_by_the_library_before_the_cosine() -> None:
    model = item_model(feature_weighting="bm25", shrinkage=2.0)
    weighted = bm25_weight(model.read_history(purchases()).T, 1.2, 0.75).toarray()
    np.testing.assert_allclose(model.similarity.toarray(), np.maximum(cosines(weighted, 2.0), 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("neighbours", "shrinkage"), [(N_USERS, 0.0), (4, 0.0), (4, 10.0)])
def test_users_are_served_what_their_nearest_chose(neighbours: int, shrinkage: float) -> None:
    model = user_model(neighbours=neighbours, shrinkage=shrinkage)
    histories = dense(model)
    likeness = np.array([keep_best(row, neighbours) for row in cosines(histories, shrinkage)])
    every_item = np.tile(np.arange(N_ITEMS, dtype=np.int32), (N_USERS, 1))
    np.testing.assert_allclose(model.score(purchases(), every_item), likeness @ histories, rtol=1e-4, atol=1e-6)


def test_a_users_items_share_a_score_as_they_make_neighbours_alike() -> None:
    model = user_model(neighbours=7, shrinkage=3.0)
    data, lists = purchases(), model.recommend(purchases(), 5)
    histories, found = dense(model), model.explain(data, lists.items, N_ITEMS)
    lengths, likeness = np.linalg.norm(histories, axis=1), cosines(histories, 3.0)
    for user in range(N_USERS):
        nearest = np.flatnonzero(keep_best(likeness[user], 7))
        scale = 1 / (lengths[user] * lengths[nearest] + 3.0)
        expected = histories[user][:, None] * np.einsum(
            "v,vj,vi->ji", scale, histories[nearest], histories[nearest][:, lists.items[user]]
        )
        shares = np.zeros_like(expected)
        rows, places = np.nonzero(found.seeds[user] >= 0)
        shares[found.seeds[user][rows, places], rows] = found.contributions[user][rows, places]
        np.testing.assert_allclose(shares, expected, rtol=1e-4, atol=1e-7)
        assert (found.signals[user][rows, places] == Signal.PEOPLE).all()


def test_items_are_alike_whose_users_are() -> None:
    model = user_model()
    likeness = cosines(dense(model).T)
    np.fill_diagonal(likeness, 0)
    lists = model.similar_items(np.array([3, 8], dtype=np.int32), 4)
    np.testing.assert_allclose(lists.scores, np.sort(likeness[[3, 8]], axis=1)[:, ::-1][:, :4], rtol=1e-5)
