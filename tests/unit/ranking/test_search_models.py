"""What a model is made of is searched before it, and decides nothing else."""

import pytest
from small_shop import RUN_DATE

from jobs.evaluation import score_models, search_models
from jobs.evaluation.evaluation_tasks import make_tasks, read_marts
from jobs.evaluation.search_models import Bounds, choose_parameters, with_components
from jobs.evaluation.search_parameters import best_trial
from reco_contracts.errors import ContractError


@pytest.fixture
def shop(make_shop, monkeypatch):
    """ALS stands for a model that is made of item neighbours and popularity."""
    one = {"half_life_days": [0.0], "weighting": ["binary"], "neighbours": [5], "shrinkage": [0.0, 10.0]}
    neighbours = one | {"feature_weighting": ["none"]}
    als = {"factors": [4], "regularization": [1.0], "alpha": [3.0], "half_life_days": [0.0]}
    shop = make_shop(train={"als": als, "item_neighbours": neighbours})
    parts = {"als": ("item_neighbours", "popularity")}
    monkeypatch.setattr(search_models, "component_names", lambda name, _: parts.get(name, ()))
    return shop


@pytest.fixture
def seen(monkeypatch):
    """The fits in order; the components' parameters do not reach ALS itself."""
    real, fits = score_models.fit_model, []

    def fit(name, parameters, *rest):
        fits.append((name, parameters))
        return real(name, {key: value for key, value in parameters.items() if key != "components"}, *rest)

    monkeypatch.setattr(score_models, "fit_model", fit)
    return fits


def validation(shop):
    return make_tasks(read_marts(shop.settings.layout, RUN_DATE), RUN_DATE, shop.settings)[-1].validation


def test_components_come_first_and_each_once(shop) -> None:
    names = with_components(["popularity", "als", "item_neighbours"], shop.settings)
    assert names == ["popularity", "item_neighbours", "als"]


def test_the_whole_is_tried_with_what_won_for_its_parts(shop, seen) -> None:
    studies = choose_parameters(["als"], validation(shop), shop.settings, Bounds(12))
    assert [name for name, _ in seen] == ["item_neighbours"] * 2 + ["popularity"] * 4 + ["als"]
    winners = {name: best_trial(studies[name]).parameters for name in ("item_neighbours", "popularity")}
    assert seen[-1][1]["components"] == winners
    assert best_trial(studies["als"]).parameters["components"] == winners


def test_a_part_that_refuses_leaves_the_whole_to_decide_but_the_whole_may_not_refuse(shop, seen, monkeypatch) -> None:
    real = score_models.fit_model

    def refusing(refuser):
        def fit(name, *rest):
            if name == refuser:
                raise ContractError("too many items")
            return real(name, *rest)

        return fit

    monkeypatch.setattr(score_models, "fit_model", refusing("item_neighbours"))
    studies = choose_parameters(["als"], validation(shop), shop.settings, Bounds(12))
    assert set(studies) == {"popularity", "als"}
    monkeypatch.setattr(score_models, "fit_model", refusing("als"))
    with pytest.raises(ContractError, match="too many items"):
        choose_parameters(["als"], validation(shop), shop.settings, Bounds(12))
    refused: dict[str, str] = {}
    choose_parameters(["als"], validation(shop), shop.settings, Bounds(12), refused=refused)
    assert refused == {"als": "too many items"}
