"""Tuning: every trial is kept, a search goes on where it was, and the winner is where evaluation begins."""

import pytest
from small_shop import RUN_DATE, interaction, shop_rows

from jobs.evaluation import evaluate_models, score_models, tune_models
from jobs.evaluation.study_store import read_trials, read_winner
from reco_contracts.errors import EmptyPartitionError

# Twelve entries: more than are tried, so that they have to be proposed.
SPACE = {"als": {"factors": [2, 4, 8], "regularization": [1.0, 30.0], "alpha": [1.0, 3.0], "half_life_days": [0.0]}}


@pytest.fixture
def shop(make_shop):
    return make_shop(train=SPACE, tune={"trials": 3, "long_trials": 6})


def test_the_best_trial_is_kept_with_all_others_and_drawn(shop) -> None:
    found = tune_models.run(RUN_DATE, shop.settings)["als"]
    assert len(found["trials"]) == 6
    best = max(found["trials"], key=lambda trial: trial["ndcg"])
    winner = read_winner(shop.settings.layout, "als")
    assert winner is not None
    assert winner.parameters == found["best"] == best["parameters"]
    kept = read_trials(found["study"])
    assert [trial.parameters for trial in kept] == [trial["parameters"] for trial in found["trials"]]
    assert all(path.exists() and path.with_suffix(".html").exists() for path in found["plots"])


def test_a_search_that_was_killed_goes_on_where_it_was(shop, monkeypatch) -> None:
    real, made = score_models.fit_model, []

    def killed_at_the_fourth(name, parameters, *rest):
        made.append(parameters)
        if len(made) == 4:
            raise KeyboardInterrupt
        return real(name, parameters, *rest)

    monkeypatch.setattr(score_models, "fit_model", killed_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        tune_models.run(RUN_DATE, shop.settings)
    monkeypatch.setattr(score_models, "fit_model", lambda *all_of_it: made.append(all_of_it[1]) or real(*all_of_it))
    found = tune_models.run(RUN_DATE, shop.settings)["als"]
    assert len(made) == 4 + 3  # the fourth is made again, two more follow
    whole = tune_models.run(RUN_DATE, shop.settings, is_fresh=True)["als"]
    assert [trial["parameters"] for trial in found["trials"]] == [trial["parameters"] for trial in whole["trials"]]


def test_more_trials_are_added_to_those_that_were_made(shop) -> None:
    first = tune_models.run(RUN_DATE, shop.settings, trials=2)["als"]
    more = tune_models.run(RUN_DATE, shop.settings, trials=5)["als"]
    assert more["study"] == first["study"]
    assert [trial["seconds"] for trial in more["trials"][:2]] == [trial["seconds"] for trial in first["trials"]]
    assert len(more["trials"]) == 5


def test_other_data_and_another_space_are_other_studies(shop, make_shop) -> None:
    study = tune_models.run(RUN_DATE, shop.settings, trials=1)["als"]["study"]
    early = RUN_DATE.replace(day=1)
    rows = [*shop_rows(), interaction(early.replace(month=2), "user-00", "item-31")]
    more_data = make_shop(rows, train=SPACE)
    assert tune_models.run(RUN_DATE, more_data.settings, trials=1)["als"]["study"] != study
    wider = make_shop(train={"als": SPACE["als"] | {"alpha": [1.0, 3.0, 9.0]}})
    assert tune_models.run(RUN_DATE, wider.settings, trials=1)["als"]["study"] != study


def test_evaluation_begins_with_what_tuning_found(shop) -> None:
    tune_models.run(RUN_DATE, shop.settings)
    winner = read_winner(shop.settings.layout, "als")
    assert winner is not None
    report = evaluate_models.run(RUN_DATE, shop.settings)
    assert report["chosen"]["als"] == winner.parameters
    assert len(report["splits"][0]["trials"]["als"]) == 6  # those of the study, none made again
    # On the next day it is another study, and the winner is tried behind the defaults.
    later = evaluate_models.run(RUN_DATE.replace(day=30), shop.settings)["splits"][0]["trials"]["als"]
    assert len(later) == 3
    assert winner.parameters in [trial["parameters"] for trial in later[:2]]


def test_nobody_to_choose_on_is_said(make_shop) -> None:
    with pytest.raises(EmptyPartitionError, match="nobody to choose parameters on"):
        tune_models.run(RUN_DATE, make_shop([interaction(RUN_DATE, "user-00", "item-01")]).settings)
