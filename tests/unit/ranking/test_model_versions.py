"""What is live has a say: in the evaluation, at the gate, and when a version is promoted."""

import json

import pytest
from small_shop import RUN_DATE
from typer.testing import CliRunner

from jobs.cli.main import app
from jobs.evaluation import evaluate_models, gate_release
from jobs.evaluation.live_configuration import LIVE
from jobs.evaluation.model_versions import compare_versions, list_versions, promote_version, show_version
from jobs.ranking import rank_lists, train_model
from reco_contracts.artifacts import promoted_model, released_model, set_released_model
from reco_contracts.errors import ContractError, EmptyPartitionError, GateRefusedError
from reco_contracts.train_settings import GateSection

GOOD = {"als": {"factors": [4], "regularization": [1.0], "alpha": [3.0], "half_life_days": [0.0]}}
# One factor cannot tell two tastes apart, and this much regularisation leaves nothing of it.
BAD = {"als": {"factors": [1], "regularization": [1e6], "alpha": [1.0], "half_life_days": [0.0], "iterations": [1]}}


def commands_use(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("evaluation", "model", "version"):
        monkeypatch.setattr(f"jobs.cli.{module}_commands.get_settings", lambda: settings)


def train(shop) -> str:
    evaluate_models.run(RUN_DATE, shop.settings)
    return train_model.run(RUN_DATE, shop.settings)["model_version"]


def test_before_the_first_release_only_popularity_counts(make_shop) -> None:
    shop = make_shop(train=GOOD, gate={"mode": "refuse"})
    report = evaluate_models.run(RUN_DATE, shop.settings)
    assert report["live"] is None
    assert list(report["splits"][0]["models"]) == ["als", "popularity"]
    decision = gate_release.run(RUN_DATE, shop.settings)
    assert (decision["decision"], decision["live_verdict"]) == ("pass", "nothing live")


def test_the_live_configuration_is_refitted_and_stands_beside_the_candidate(make_shop) -> None:
    shop = make_shop(train=GOOD)
    live = train(shop)
    set_released_model(shop.settings.layout, live)
    report = evaluate_models.run(RUN_DATE, make_shop(train=BAD, gate={"mode": "refuse"}).settings)
    split = report["splits"][0]
    assert report["live"]["label"] == LIVE
    assert report["live"]["model_version"] == live
    assert list(split["models"]) == ["als", "popularity", LIVE]
    assert split["differences"][LIVE]["ndcg"]["high"] < 0
    # What was live is scored by a fit before the cut, like any other: that of the day when it was the candidate.
    own = show_version(shop.settings.layout, live)["metrics"]["split"]["models"]["als"]["ndcg"]
    assert split["models"][LIVE]["ndcg"] == own


def test_a_configuration_that_is_worse_than_the_live_one_stops_with_its_exit_code(make_shop, monkeypatch) -> None:
    shop = make_shop(train=GOOD)
    live = train(shop)
    set_released_model(shop.settings.layout, live)
    worse = make_shop(train=BAD, gate={"mode": "refuse"}).settings
    commands_use(worse, monkeypatch)
    assert CliRunner().invoke(app, ["evaluate", "--run-date", str(RUN_DATE)]).exit_code == 0
    ended = CliRunner().invoke(app, ["gate", "--run-date", str(RUN_DATE)])
    assert isinstance(ended.exception, GateRefusedError)
    assert ended.exception.exit_code == 6
    assert f"Against live {live}: NDCG -0." in str(ended.exception)
    assert "a loss of more than 0.01 is NOT ruled out" in str(ended.exception)
    assert released_model(worse.layout) == live
    assert [row["model_version"] for row in list_versions(worse.layout)] == [live]


def test_the_same_configuration_needs_no_comparison(make_shop) -> None:
    shop = make_shop(train=GOOD, gate={"mode": "refuse"})
    live = train(shop)
    set_released_model(shop.settings.layout, live)
    report = evaluate_models.run(RUN_DATE, shop.settings)
    assert report["live"]["label"] == "als"
    assert gate_release.run(RUN_DATE, shop.settings)["live_verdict"] == "same configuration"


@pytest.mark.parametrize(
    ("low", "margin", "verdict"), [(-0.004, 0.01, "keeps"), (-0.01, 0.01, "may lose"), (-0.02, 0.01, "may lose")]
)
def test_the_interval_has_to_stay_above_the_margin_not_the_value(low: float, margin: float, verdict: str) -> None:
    difference = {"ndcg": {"value": 0.001, "low": low, "high": 0.02}}
    report = {
        "model": "als",
        "verdict": "beats",
        "sentence": "als beats popularity",
        "run_date": "2026-03-31",
        "primary_split": "global",
        "chosen": {"als": {}},
        "live": {"model_version": "als-1", "label": LIVE},
        "splits": [{"differences": {LIVE: difference}}],
    }
    assert gate_release.judge(report, GateSection(mode="warn", max_loss_ndcg=margin))["live_verdict"] == verdict
    if verdict == "may lose":
        with pytest.raises(GateRefusedError):
            gate_release.judge(report, GateSection(mode="refuse", max_loss_ndcg=margin))


def test_a_live_model_that_nobody_can_fit_any_more_is_said(make_shop) -> None:
    shop = make_shop(train=GOOD)
    live = train(shop)
    set_released_model(shop.settings.layout, live)
    path = shop.settings.layout.models / live / "manifest.json"
    text = path.read_text()
    for changed, reason in (
        (text.replace('"model": "als"', '"model": "oracle"', 1), "no model 'oracle' any more"),
        (text.replace('"weighting": "linear"', '"weighting": 3', 1), "Expected `str`"),
    ):
        path.write_text(changed)
        evaluate_models.run(RUN_DATE, shop.settings)
        decision = gate_release.run(RUN_DATE, shop.settings)
        assert decision["live_verdict"] == "cannot be compared"
        assert reason in decision["result"]


def test_a_version_keeps_its_metrics_and_the_whole_search(make_shop) -> None:
    shop = make_shop()
    version = train(shop)
    found = show_version(shop.settings.layout, version)
    assert found["study"]["chosen"] == found["parameters"]
    assert len(found["study"]["trials"]["als"]) == 2
    assert set(found["study"]["trials"]) == {"als", "popularity"}
    best = max(found["study"]["trials"]["als"], key=lambda trial: trial["ndcg"])
    assert best["parameters"] == found["parameters"]
    with pytest.raises(EmptyPartitionError, match=version):
        show_version(shop.settings.layout, "als-none")


def test_two_versions_are_compared_user_by_user_on_the_same_split(make_shop) -> None:
    good, bad = train(make_shop(train=GOOD)), train(make_shop(train=BAD))
    settings = make_shop().settings
    there, back = compare_versions(good, bad, settings), compare_versions(bad, good, settings)
    assert there["parameters"]["factors"] == [4, 1]
    assert there["verdict"] == "beats"
    assert back["verdict"] == "loses"
    assert there["differences"][bad]["ndcg"]["value"] == -back["differences"][good]["ndcg"]["value"]
    with pytest.raises(ContractError, match="named twice"):
        compare_versions(good, good, settings)


def test_a_promoted_version_ranks_until_the_next_release(make_shop) -> None:
    # Eighty users cannot rule out a loss of a hundredth.
    shop = make_shop(train=GOOD, gate={"max_loss_ndcg": 0.2})
    layout, old = shop.settings.layout, train(shop)
    new = train(make_shop(train={"als": GOOD["als"] | {"factors": [3]}}))
    set_released_model(layout, new)
    assert promote_version(old, shop.settings)["promoted"] == old
    assert [row["state"] for row in list_versions(layout)] == ["released", "promoted"]
    assert evaluate_models.run(RUN_DATE, shop.settings)["result"].startswith(f"{old} was promoted")
    assert gate_release.run(RUN_DATE, shop.settings)["decision"] == "pass, nothing new to judge"
    assert train_model.run(RUN_DATE, shop.settings)["model_version"] == old
    assert rank_lists.run(RUN_DATE, shop.settings)["model_version"] == old
    set_released_model(layout, old)
    assert promoted_model(layout) is None
    assert "splits" in evaluate_models.run(RUN_DATE, shop.settings)


def test_a_promotion_goes_through_the_gate_unless_it_is_forced(make_shop) -> None:
    good, bad = train(make_shop(train=GOOD)), train(make_shop(train=BAD))
    settings = make_shop().settings
    set_released_model(settings.layout, good)
    with pytest.raises(GateRefusedError, match=f"against {good}: NDCG@10 -0.*, which is not above -0.01"):
        promote_version(bad, settings)
    assert promoted_model(settings.layout) is None
    assert promote_version(bad, settings, is_forced=True)["result"] == "the gate was not asked (--force)"
    assert promoted_model(settings.layout) == bad


def test_the_commands_print_what_there_is(make_shop, monkeypatch) -> None:
    good, bad = train(make_shop(train=GOOD)), train(make_shop(train=BAD))
    settings = make_shop().settings
    commands_use(settings, monkeypatch)
    listed = CliRunner().invoke(app, ["models", "list"])
    assert listed.exit_code == 0
    assert good in listed.output
    assert "factors" in CliRunner().invoke(app, ["models", "show", good]).output
    compared = CliRunner().invoke(app, ["models", "compare", good, bad])
    assert compared.exit_code == 0, compared.output
    assert "4 | 1" in compared.output
    last = CliRunner().invoke(app, ["models", "compare", good, bad, "--json"]).stdout.splitlines()[-1]
    assert json.loads(last)["verdict"] == "beats"
