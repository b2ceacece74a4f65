"""A search tries the defaults first, nothing twice, a small space whole, and repeats with its seed."""

from itertools import product

import numpy as np
import pytest

from jobs.evaluation.search_parameters import Trial, best_trial, search

SMALL = {"factors": (8, 16), "alpha": (1.0, 3.0)}
# 4 * 4 * 3 * 2 = 96 entries; each parameter adds the place of its value.
LARGE = {"a": (1, 2, 3, 4), "b": ("w", "x", "y", "z"), "c": (0.1, 0.2, 0.3), "d": (True, False)}


def score(parameters: dict) -> Trial:
    space = LARGE if "a" in parameters else SMALL
    gain = sum(list(space[name]).index(value) for name, value in parameters.items())
    return Trial(parameters=parameters, metrics={"ndcg": gain / 10})


def keys(trials: list[Trial]) -> list[tuple]:
    return [tuple(trial.parameters.values()) for trial in trials]


def test_a_space_that_is_small_enough_is_tried_whole_defaults_first() -> None:
    trials = search(SMALL, score, trials=10, seed=1)
    assert sorted(keys(trials)) == sorted(product(*SMALL.values()))
    assert keys(trials)[0] == (8, 1.0)
    assert best_trial(trials).parameters == {"factors": 16, "alpha": 3.0}


def test_what_won_before_comes_after_the_defaults_if_it_is_still_in_the_space() -> None:
    old, gone = {"factors": 16, "alpha": 3.0, "components": {}}, {"factors": 99, "alpha": 1.0}
    trials = search(SMALL, score, trials=4, seed=1, first=[gone, old])
    assert keys(trials)[:2] == [(8, 1.0), (16, 3.0)]


def test_of_a_large_space_so_many_are_tried_and_none_twice() -> None:
    trials = search(LARGE, score, trials=40, seed=3)
    assert len(trials) == len(set(keys(trials))) == 40


def test_the_estimator_does_better_than_chance() -> None:
    """Five parameters of five values whose places add up; the means of the best of 25 over six seeds."""
    space = dict.fromkeys("abcde", (0, 1, 2, 3, 4))

    def total(entry: dict) -> Trial:
        return Trial(entry, {"ndcg": sum(entry.values()) / 20})

    found = [best_trial(search(space, total, trials=25, seed=100 * seed)).metrics["ndcg"] for seed in range(6)]
    rng = np.random.default_rng(1)
    by_chance = rng.integers(0, 5, size=(2_000, 25, 5)).sum(axis=2).max(axis=1) / 20
    assert np.mean(found) > by_chance.mean() + 0.02


def test_a_search_that_was_broken_off_goes_on_as_if_it_had_not_been() -> None:
    whole = search(LARGE, score, trials=16, seed=5)
    part = search(LARGE, score, trials=9, seed=5)
    assert keys(search(LARGE, score, trials=16, seed=5, known=part)) == keys(whole)


def test_known_trials_count_and_are_not_made_again() -> None:
    made: list[Trial] = []
    known = search(SMALL, score, trials=4, seed=1)[:3]
    search(SMALL, score, trials=4, seed=1, known=known, report=made.append)
    assert len(made) == 1
    assert search(SMALL, score, trials=2, seed=1, known=known) == known


def test_time_that_is_up_ends_the_search_after_its_first_trial() -> None:
    assert len(search(SMALL, score, trials=4, seed=1, is_over=lambda: True)) == 1


def test_the_first_of_equal_trials_is_the_best() -> None:
    trials = [Trial({"n": number}, {"ndcg": value}) for number, value in enumerate((0.1, 0.3, 0.3))]
    assert best_trial(trials).parameters == {"n": 1}


@pytest.mark.parametrize("trials", [7, 200])
def test_the_estimator_ends_where_the_space_does(trials: int) -> None:
    space = {"a": (1, 2, 3), "b": (1, 2, 3)}
    found = search(space, lambda entry: Trial(entry, {"ndcg": entry["a"] / 3}), trials=trials, seed=2)
    assert len(found) == len(set(keys(found))) == min(trials, 9)
