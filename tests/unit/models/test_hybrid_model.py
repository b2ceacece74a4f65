"""The hybrid on a shop with two tastes, where what happens next is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.models.base import Asked, Signal
from jobs.models.hybrid import HybridModel
from jobs.models.hybrid_candidates import lists_of_top_k, source_values
from jobs.models.hybrid_training import AGAIN, NEW
from jobs.models.table import component_names, default_parameters, model_class
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.train_settings import TrainSection

N_USERS, N_ITEMS, DAYS = 240, 40, 80
COMPONENTS: dict[str, dict[str, Any]] = {
    "als": {"factors": 4, "regularization": 1.0, "alpha": 3.0},
    "item_neighbours": {},
    "popularity": {},
}


def shop(buys_again: bool) -> Interactions:
    """Users of even number like even items. Who buys again, buys one of three favourites every ten days."""
    rng = np.random.default_rng(8)
    rows = set()
    for user in range(N_USERS):
        own = rng.permutation(np.arange(user % 2, N_ITEMS, 2))
        favourites = own[:3] if buys_again else own
        for number, age in enumerate(range(user % 10, DAYS, 5)):
            item = favourites[number % len(favourites)] if number % 2 == 0 else own[number % len(own)]
            rows.add((user, int(item), age))
    users, items, ages = np.array(sorted(rows, key=lambda row: (row[0], row[1], -row[2])), dtype=np.int32).T
    size = len(users)
    return Interactions(users, items, ages, np.full(size, 8.0), np.ones(size, dtype=bool), N_USERS, N_ITEMS)


def hybrid(threads: int = 1, components: Mapping[str, Any] = COMPONENTS, **changes: Any) -> HybridModel:
    parameters = default_parameters("hybrid", TrainSection()) | {"components": components, "ranker": "linear"}
    return HybridModel.create(parameters | changes, seed=4, threads=threads)


@pytest.fixture(scope="module")
def groceries() -> tuple[HybridModel, Interactions]:
    model, data = hybrid(), shop(buys_again=True)
    model.fit(data)
    return model, data


def test_where_people_buy_again_there_is_a_ranker_for_it(groceries: tuple[HybridModel, Interactions]) -> None:
    assert set(groceries[0].rankers) == {NEW, AGAIN}


def test_where_nobody_does_there_is_none() -> None:
    model = hybrid()
    model.fit(shop(buys_again=False))
    assert set(model.rankers) == {NEW}


def test_favourites_come_first_and_are_their_own_reason(groceries: tuple[HybridModel, Interactions]) -> None:
    model, data = groceries
    lists = model.recommend(data, 3)
    counts = np.zeros((N_USERS, N_ITEMS))
    np.add.at(counts, (data.users, data.items), 1)
    is_favourite = np.take_along_axis(counts, lists.items, axis=1) > 1
    assert is_favourite.mean() > 0.9
    seeds = model.explain(data, lists.items).seeds[:, :, 0]
    assert (seeds[is_favourite] == lists.items[is_favourite]).mean() > 0.5


def test_new_items_are_of_the_own_taste(groceries: tuple[HybridModel, Interactions]) -> None:
    model, data = groceries
    items = model.recommend(data, 2, blocked_matrix(data, "forever")).items
    assert (items % 2 == np.arange(N_USERS)[:, None] % 2).mean() > 0.95


def test_a_reason_is_something_that_the_user_has(groceries: tuple[HybridModel, Interactions]) -> None:
    model, data = groceries
    seeds = model.explain(data, model.recommend(data, 5).items).seeds[:, :, 0]
    owned = set(zip(data.users.tolist(), data.items.tolist(), strict=True))
    named = [(user, int(seed)) for user, row in enumerate(seeds) for seed in row if seed >= 0]
    assert len(named) > N_USERS
    assert owned.issuperset(named)


def test_lists_do_not_depend_on_threads_or_on_the_run(groceries: tuple[HybridModel, Interactions]) -> None:
    model, data = groceries
    again = hybrid(threads=2)
    again.fit(data)
    for kind, trained in model.rankers.items():
        np.testing.assert_array_equal(trained.blend.weights, again.rankers[kind].blend.weights)
    for one, other in zip(model.recommend(data, 10), again.recommend(data, 10), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_component_that_refuses_is_left_out(groceries: tuple[HybridModel, Interactions]) -> None:
    """The same lists as without it, and saved and loaded without it."""
    data = groceries[1]
    model = hybrid(components=COMPONENTS | {"ease": {"max_items": 5}})
    model.fit(data)
    np.testing.assert_array_equal(model.recommend(data, 5).items, groceries[0].recommend(data, 5).items)


def test_each_component_is_saved_in_a_folder_of_its_name(
    groceries: tuple[HybridModel, Interactions], tmp_path: Path
) -> None:
    model, data = groceries
    model.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set(COMPONENTS)
    again = HybridModel.load(tmp_path, model.parameters, threads=1)
    for one, other in zip(model.recommend(data, 10), again.recommend(data, 10), strict=True):
        np.testing.assert_array_equal(one, other)
    for path in (tmp_path / "als").iterdir():
        path.unlink()
    with pytest.raises(ContractError, match="train again"):
        HybridModel.load(tmp_path, model.parameters, threads=1)


def test_neighbours_come_from_the_first_component_that_knows_the_item(
    groceries: tuple[HybridModel, Interactions],
) -> None:
    model, data = groceries
    als = model_class("als").create(COMPONENTS["als"], seed=4, threads=1)
    als.fit(data)
    asked = np.arange(N_ITEMS, dtype=np.int32)
    np.testing.assert_array_equal(model.similar_items(asked, 5).items, als.similar_items(asked, 5).items)


def test_it_is_made_of_what_the_settings_name() -> None:
    settings = TrainSection.model_validate({"hybrid": {"components": ["spectral", "popularity"]}})
    assert component_names("hybrid", settings) == ("spectral", "popularity")
    assert component_names("als", settings) == ()
    assert default_parameters("hybrid", settings)["components"] == {
        name: default_parameters(name, settings) for name in ("spectral", "popularity")
    }


def test_it_cannot_be_made_of_itself() -> None:
    with pytest.raises(ConfigError, match="component of itself"):
        hybrid(components={"hybrid": {}})


def test_history_after_the_cut_reaches_no_ranker(groceries: tuple[HybridModel, Interactions]) -> None:
    """What the ranker is told of a user is the same whatever the user did in the held-out days but the labels.

    Weights of held-out rows change nothing: only whether something happened is looked at.
    """
    model, data = groceries
    recent = data.age_days < 20
    louder = replace(data, weights=np.where(recent, data.weights * 50, data.weights))
    other = hybrid()
    other.fit(louder)
    for kind, trained in model.rankers.items():
        np.testing.assert_array_equal(trained.blend.weights, other.rankers[kind].blend.weights)


def test_a_forests_shares_sum_to_its_score_and_the_sources_are_among_them() -> None:
    data = shop(buys_again=True)
    model = hybrid(ranker="lambdarank", trees=20)
    model.fit(data)
    for asked in (Asked(5), Asked(5, blocked_matrix(data, "forever"))):
        lists = model.recommend(data, *asked)
        parts = model.explain(data, lists.items, 10, asked)
        np.testing.assert_allclose(parts.contributions.sum(axis=2, dtype=np.float64), lists.scores, rtol=1e-5)
        names = set(np.unique(parts.signals))
        assert {Signal.OWN_ITEM, Signal.OTHER, Signal.BASE} <= names
        # What every candidate gets comes last, and an own habit is told of own items alone.
        assert (parts.signals[:, :, 0] != Signal.BASE).all()
        owned = blocked_matrix(data, "forever")
        rows, places, _ = np.nonzero(parts.signals == Signal.OWN_HABIT)
        assert all(owned[row, lists.items[row, place]] for row, place in zip(rows, places, strict=True))
        assert (Signal.OWN_HABIT in names) == (asked.blocked is None)


def test_a_blends_shares_are_weight_times_value_of_each_kind_of_source(
    groceries: tuple[HybridModel, Interactions],
) -> None:
    model, data = groceries
    asked = Asked(4, blocked_matrix(data, "forever"))
    lists = model.recommend(data, *asked)
    parts = model.explain(data, lists.items, 6, asked)
    np.testing.assert_allclose(parts.contributions.sum(axis=2), lists.scores, rtol=1e-5)
    weights = model.rankers[NEW].blend.weights
    popular = model_class("popularity").create(default_parameters("popularity", TrainSection()), 0, 1)
    popular.fit(data)
    theirs = lists_of_top_k(popular.recommend(data, 100, asked.blocked), N_ITEMS)
    cells = np.arange(N_USERS)[:, None] * N_ITEMS + lists.items
    values = source_values(cells.ravel(), [theirs]).reshape(N_USERS, 4, 2)
    expected = values @ weights[4:6]
    found = np.where(parts.signals == Signal.POPULARITY, parts.contributions, 0).sum(axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
