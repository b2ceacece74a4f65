"""ALS against its own definition, in plain NumPy."""

import msgspec
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from small_log import N_ITEMS, N_USERS, purchases

from jobs.models.als import AlsModel, AlsParameters
from jobs.ranking.explain_als import best_contributors, contribution_shares
from reco_contracts.errors import ContractError


@pytest.fixture(params=["linear", "log"])
def model(request: pytest.FixtureRequest) -> AlsModel:
    parameters = AlsParameters(factors=8, regularization=0.5, alpha=4.0, half_life_days=30.0, weighting=request.param)
    fitted = AlsModel(parameters, seed=2)
    fitted.fit(purchases())
    return fitted


def normal_equations(model: AlsModel, confidences: np.ndarray, regularization: float) -> np.ndarray:
    """Hu et al., equation 4, for one user: dense confidences, 1 where nothing was done."""
    factors = model.item_factors.astype(np.float64)
    preference = (confidences > 0).astype(float)
    confidence = np.where(confidences > 0, confidences, 1.0)
    left = factors.T @ (confidence[:, None] * factors) + regularization * np.eye(factors.shape[1])
    return np.linalg.solve(left, factors.T @ (confidence * preference))


def test_confidence_is_one_and_alpha_times_the_relative_weight() -> None:
    model = AlsModel(AlsParameters(alpha=4.0))
    model.mean_weight = 2.0
    weights = csr_matrix(np.array([[2.0, 0.0, 6.0]], dtype=np.float32))
    assert model.confidences(weights).toarray().tolist() == [[5.0, 0.0, 13.0]]


def test_log_weighting_grows_slower() -> None:
    model = AlsModel(AlsParameters(alpha=4.0, weighting="log"))
    weights = csr_matrix(np.array([[1.0, 9.0]], dtype=np.float32))
    assert model.confidences(weights).data == pytest.approx([1 + 4 * np.log(2), 1 + 4 * np.log(10)])


def test_old_interactions_count_less(model: AlsModel) -> None:
    data = purchases()
    cells = model.weights(data)[data.users, data.items].A1
    assert cells == pytest.approx(data.weights * 0.5 ** (data.age_days / 30), rel=1e-5)


def test_user_factors_solve_the_normal_equations_of_the_paper(model: AlsModel) -> None:
    confidences = model.confidences(model.weights(purchases())).toarray()
    user_factors = model.fold_in(model.weights(purchases()))
    for user in range(N_USERS):
        expected = normal_equations(model, confidences[user], 0.5)
        assert user_factors[user] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_a_user_folded_in_alone_equals_the_same_user_among_others(model: AlsModel) -> None:
    histories = model.weights(purchases())
    np.testing.assert_array_equal(model.fold_in(histories[17]), model.fold_in(histories)[17:18])


def test_an_item_that_nobody_chose_is_never_recommended(model: AlsModel) -> None:
    lists = model.recommend(purchases(), N_ITEMS)
    assert (N_ITEMS - 1) not in lists.items
    assert (model.similar_items(np.array([N_ITEMS - 1], dtype=np.int32), 3).items == -1).all()


def test_shares_of_an_explanation_sum_to_the_score(model: AlsModel) -> None:
    histories = model.weights(purchases())
    lists = model.recommend(purchases(), 7)
    explained = set()
    for rows, _, shares in contribution_shares(model.item_factors, model.confidences(histories), 0.5, lists.items):
        assert shares.sum(axis=2) == pytest.approx(lists.scores[rows], abs=1e-4)
        explained |= set(rows.tolist())
    assert explained == set(np.flatnonzero(np.diff(histories.indptr)).tolist())


def test_each_share_is_the_one_of_the_paper(model: AlsModel) -> None:
    histories = model.weights(purchases())
    confidences = model.confidences(histories)
    factors = model.item_factors.astype(np.float64)
    items = np.array([[3, 5, -1]] * N_USERS, dtype=np.int32)
    for rows, history, shares in contribution_shares(model.item_factors, confidences, 0.5, items):
        user, own = int(rows[0]), history[0][history[0] >= 0]
        dense = confidences[user].toarray()[0]
        left = factors.T @ (np.where(dense > 0, dense, 1.0)[:, None] * factors) + 0.5 * np.eye(8)
        expected = factors[[3, 5]] @ np.linalg.inv(left) @ (dense[own][:, None] * factors[own]).T
        assert shares[0, :2, : len(own)] == pytest.approx(expected, abs=1e-8)
        assert not shares[0, 2].any()


def test_the_seed_has_the_largest_share_and_belongs_to_the_user(model: AlsModel) -> None:
    histories = model.weights(purchases())
    confidences = model.confidences(histories)
    lists = model.recommend(purchases(), 5)
    found = best_contributors(model.item_factors, confidences, 0.5, lists.items).seeds[:, :, 0]
    for rows, history, shares in contribution_shares(model.item_factors, confidences, 0.5, lists.items):
        for place, row in enumerate(rows):
            best = history[place][shares[place].argmax(axis=1)]
            np.testing.assert_array_equal(found[row], best)
            assert set(found[row]) <= set(histories[row].indices)


def test_what_speaks_against_an_item_is_no_less_part_of_its_score() -> None:
    factors = np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)
    confidences = csr_matrix(np.array([[3.0, 0.0]], dtype=np.float32))
    found = best_contributors(factors, confidences, 0.1, np.array([[1, 0]], dtype=np.int32))
    assert found.seeds.tolist() == [[[0], [0]]]
    assert found.contributions[0, 0, 0] < 0 < found.contributions[0, 1, 0]


def test_a_regularised_fit_does_not_depend_on_where_it_starts() -> None:
    lists = []
    for seed in (1, 2):
        model = AlsModel(AlsParameters(factors=4, regularization=20.0, iterations=60), seed=seed)
        model.fit(purchases())
        lists.append(model.recommend(purchases(), 5).scores)
    np.testing.assert_allclose(lists[0], lists[1], atol=0.02)


def test_factors_of_another_width_are_refused(tmp_path_factory: pytest.TempPathFactory, model: AlsModel) -> None:
    folder = tmp_path_factory.mktemp("als")
    model.save(folder)
    parameters = msgspec.structs.asdict(AlsParameters(factors=16))
    with pytest.raises(ContractError, match=r"\(40, 8\)"):
        AlsModel.load(folder, parameters, threads=1)
