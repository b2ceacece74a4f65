"""Models whose score is history @ S: what they rank, score and explain by is the S that they show."""

from typing import Any

import numpy as np
import pytest
from small_log import N_ITEMS, N_USERS, purchases

from jobs.models.linear import LinearModel
from jobs.models.table import MODELS, default_parameters
from reco_contracts.train_settings import TrainSection

LINEAR = sorted(name for name, model in MODELS.items() if issubclass(model, LinearModel))
EVERY_ITEM = np.tile(np.arange(N_ITEMS, dtype=np.int32), (N_USERS, 1))


@pytest.fixture(params=LINEAR)
def model(request: pytest.FixtureRequest) -> LinearModel[Any]:
    parameters = default_parameters(request.param, TrainSection())
    parameters |= {"half_life_days": 30.0, "weighting": "log"}
    parameters |= {"pure_svd": {"factors": 6}, "spectral": {"factors": 6}, "ease": {"regularization": 5.0}}.get(
        request.param, {}
    )
    made = MODELS[request.param].create(parameters, seed=2, threads=2)
    made.fit(purchases())
    assert isinstance(made, LinearModel)
    return made


def shares(model: LinearModel[Any]) -> np.ndarray:
    """history_uj * S_ji, shape (n_users, own items j, items i)."""
    transposed = model.columns(np.arange(N_ITEMS)).astype(np.float64)
    return model.read_history(purchases()).toarray()[:, :, None] * transposed.T[None]


def test_all_linear_models_are_found() -> None:
    assert LINEAR == ["content", "ease", "item_neighbours", "pure_svd", "spectral"]


def test_a_score_is_the_sum_of_the_shares_of_the_own_items(model: LinearModel[Any]) -> None:
    expected = np.where(model.known, shares(model).sum(axis=1), 0)
    if model.name in {"content", "item_neighbours"}:
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(model.score(purchases(), EVERY_ITEM), expected, rtol=2e-5, atol=2e-6)


def test_lists_are_the_full_sort_of_the_scores_with_ties_by_index(model: LinearModel[Any]) -> None:
    scores = model.score(purchases(), EVERY_ITEM)
    lists = model.recommend(purchases(), N_ITEMS)
    ranks_zero = model.name not in {"content", "item_neighbours"}
    for user in range(N_USERS):
        order = np.lexsort((np.arange(N_ITEMS), -scores[user]))
        expected = [item for item in order if model.known[item] and (ranks_zero or scores[user, item] > 0)]
        assert lists.items[user, : len(expected)].tolist() == expected
        assert (lists.items[user, len(expected) :] == -1).all()


def test_the_reason_is_the_own_item_with_the_largest_share(model: LinearModel[Any]) -> None:
    lists = model.recommend(purchases(), 9)
    found = model.explain(purchases(), lists.items)
    for user, of_user in enumerate(shares(model)):
        for place, item in enumerate(lists.items[user]):
            largest = of_user[:, item].max() if item >= 0 else 0.0
            if largest > 1e-9:
                assert found.contributions[user, place, 0] == pytest.approx(largest, rel=1e-5)
                assert of_user[found.seeds[user, place, 0], item] == pytest.approx(largest, rel=1e-5)
            else:
                assert found.contributions[user, place, 0] <= 0


def test_similar_items_are_what_a_user_with_this_one_item_would_see(model: LinearModel[Any]) -> None:
    items = np.array([7, N_ITEMS - 1, 0], dtype=np.int32)
    lists = model.similar_items(items, 5)
    row = model.columns(np.arange(N_ITEMS))[:, 7].astype(np.float64)
    row[~model.known] = -np.inf
    row[7] = -np.inf
    assert row[lists.items[0]].tolist() == pytest.approx(np.sort(row)[::-1][:5].tolist(), rel=1e-4, abs=1e-6)
    assert (lists.items[1:] >= 0).all(axis=1).tolist() == model.known[items[1:]].tolist()
