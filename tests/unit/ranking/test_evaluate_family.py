"""All models on the small shop of two tastes: what the table says, and that the page and the plots are whole."""

import json

import pytest
from small_shop import RUN_DATE, interaction

from jobs.cli.evaluation_tables import print_family, print_tuning
from jobs.evaluation.evaluate_family import evaluate_family, run
from jobs.evaluation.evaluation_tasks import make_tasks, read_marts
from jobs.evaluation.write_models_page import verdict_lines
from reco_contracts.errors import ConfigError, EmptyPartitionError

NAMES = ("als", "popularity")


def family(shop, names=NAMES):
    tasks = make_tasks(read_marts(shop.settings.layout, RUN_DATE), RUN_DATE, shop.settings)
    return evaluate_family(tasks, RUN_DATE, shop.settings, names)


def test_the_taste_model_is_best_and_every_difference_is_said_from_both_sides(make_shop) -> None:
    table = family(make_shop())["all_items"]
    assert table["best"] == "als"
    there, back = table["pairs"]["als"]["popularity"], table["pairs"]["popularity"]["als"]
    assert (there["verdict"], back["verdict"]) == ("beats", "loses")
    assert there["ndcg"]["value"] == pytest.approx(-back["ndcg"]["value"])
    assert list(table["models"]) == ["als", "popularity"]


def test_segments_hold_every_test_user_once(make_shop) -> None:
    table = family(make_shop())["all_items"]
    assert sum(segment["users"] for segment in table["segments"]) == table["test_users"]
    mean = sum(segment["users"] * segment["ndcg"]["als"]["value"] for segment in table["segments"])
    assert mean / table["test_users"] == pytest.approx(table["models"]["als"]["ndcg"]["value"])


def test_the_learning_curve_rises_to_where_the_table_is(make_shop) -> None:
    report = family(make_shop())
    for name in NAMES:
        curve = report["learning"][name]
        assert [point["share"] for point in curve] == [0.25, 0.5, 0.75, 1.0]
        assert [point["interactions"] for point in curve] == sorted(point["interactions"] for point in curve)
        assert curve[-1]["ndcg"] == report["all_items"]["models"][name]["ndcg"]["value"]
    assert report["learning"]["als"][0]["ndcg"] < report["learning"]["als"][-1]["ndcg"]


def test_repeat_purchases_have_a_second_table_with_a_choice_of_its_own(make_shop) -> None:
    report = family(make_shop(surfaces={"home": {"exclude_seen": "off"}}))
    assert report["new_items_only"]["test_users"] < report["all_items"]["test_users"]
    for kind, metric in (("chosen", "ndcg"), ("chosen_new_items", "ndcg_new_items")):
        best = max(report["trials"]["als"], key=lambda trial: trial[metric])
        assert report[kind]["als"] == best["parameters"]


def test_popularity_is_always_there(make_shop) -> None:
    assert set(family(make_shop(), ["als"])["all_items"]["models"]) == {"als", "popularity"}


def test_what_cannot_be_scored_or_found_is_refused(make_shop) -> None:
    with pytest.raises(EmptyPartitionError, match="nobody to score"):
        family(make_shop([interaction(RUN_DATE, "user-00", "item-01")]))
    with pytest.raises(ConfigError, match="oracle"):
        family(make_shop(), ["oracle"])


def test_the_report_is_a_page_with_plots_that_need_no_network(make_shop) -> None:
    shop = make_shop(surfaces={"home": {"exclude_seen": "off"}})
    report = run(RUN_DATE, shop.settings, NAMES)
    folder = shop.settings.layout.report(RUN_DATE)
    assert json.loads((folder / "models.json").read_bytes()) == json.loads(json.dumps(report))
    page = (folder / "models.md").read_text()
    assert "| ALS | **0." in page
    assert "Only items that are new to the user" in page
    names = {path.stem for path in (folder / "plots").glob("*.png")}
    assert names == {path.stem for path in (folder / "plots").glob("*.html")}
    assert {"accuracy-and-coverage", "accuracy-by-activity", "popularity-bias", "learning-curves", "search"} < names
    for path in (folder / "plots").glob("*.html"):
        text = path.read_text()
        assert "<script src" not in text
        assert "cdn." not in text.split("<body>")[0].split("vega")[0]
    for path in (folder / "plots").glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
        assert f"plots/{path.name}" in page


def test_the_tables_on_the_terminal_say_what_the_report_says(make_shop, capsys) -> None:
    report = family(make_shop(surfaces={"home": {"exclude_seen": "off"}}))
    print_family(report)
    shown = capsys.readouterr().out
    assert f"{report['all_items']['models']['als']['ndcg']['value']:.4f}" in shown
    assert "only items new to the user" in shown
    print_tuning({"als": {"trials": report["trials"]["als"]}}, report["k"])
    shown = capsys.readouterr().out
    assert "als: 2 trials" in shown
    assert "regularization" in shown


def test_a_hybrid_that_is_not_the_best_is_said_to_be_so() -> None:
    def pair(value: float, verdict: str) -> dict:
        return {"ndcg": {"value": value, "low": value - 0.01, "high": value + 0.01}, "verdict": verdict}

    for verdict, words in (("tied", "The hybrid is tied with EASE"), ("loses", "The hybrid is NOT as good as EASE")):
        pairs = {"ease": {"hybrid": pair(0.02, "beats")}, "hybrid": {"ease": pair(-0.02, verdict)}}
        assert words in verdict_lines({"best": "ease", "pairs": pairs})
