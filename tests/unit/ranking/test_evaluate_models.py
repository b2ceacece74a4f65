"""The protocol on a shop of two tastes: what is chosen, what is claimed, what is refused."""

import json
from datetime import timedelta

import numpy as np
import pytest
from small_shop import N_USERS, RUN_DATE, interaction, shop_rows

from jobs.cli.evaluation_tables import print_evaluation
from jobs.evaluation.evaluate_models import EVALUATION_FILE, evaluate, read_evaluation, run
from jobs.evaluation.gate_release import judge
from jobs.evaluation.gate_release import run as run_gate
from jobs.evaluation.ranking_task import make_task
from jobs.evaluation.score_models import fit_model, score_model
from jobs.evaluation.split_interactions import split_globally
from jobs.ranking import rank_lists, train_model
from jobs.warehouse.read_marts import read_interactions, read_items, read_users
from reco_contracts.artifacts import set_released_model
from reco_contracts.errors import EmptyPartitionError, GateRefusedError
from reco_contracts.train_settings import GateSection


def test_als_beats_popularity_where_tastes_differ(make_shop, capsys) -> None:
    shop = make_shop()
    report = run(RUN_DATE, shop.settings)
    assert report["primary_split"] == "global"
    assert report["verdict"] == "beats"
    assert report["sentence"].startswith("als beats popularity: NDCG@10 +0.")
    split = report["splits"][0]
    assert split["periods"]["test"]["first_day"] == "2026-03-18"
    assert split["periods"]["validation"]["last_day"] == "2026-03-17"
    assert split["difference"]["ndcg"]["low"] > 0
    assert read_evaluation(shop.settings.layout, RUN_DATE) == json.loads(json.dumps(report))
    print_evaluation(report)
    assert "als beats popularity" in capsys.readouterr().out


def test_the_report_is_the_same_when_it_is_made_again(make_shop) -> None:
    shop = make_shop()
    path = shop.settings.layout.report(RUN_DATE) / EVALUATION_FILE
    run(RUN_DATE, shop.settings)
    first = path.read_bytes()
    run(RUN_DATE, shop.settings)
    assert path.read_bytes() == first


def test_parameters_are_those_with_the_best_validation_score(make_shop) -> None:
    report = run(RUN_DATE, make_shop().settings)
    for name, grid in report["splits"][0]["trials"].items():
        best = max(entry["ndcg"] for entry in grid)
        chosen = next(entry for entry in grid if entry["parameters"] == report["chosen"][name])
        assert chosen["ndcg"] == best


def test_what_happens_in_the_test_period_changes_no_choice(make_shop) -> None:
    before = run(RUN_DATE, make_shop().settings)
    cut = RUN_DATE - timedelta(days=14)
    rng = np.random.default_rng(0)
    rows = [row for row in shop_rows() if row["event_date"] <= cut]
    rows += [interaction(RUN_DATE, f"user-{user:02d}", f"item-{rng.integers(40):02d}") for user in range(N_USERS)]
    after = run(RUN_DATE, make_shop(rows).settings)
    assert after["chosen"] == before["chosen"]
    assert after["splits"][0]["trials"] == before["splits"][0]["trials"]
    assert after["splits"][0]["models"] != before["splits"][0]["models"]


def test_days_after_the_run_date_do_not_exist(make_shop) -> None:
    early = RUN_DATE - timedelta(days=10)
    full = run(early, make_shop().settings)
    cut = run(early, make_shop([row for row in shop_rows() if row["event_date"] <= early]).settings)
    assert full == cut


def test_too_few_users_are_said_and_the_per_user_split_stands_beside(make_shop) -> None:
    last_days = RUN_DATE - timedelta(days=28)
    report = run(RUN_DATE, make_shop([row for row in shop_rows() if row["event_date"] <= last_days]).settings)
    assert [(split["name"], split["status"]) for split in report["splits"]] == [
        ("global", "too few"),
        ("per-user last 20 %", "scored"),
    ]
    assert "models" not in report["splits"][0]
    assert report["primary_split"] == "per-user last 20 %"
    assert "per-user last 20 % split" in report["sentence"]


def test_a_handful_of_users_still_chooses_but_proves_nothing(make_shop, capsys) -> None:
    rows = [row for row in shop_rows() if row["user_id"] < "user-10"]
    report = run(RUN_DATE, make_shop(rows).settings)
    assert report["verdict"] == "too few"
    assert report["chosen"]["als"]
    assert "Too few warm users" in report["sentence"]
    print_evaluation(report)
    assert "too few" in capsys.readouterr().out


def test_a_log_of_one_event_is_evaluated_without_a_choice(make_shop, capsys) -> None:
    report = run(RUN_DATE, make_shop([interaction(RUN_DATE, "user-00", "item-01")]).settings)
    assert (report["verdict"], report["chosen"]) == ("too few", None)
    print_evaluation(report)
    assert "0 warm users" in capsys.readouterr().out


def test_lists_of_the_evaluation_hold_nothing_that_was_consumed_or_left(make_shop) -> None:
    shop = make_shop()
    history, items = read_interactions(shop.settings.layout, RUN_DATE), read_items(shop.settings.layout)
    task = make_task(split_globally(history, RUN_DATE, 14, 14).test, items, read_users(shop.settings.layout), "forever")
    parameters = {"factors": 4, "regularization": 1.0}
    lists = score_model(fit_model("als", parameters, task, shop.settings), task, shop.settings).items
    for row, blocked in zip(lists, task.blocked, strict=True):
        assert not set(row.tolist()) & set(blocked.indices.tolist())
        assert task.candidates[row[row >= 0]].all()


def test_repeat_purchases_count_where_nothing_is_excluded_and_new_items_are_shown_apart(make_shop) -> None:
    shop = make_shop(surfaces={"home": {"exclude_seen": "off"}})
    split = evaluate(
        read_interactions(shop.settings.layout, RUN_DATE),
        read_items(shop.settings.layout),
        read_users(shop.settings.layout),
        RUN_DATE,
        shop.settings,
    )["splits"][0]
    assert split["new_items_only"]["test_users"] < split["warm_users"]["test"]
    assert set(split["new_items_only"]["models"]) == {"als", "popularity"}


def test_nothing_exported_says_what_to_run(make_shop) -> None:
    shop = make_shop()
    with pytest.raises(EmptyPartitionError, match="no interaction up to 2020-01-01"):
        run(RUN_DATE.replace(year=2020, month=1, day=1), shop.settings)
    shop.settings.layout.export("dim_items").unlink()
    with pytest.raises(EmptyPartitionError, match="reco export-marts"):
        run(RUN_DATE, shop.settings)


def outcome(verdict: str) -> dict[str, str]:
    report = {"verdict": verdict, "sentence": f"it {verdict}", "run_date": "2026-03-31", "primary_split": "global"}
    return report | {"model": "als"}


@pytest.mark.parametrize("verdict", ["tied", "loses", "too few"])
def test_the_gate_refuses_what_does_not_beat_popularity(verdict: str) -> None:
    with pytest.raises(GateRefusedError, match=f"it {verdict}"):
        judge(outcome(verdict), GateSection(mode="refuse"))
    assert judge(outcome(verdict), GateSection(mode="warn"))["decision"] == "pass with a warning"


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_the_gate_lets_a_better_model_pass(mode: str) -> None:
    assert judge(outcome("beats"), GateSection(mode=mode))["decision"] == "pass"


def test_popularity_is_not_said_to_be_tied_with_itself(make_shop) -> None:
    report = run(RUN_DATE, make_shop(train={"model": "popularity"}).settings)
    assert (report["verdict"], report["sentence"][:35]) == ("tied", "popularity is the opponent itself, ")


def test_a_day_without_training_searches_nothing_refuses_nothing_and_ranks_with_what_passed(make_shop) -> None:
    shop = make_shop(
        train={"every_days": 7, "als": {"factors": [4], "regularization": [1.0], "alpha": [3.0]}},
        gate={"mode": "refuse"},
    )
    layout, trained_on = shop.settings.layout, RUN_DATE - timedelta(days=6)
    run(trained_on, shop.settings)
    run_gate(trained_on, shop.settings)
    released = train_model.run(trained_on, shop.settings)["model_version"]
    set_released_model(layout, released)
    # What came since would be too little to pass the gate.
    rows = [row for row in shop_rows() if row["event_date"] <= trained_on and row["user_id"] < "user-10"]
    shop = make_shop(rows, train={"every_days": 7}, gate={"mode": "refuse"})
    summary = run(RUN_DATE, shop.settings)
    assert (summary["is_due"], summary["released_model"], summary["next_training"]) == (False, released, "2026-04-01")
    assert not (layout.report(RUN_DATE) / EVALUATION_FILE).exists()
    assert run_gate(RUN_DATE, shop.settings)["decision"] == "pass, nothing new to judge"
    assert rank_lists.run(RUN_DATE, shop.settings)["model_version"] == released
    due = RUN_DATE + timedelta(days=1)
    assert run(due, shop.settings)["verdict"] == "too few"
    with pytest.raises(GateRefusedError):
        run_gate(due, shop.settings)


def test_the_gate_needs_a_report(make_shop) -> None:
    with pytest.raises(EmptyPartitionError, match="reco evaluate --run-date 2026-03-31"):
        run_gate(RUN_DATE, make_shop().settings)
