"""Cold start against the truth of simulated shops: newcomers after three clicks, and new items in a closed loop."""

import numpy as np
import polars as pl
import pytest

from benchmarks.cold_start_loop import ARMS, run_loop
from benchmarks.cold_start_newcomers import paired_interval, worth_of_lists

SEEDS = (1, 2)
NEITHER, CONTENT, SHARE, BOTH = ARMS


def test_a_newcomer_who_clicks_three_items_gets_a_list_that_is_worth_more_than_the_popular_one() -> None:
    shops = [worth_of_lists(seed)[0] for seed in range(1, 21)]
    differences = np.array([shop.folded_in - shop.popular for shop in shops])
    _, low, _ = paired_interval(differences)
    # 0 is what is asked for; it is 0.4 of a scale of 1, in every shop.
    assert low > 0.25
    assert (differences > 0.1).all()
    assert all(shop.folded_in < shop.best for shop in shops)


@pytest.fixture(scope="module")
def loop() -> pl.DataFrame:
    """Twelve rounds of two shops, with content, with and without the share: the mean of both shops."""
    rows = [one for seed in SEEDS for arm in (CONTENT, BOTH) for one in run_loop(seed, arm)]
    return mean_of(rows)


def mean_of(rows: list) -> pl.DataFrame:
    frame = pl.DataFrame([{name: getattr(row, name) for name in row.__slots__} for row in rows])
    return frame.group_by("arm", "round", "kind").agg(pl.col("earned", "reserved").mean())


def earned(loop: pl.DataFrame, arm: str, kind: str, first: int, last: int) -> float:
    part = loop.filter(pl.col("arm") == arm, pl.col("kind") == kind, pl.col("round").is_between(first, last))
    assert len(part) == last - first + 1
    return float(part["earned"].to_numpy().mean())


def test_a_new_item_with_content_is_shown_from_the_first_round_on_and_does_not_crowd_out(loop: pl.DataFrame) -> None:
    for kind in ("liked", "disliked"):
        assert 4 < earned(loop, CONTENT.name, kind, 1, 1) < earned(loop, CONTENT.name, "others", 1, 1)


def test_what_the_truth_likes_climbs_and_what_it_does_not_goes(loop: pl.DataFrame) -> None:
    liked = [earned(loop, BOTH.name, "liked", *rounds) for rounds in ((2, 4), (10, 12))]
    disliked = [earned(loop, BOTH.name, "disliked", *rounds) for rounds in ((1, 1), (10, 12))]
    assert liked[1] > 1.2 * liked[0]
    assert disliked[1] < 0.3 * disliked[0]
    assert liked[1] > 4 * disliked[1]


def test_the_share_tells_disliked_items_sooner(loop: pl.DataFrame) -> None:
    assert earned(loop, BOTH.name, "disliked", 2, 6) < 0.7 * earned(loop, CONTENT.name, "disliked", 2, 6)


def test_reserved_places_are_spread_evenly_and_end_when_items_have_been_seen_enough(loop: pl.DataFrame) -> None:
    both = loop.filter(pl.col("arm") == BOTH.name)
    first = both.filter(pl.col("round") == 1, pl.col("kind") != "others")["reserved"].to_list()
    # A place in 20 of 300 lists, over 20 items.
    assert first == pytest.approx([15, 15], abs=4)
    assert both.filter(pl.col("kind") == "others")["reserved"].sum() == 0
    assert both.filter(pl.col("round") == 12)["reserved"].sum() == 0


def test_without_content_and_share_nobody_ever_sees_a_new_item_and_the_share_alone_is_enough_to_be_seen() -> None:
    for arm, is_seen in ((NEITHER, False), (SHARE, True)):
        new = mean_of(run_loop(1, arm, rounds=3)).filter(pl.col("kind") != "others")
        assert new["earned"].sum() == 0 or is_seen
        assert (new["reserved"].sum() > 0) == is_seen
