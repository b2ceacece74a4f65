"""Model versions: complete, explained by their manifest, and not made twice."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from small_shop import RUN_DATE, interaction, interactions_frame, shop_rows

from jobs.evaluation import evaluate_models
from jobs.ranking.interaction_matrix import make_interactions
from jobs.ranking.train_model import fingerprint_of, load_model, run
from reco_contracts.artifacts import complete_versions, read_model_manifest, set_released_model
from reco_contracts.errors import ContractError, EmptyPartitionError


def trained(shop, run_date=RUN_DATE) -> dict:
    evaluate_models.run(run_date, shop.settings)
    return run(run_date, shop.settings)


def test_a_version_says_what_it_is(make_shop) -> None:
    shop = make_shop()
    summary = trained(shop)
    assert summary["model_version"] == "als-20260331-001"
    manifest = read_model_manifest(shop.settings.layout, summary["model_version"])
    assert manifest.data == {"users": 80, "items": 40, "interactions": len(shop.interactions)}
    assert manifest.parameters == evaluate_models.read_evaluation(shop.settings.layout, RUN_DATE)["chosen"]["als"]
    assert manifest.metrics["split"]["models"]["als"]["ndcg"]["value"] > 0
    assert manifest.code_version.startswith("0.")
    _, model, items = load_model(shop.settings.layout, summary["model_version"], threads=1)
    assert model.item_factors.shape == (40, 4)
    assert items.to_list() == sorted(items.to_list())


def test_training_again_with_the_same_input_gives_the_same_version(make_shop) -> None:
    shop = make_shop()
    first, second = trained(shop), trained(shop)
    assert (first["is_new"], second["is_new"]) == (True, False)
    assert second["model_version"] == first["model_version"]
    assert complete_versions(shop.settings.layout.models) == [first["model_version"]]


def test_other_data_gives_another_version(make_shop) -> None:
    trained(make_shop())
    late = trained(make_shop([*shop_rows(), interaction(RUN_DATE, "user-00", "item-31")]))
    assert late["model_version"] == "als-20260331-002"


def test_any_changed_input_changes_the_fingerprint() -> None:
    frame = interactions_frame(shop_rows()).with_columns(pl.col("weight").cast(pl.Float64))
    users, items = frame["user_id"].unique().sort(), frame["item_id"].unique().sort()
    data = make_interactions(frame, users, items, RUN_DATE)
    seen = {fingerprint_of(data, users, items, [1]), fingerprint_of(data, users, items, [2])}
    for name in ("users", "items", "age_days", "weights", "is_consumed"):
        array = getattr(data, name).copy()
        array[-1] = not array[-1]
        seen.add(fingerprint_of(replace(data, **{name: array}), users, items, [1]))
    seen.add(fingerprint_of(data, users, items[::-1], [1]))
    seen.add(fingerprint_of(data, users[::-1], items, [1]))
    assert len(seen) == 9


def test_a_fit_repeats_to_the_bit(make_shop) -> None:
    shop = make_shop()
    names = [trained(shop)["model_version"]]
    (shop.settings.layout.models / names[0] / "fingerprint").write_text("another")
    names.append(trained(shop)["model_version"])
    first, second = (load_model(shop.settings.layout, name, 1)[1].item_factors for name in names)
    assert names[0] != names[1]
    np.testing.assert_array_equal(first, second)


def test_a_young_released_model_is_kept(make_shop) -> None:
    shop = make_shop(train={"every_days": 7, "als": {"factors": [4], "regularization": [1.0], "alpha": [3.0]}})
    early = RUN_DATE - timedelta(days=7)
    released = trained(shop, early)["model_version"]
    set_released_model(shop.settings.layout, released)
    kept = run(early + timedelta(days=6), shop.settings)  # without an evaluation of that day
    assert (kept["model_version"], kept["is_new"]) == (released, False)
    assert kept["why_not"] == "no training before 2026-03-31: train.every_days is 7"
    other = make_shop(train={"every_days": 7, "model": "popularity"})
    assert trained(other, early)["model_version"] == "popularity-20260324-001"
    assert trained(shop, RUN_DATE)["model_version"] == "als-20260331-001"


def test_a_model_of_a_later_day_is_not_kept_for_an_earlier_one(make_shop) -> None:
    shop = make_shop(train={"every_days": 7, "als": {"factors": [4], "regularization": [1.0], "alpha": [3.0]}})
    set_released_model(shop.settings.layout, trained(shop)["model_version"])
    assert trained(shop, RUN_DATE - timedelta(days=3))["model_version"] == "als-20260328-001"


def test_nothing_to_evaluate_on_trains_the_first_of_the_grid(make_shop) -> None:
    shop = make_shop([interaction(RUN_DATE, "user-00", "item-01")])
    assert trained(shop)["parameters"]["regularization"] == 0.1


def test_an_evaluation_is_needed_and_must_be_of_this_model(make_shop) -> None:
    shop = make_shop()
    with pytest.raises(EmptyPartitionError, match="reco evaluate"):
        run(RUN_DATE, shop.settings)
    evaluate_models.run(RUN_DATE, shop.settings)
    with pytest.raises(ContractError, match="'popularity'"):
        run(RUN_DATE, make_shop(train={"model": "popularity"}).settings)
