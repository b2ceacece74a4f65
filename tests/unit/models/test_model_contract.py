"""What every model of the table must do, on a checkerboard whose right answer is known.

Users and items are black or white, and a user has bought every item of the own
colour but one. The one is the right answer.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jobs.models.base import Model
from jobs.models.table import MODELS, default_parameters, model_class
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, weight_matrix
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.settings import TrainSection

N = 20
PERSONAL = sorted(set(MODELS) - {"popularity"})
MakeModel = Callable[[str], Model]


def bought(cells: list[tuple[int, int]], n_users: int) -> Interactions:
    users, items = np.array(cells, dtype=np.int32).reshape(-1, 2).T
    size = len(cells)
    return Interactions(
        users=users,
        items=items,
        age_days=np.zeros(size, dtype=np.int32),
        weights=np.ones(size),
        is_consumed=np.ones(size, dtype=bool),
        n_users=n_users,
        n_items=N,
    )


def checkerboard() -> Interactions:
    return bought([(u, i) for u in range(N) for i in range(N) if (u + i) % 2 == 0 and u != i], N)


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fitted() -> MakeModel:
    def make(name: str) -> Model:
        parameters = default_parameters(name, TrainSection())
        if "factors" in parameters:
            parameters |= {"factors": 2, "regularization": 0.1, "alpha": 3.0}
        model = model_class(name).create(parameters, seed=3, threads=1)
        model.fit(checkerboard())
        return model

    return make


@pytest.mark.parametrize("name", PERSONAL)
def test_the_missing_square_is_found(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    lists = model.recommend(data, 1, blocked_matrix(data, "forever"))
    assert lists.items[:, 0].tolist() == list(range(N))


@pytest.mark.parametrize("name", PERSONAL)
def test_neighbours_have_the_same_colour_and_never_are_the_item_itself(name: str, fitted: MakeModel) -> None:
    neighbours = fitted(name).similar_items(np.arange(N, dtype=np.int32), 5).items
    assert ((neighbours % 2) == (np.arange(N)[:, None] % 2)).all()
    assert not (neighbours == np.arange(N)[:, None]).any()


@pytest.mark.parametrize("name", PERSONAL)
def test_the_reason_is_an_own_item_of_the_same_colour(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    lists = model.recommend(data, 1, blocked_matrix(data, "forever"))
    seeds = model.explain(data, lists.items).seeds[:, 0]
    own = weight_matrix(data)
    assert all(seed >= 0 and own[user, seed] > 0 for user, seed in enumerate(seeds))


def test_scores_never_rise_and_no_item_comes_twice(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    lists = model.recommend(checkerboard(), N)
    assert (np.diff(lists.scores, axis=1) <= 0).all()
    for row in lists.items:
        used = row[row >= 0]
        assert len(np.unique(used)) == len(used)


def test_blocked_items_and_those_that_are_no_candidates_stay_out(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    candidates = np.arange(N) % 3 != 0
    blocked = blocked_matrix(data, "forever")
    items = model.recommend(data, N, blocked, candidates).items
    for user, row in enumerate(items):
        used = row[row >= 0]
        assert candidates[used].all()
        assert not blocked[user].toarray()[0, used].any()


def test_a_user_who_has_everything_gets_an_empty_list(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    everything = bought([(0, item) for item in range(N)], 1)
    assert (model.recommend(everything, 3, blocked_matrix(everything, "forever")).items == -1).all()


def test_a_user_without_history_breaks_nothing(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    nobody = bought([], 2)
    lists = model.recommend(nobody, 3)
    assert lists.items.shape == (2, 3)
    reasons = model.explain(nobody, lists.items)
    assert (reasons.seeds == -1).all()


def test_a_user_with_one_item_gets_a_full_list(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    one = bought([(0, 4)], 1)
    items = model.recommend(one, 5, blocked_matrix(one, "forever")).items[0]
    assert (items >= 0).all()
    assert 4 not in items


def test_no_user_at_all_gives_no_list(name: str, fitted: MakeModel) -> None:
    lists = fitted(name).recommend(bought([], 0), 3)
    assert lists.items.shape == (0, 3)


def test_a_list_longer_than_the_catalogue_is_padded_at_its_end(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    lists = model.recommend(checkerboard(), N + 7)
    assert lists.items.shape == (N, N + 7)
    used = lists.items >= 0
    assert (used.sum(axis=1) == N).all()
    assert not used[:, N:].any()


def test_the_same_seed_gives_the_same_lists_with_any_number_of_threads(name: str) -> None:
    results = []
    for threads in (1, 2, 2):
        model = model_class(name).create(default_parameters(name, TrainSection()), seed=5, threads=threads)
        model.fit(checkerboard())
        results.append(model.recommend(checkerboard(), 6))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].items, other.items)
        np.testing.assert_array_equal(results[0].scores, other.scores)


def test_a_saved_model_answers_as_before(name: str, fitted: MakeModel, tmp_path: Path) -> None:
    model = fitted(name)
    model.save(tmp_path)
    again = model_class(name).load(tmp_path, model.parameters, threads=1)
    data = checkerboard()
    np.testing.assert_array_equal(model.recommend(data, 5).items, again.recommend(data, 5).items)


def test_a_folder_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="train again"):
        model_class(name).load(tmp_path, default_parameters(name, TrainSection()), threads=1)


def test_the_defaults_make_a_model_that_says_them(name: str) -> None:
    parameters = default_parameters(name, TrainSection())
    assert dict(model_class(name).create(parameters, seed=0, threads=1).parameters) == parameters


def test_a_score_is_what_lists_are_ranked_by(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    lists = model.recommend(data, 5)
    np.testing.assert_allclose(model.score(data, lists.items), lists.scores, rtol=1e-5, atol=1e-6)
    assert not model.score(data, np.full((N, 2), -1, dtype=np.int32)).any()


def test_a_user_asked_for_alone_gets_the_same_list(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    alone = data.of_users(np.array([7, 2], dtype=np.int64))
    np.testing.assert_array_equal(model.recommend(alone, 5).items, model.recommend(data, 5).items[[7, 2]])


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="als, popularity"):
        model_class("oracle")
