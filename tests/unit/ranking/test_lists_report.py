"""The report on lists: its points are made from a small shop, and its page has the markers."""

import numpy as np
import pytest
from small_shop import N_USERS, RUN_DATE

from benchmarks.lists_arms import Arm, K, arms, home_work, make_lists, points
from benchmarks.lists_plots import tradeoff_chart
from benchmarks.lists_report import BEGIN, DIVERSITY_LINES, END, PAGE, page_text
from jobs.evaluation.evaluation_tasks import make_tasks, read_marts
from reco_contracts.list_settings import CoverageSection, DiversitySection

PARAMETERS = {
    "factors": 4,
    "regularization": 1.0,
    "alpha": 3.0,
    "half_life_days": 0.0,
    "weighting": "linear",
    "iterations": 5,
    "content_users": 0.0,
    "content_regularization": 1.0,
}
PLAIN, NOTHING = DiversitySection(method="none", min_categories=0), CoverageSection(share=0)
SPENT = CoverageSection(share=0.3, goal=1.0)


@pytest.fixture
def shop(make_shop):
    settings = make_shop().settings
    marts = read_marts(settings.layout, RUN_DATE)
    task = make_tasks(marts, RUN_DATE, settings)[0].test
    return home_work(task, marts.items, PARAMETERS, settings), task, settings


def test_points_compare_every_way_with_the_first(shop) -> None:
    ways = [
        Arm("model alone", 0, PLAIN, NOTHING),
        Arm("limit", 3, DiversitySection(method="none", min_categories=3), NOTHING),
        Arm("coverage alone", 0.3, PLAIN, SPENT),
        Arm("drawn users", 0.3, PLAIN, SPENT, is_random=True),
        Arm("defaults", 0, PLAIN, NOTHING),
    ]
    work, task, settings = shop
    alone, limit, covered, drawn, defaults = points(work, task, ways, settings)
    assert (alone["loss"], alone["low"], alone["high"]) == (0, 0, 0)
    assert {key: alone[key] for key in alone if key != "line"} == {key: defaults[key] for key in alone if key != "line"}
    assert limit["diversity"] > alone["diversity"]
    assert covered["coverage"] >= drawn["coverage"] > alone["coverage"]
    assert covered["low"] <= covered["loss"] <= covered["high"]
    report = {
        "title": "small",
        "split": "global",
        "period": "test",
        "test_users": 70,
        "points": [alone, limit, covered],
    }
    text = page_text({"small": report})
    assert text.count("| limit | 3 |") == 1
    assert tradeoff_chart(report["points"], "diversity", DIVERSITY_LINES, "title", "who").to_dict()["layer"]


def test_lists_of_all_users_are_scored_and_no_item_stands_twice(shop) -> None:
    work, _, _ = shop
    lists = make_lists(work, Arm("coverage alone", 0.3, PLAIN, SPENT))
    assert lists.shape == (N_USERS, K)
    for items in lists:
        assert len(set(items[items >= 0])) == np.count_nonzero(items >= 0)


def test_the_first_way_is_the_model_alone_and_the_last_the_settings_in_force(shop) -> None:
    _, _, settings = shop
    first, *_, last = arms(settings)
    assert (first.diversity.method, first.diversity.min_categories, first.coverage.share) == ("none", 0, 0)
    assert (last.diversity, last.coverage) == (settings.diversity, settings.coverage)


def test_the_page_of_the_docs_has_the_markers() -> None:
    text = PAGE.read_text()
    assert text.index(BEGIN) < text.index(END)
