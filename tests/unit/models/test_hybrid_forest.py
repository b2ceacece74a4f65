"""The learned ranker of a hybrid: it sees what a blend cannot, repeats to the bit, and takes over only if it wins."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.models.hybrid import HybridModel
from jobs.models.hybrid_groups import Groups
from jobs.models.hybrid_parameters import HybridParameters
from jobs.models.hybrid_rankers import LambdaRanker, LinearBlend, fit_lambdarank
from jobs.models.hybrid_training import NEW, train_ranker
from jobs.models.table import default_parameters
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.training_data import training_data
from reco_contracts.errors import ContractError
from reco_contracts.train_settings import TrainSection
from tests.unit.ranking.small_shop import RUN_DATE, interactions_frame, items_frame, shop_rows, users_frame

PARAMETERS = HybridParameters(components={}, trees=40, leaves=7, learning_rate=0.1)


def groups_of(seed: int, *, is_crossed: bool) -> Groups:
    """Ten candidates a user, one right. Crossed: column 2 says whether column 0 or column 1 knows it.

    Otherwise both columns know a little, and their sum knows most.
    """
    rng = np.random.default_rng(seed)
    n_users = 300
    labels = np.zeros((n_users, 10), dtype=bool)
    labels[np.arange(n_users), rng.integers(0, 10, n_users)] = True
    says_first = np.repeat(rng.random((n_users, 1)) < 0.5, 10, axis=1)
    first, second = rng.random((2, n_users, 10))
    if is_crossed:
        first = np.where(says_first & labels, 1.5, first)
        second = np.where(says_first, second, np.where(labels, 0.2, 0.3 + 0.7 * second))
    else:
        first, second = rng.normal(size=(2, n_users, 10)) + labels
    values = np.stack([first, second, says_first], axis=2).reshape(-1, 3).astype(np.float32)
    return Groups(values, labels.ravel(), np.full(n_users, 10), np.ones(n_users, dtype=np.int64))


@pytest.mark.parametrize(("is_crossed", "winner"), [(True, LambdaRanker), (False, LinearBlend)])
def test_the_better_of_both_on_unseen_users_is_taken(is_crossed: bool, winner: type) -> None:
    trained = train_ranker(groups_of(1, is_crossed=is_crossed), 2, PARAMETERS, seed=1, threads=1)
    ndcg = trained.report["ndcg"]
    assert isinstance(trained.ranker, winner)
    assert (ndcg["lambdarank"] > ndcg["linear"]) == is_crossed


@pytest.mark.parametrize(("choice", "kind"), [("linear", LinearBlend), ("lambdarank", LambdaRanker)])
def test_a_setting_can_decide(choice: str, kind: type) -> None:
    parameters = HybridParameters(components={}, ranker=choice, trees=5)
    assert isinstance(train_ranker(groups_of(1, is_crossed=True), 2, parameters, seed=1, threads=1).ranker, kind)


def test_a_forest_repeats_to_the_bit_with_any_number_of_threads() -> None:
    groups, others = groups_of(1, is_crossed=True), groups_of(2, is_crossed=True)
    found = [fit_lambdarank(groups, 20, 7, 0.1, 3, threads).predict(others.values, threads) for threads in (1, 2, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert ((found[0] > 0) & (found[0] < 1)).all()


def shop() -> Interactions:
    """The small shop with its features."""
    history = interactions_frame(shop_rows()).with_columns(pl.col("weight").cast(pl.Float64))
    history = history.sort("user_id", "item_id", "event_date")
    people = users_frame(history["user_id"].unique().to_list())
    return training_data(history, items_frame(), people, RUN_DATE)[1]


@pytest.fixture(scope="module")
def fitted() -> tuple[HybridModel, Interactions]:
    parameters = default_parameters("hybrid", TrainSection()) | {
        "components": {"item_neighbours": {}, "popularity": {}},
        "ranker": "lambdarank",
        "trees": 10,
    }
    model, data = HybridModel.create(parameters, seed=2, threads=1), shop()
    model.fit(data)
    return model, data


def test_a_forest_is_saved_as_text_and_ranks_as_before(
    fitted: tuple[HybridModel, Interactions], tmp_path: Path
) -> None:
    model, data = fitted
    assert isinstance(model.rankers[NEW].ranker, LambdaRanker)
    model.save(tmp_path)
    assert (tmp_path / "forest_new.txt").read_text().startswith("tree")
    again = HybridModel.load(tmp_path, model.parameters, threads=1)
    for one, other in zip(model.recommend(data, 10), again.recommend(data, 10), strict=True):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "forest_new.txt").unlink()
    with pytest.raises(ContractError, match="train again"):
        HybridModel.load(tmp_path, model.parameters, threads=1)


def test_users_whose_features_are_missing_are_ranked_by_the_blend(fitted: tuple[HybridModel, Interactions]) -> None:
    """A forest that has learned from features would take their absence for a newcomer's."""
    model, data = fitted
    bare = replace(data, features=None)
    for trained in model.rankers.values():
        assert isinstance(trained.for_data(data), LambdaRanker)
        assert isinstance(trained.for_data(bare), LinearBlend)
    assert (model.recommend(bare, 5).items >= 0).all()


def test_a_score_is_what_the_forest_ranks_by(fitted: tuple[HybridModel, Interactions]) -> None:
    model, data = fitted
    lists = model.recommend(data, 5)
    np.testing.assert_allclose(model.score(data, lists.items), lists.scores, rtol=1e-6)
