"""What every model of the table must do, on a checkerboard whose right answer is known.

Users and items are black or white, and a user has bought every item of the own
colour but one. The one is the right answer. An item is described by its colour.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jobs.models import block_size
from jobs.models.base import Asked, Model, Signal
from jobs.models.table import MODELS, default_parameters, model_class
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix, weight_matrix
from jobs.ranking.item_content import ItemContent
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.train_settings import TrainSection

N = 20
PERSONAL = sorted(set(MODELS) - {"popularity"})
# Those that show an item that nobody has, where its words say what it is like.
BY_WORDS = {"als", "content", "hybrid"}
# Those that have something for a user without history.
FOR_ANYBODY = {"popularity"}
# Those that rank an item only where something links it with the history.
BY_LINKS = {"item_neighbours", "user_neighbours", "content"}
MakeModel = Callable[[str], Model]


def coloured(n_items: int) -> ItemContent:
    colours = np.arange(n_items) % 2
    words = csr_matrix((np.ones(n_items, dtype=np.float32), (np.arange(n_items), colours)), shape=(n_items, 2))
    return ItemContent(words, ("black", "white"), colours.astype(np.int32))


def bought(cells: list[tuple[int, int]], n_users: int, n_items: int = N) -> Interactions:
    users, items = np.array(cells, dtype=np.int32).reshape(-1, 2).T
    size = len(cells)
    return Interactions(
        users=users,
        items=items,
        age_days=np.zeros(size, dtype=np.int32),
        weights=np.ones(size),
        is_consumed=np.ones(size, dtype=bool),
        n_users=n_users,
        n_items=n_items,
        segments=np.array([("black", "white")[user % 2] for user in range(n_users)], dtype=np.str_),
        content=coloured(n_items),
    )


def checkerboard(n_items: int = N) -> Interactions:
    """Items beyond the N squares are of some colour, and nobody has them."""
    return bought([(u, i) for u in range(N) for i in range(N) if (u + i) % 2 == 0 and u != i], N, n_items)


def fit(name: str, data: Interactions, threads: int = 1) -> Model:
    parameters = default_parameters(name, TrainSection())
    parameters |= {"als": {"factors": 2, "regularization": 0.1, "alpha": 3.0}, "pure_svd": {"factors": 2}}.get(name, {})
    model = model_class(name).create(parameters, seed=3, threads=threads)
    model.fit(data)
    return model


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fitted() -> MakeModel:
    return lambda name: fit(name, checkerboard())


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
    seeds = model.explain(data, lists.items).seeds[:, 0, 0]
    own = weight_matrix(data)
    assert all(seed >= 0 and own[user, seed] > 0 for user, seed in enumerate(seeds))


@pytest.mark.parametrize("is_blocked", [True, False])
def test_all_contributors_together_are_the_score(name: str, fitted: MakeModel, is_blocked: bool) -> None:
    model, data = fitted(name), checkerboard()
    asked = Asked(5, blocked_matrix(data, "forever") if is_blocked else None)
    lists = model.recommend(data, *asked)
    parts = model.explain(data, lists.items, N + 5, asked)
    assert model.is_exact
    assert (parts.signals[lists.scores != 0][:, 0] != Signal.NONE).all()
    np.testing.assert_allclose(parts.contributions.sum(axis=2, dtype=np.float64), lists.scores, rtol=1e-5, atol=1e-6)


def test_contributors_come_largest_first_and_fewer_are_the_first_of_all(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    lists = model.recommend(data, 5)
    parts = model.explain(data, lists.items, N + 5)
    used = parts.signals != Signal.NONE
    assert (np.diff(used.astype(int), axis=2) <= 0).all()
    assert (np.diff(parts.contributions, axis=2) <= 0)[used[:, :, 1:]].all()
    assert (parts.contributions[used] != 0).all()
    assert (parts.seeds[~used] == -1).all()
    for few, whole in zip(model.explain(data, lists.items, 3), parts, strict=True):
        np.testing.assert_array_equal(few, whole[:, :, :3])


def test_what_is_explained_is_what_was_asked_for_in_any_order_and_with_padding(name: str, fitted: MakeModel) -> None:
    model, data = fitted(name), checkerboard()
    lists = model.recommend(data, 5)
    turned = np.concatenate((lists.items[:, ::-1], np.full((N, 2), -1, dtype=np.int32)), axis=1)
    parts, others = model.explain(data, lists.items, 4), model.explain(data, turned, 4)
    for whole, part in zip(others, parts, strict=True):
        np.testing.assert_array_equal(whole[:, :5], part[:, ::-1])
    assert (others.signals[:, 5:] == Signal.NONE).all()


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
    assert (lists.items == -1).all() == (name not in FOR_ANYBODY)
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
    assert (used.sum(axis=1) == (N // 2 if name in BY_LINKS else N)).all()
    assert (np.diff(used.astype(int), axis=1) <= 0).all()


def test_the_same_seed_gives_the_same_lists_with_any_number_of_threads(name: str) -> None:
    results = [fit(name, checkerboard(), threads).recommend(checkerboard(), 6) for threads in (1, 2, 2)]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].items, other.items)
        np.testing.assert_array_equal(results[0].scores, other.scores)


def test_the_size_of_blocks_changes_no_list(name: str, fitted: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, data = fitted(name), checkerboard()
    monkeypatch.setattr(block_size, "block_numbers", lambda: 3 * N)
    parts = fit(name, data)
    np.testing.assert_array_equal(parts.recommend(data, 5).items, whole.recommend(data, 5).items)
    items = np.arange(N, dtype=np.int32)
    np.testing.assert_array_equal(parts.similar_items(items, 5).items, whole.similar_items(items, 5).items)
    lists = whole.recommend(data, 5).items
    np.testing.assert_array_equal(parts.explain(data, lists).seeds, whole.explain(data, lists).seeds)


def test_a_saved_model_answers_as_before(name: str, fitted: MakeModel, tmp_path: Path) -> None:
    model = fitted(name)
    model.save(tmp_path)
    again = model_class(name).load(tmp_path, model.parameters, threads=1)
    data = checkerboard()
    np.testing.assert_array_equal(model.recommend(data, 5).items, again.recommend(data, 5).items)


def test_a_folder_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="train again"):
        model_class(name).load(tmp_path, default_parameters(name, TrainSection()), threads=1)


def test_a_file_that_was_cut_off_is_refused(name: str, fitted: MakeModel, tmp_path: Path) -> None:
    model = fitted(name)
    model.save(tmp_path)
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ContractError, match="train again"):
        model_class(name).load(tmp_path, model.parameters, threads=1)


def test_rows_of_the_same_user_and_item_add_up(name: str, fitted: MakeModel) -> None:
    once = checkerboard()
    twice = replace(
        once,
        **{field: np.repeat(getattr(once, field), 2) for field in ("users", "items", "age_days", "is_consumed")},
        weights=np.repeat(once.weights / 2, 2),
    )
    lists, same = fitted(name).recommend(once, 5), fit(name, twice).recommend(twice, 5)
    np.testing.assert_array_equal(lists.items, same.items)
    np.testing.assert_array_equal(lists.scores, same.scores)


@pytest.mark.parametrize("has_words", [True, False])
def test_an_item_that_nobody_has_is_in_no_list_unless_its_words_say_what_it_is_like(name: str, has_words: bool) -> None:
    data, new = checkerboard(N + 1), np.full((N, 1), N, dtype=np.int32)
    data = data if has_words else replace(data, content=None)
    model = fit(name, data)
    is_shown = (model.recommend(data, N + 1, blocked_matrix(data, "forever")).items == N).any(axis=1)
    is_alike = np.arange(N) % 2 == N % 2
    neighbours = model.similar_items(np.array([N], dtype=np.int32), 3).items
    if has_words and name in BY_WORDS:
        assert is_shown[is_alike].all()
        assert (neighbours[neighbours >= 0] % 2 == N % 2).all()
    else:
        assert not is_shown.any()
        assert not model.score(data, new).any()
        assert (neighbours == -1).all()


def test_a_user_whom_the_model_never_saw_gets_the_list_of_a_user_with_the_same_history(
    name: str, fitted: MakeModel
) -> None:
    model, data = fitted(name), checkerboard()
    stranger = bought([(0, item) for item in range(N) if item % 2 == 1 and item != 7], 1)
    stranger = replace(stranger, segments=np.array(["white"]))
    np.testing.assert_array_equal(model.recommend(stranger, 5).items[0], model.recommend(data, 5).items[7])


def test_histories_over_another_catalogue_are_refused(name: str, fitted: MakeModel) -> None:
    other = checkerboard(N + 1)
    with pytest.raises(ContractError, match=f"fitted on {N} items.* have {N + 1}"):
        fitted(name).recommend(other, 3)


def test_a_model_that_learned_from_nothing_gives_empty_lists(name: str) -> None:
    nothing = replace(bought([], 2), content=None, segments=None)
    model = fit(name, nothing)
    one = replace(bought([(0, 4)], 1), content=None, segments=None)
    # The hybrid weighs what a user has, whether it has learned or not.
    assert np.isin(model.recommend(one, 3).items, [-1, 4] if name == "hybrid" else [-1]).all()
    assert (model.similar_items(np.arange(N, dtype=np.int32), 3).items == -1).all()


def test_what_was_returned_counts_for_nothing(name: str, fitted: MakeModel) -> None:
    model = fitted(name)
    returned = replace(bought([(0, 4)], 1), weights=np.array([-1.0]), segments=np.array([""]))
    nobody = replace(bought([], 1), segments=np.array([""]))
    np.testing.assert_array_equal(model.recommend(returned, 3).items, model.recommend(nobody, 3).items)


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
    with pytest.raises(ConfigError, match="popularity, item_neighbours, user_neighbours, als"):
        model_class("oracle")
