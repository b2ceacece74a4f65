"""What is due again: what the log shows to be bought again, by the rhythm of item and user."""

import numpy as np
import polars as pl
import pytest

from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.make_again_lists import again_lists
from jobs.ranking.repeat_purchases import bought_pairs, repeat_chances
from jobs.rules.list_rules import no_rules
from reco_contracts.list_settings import AgainSurface
from reco_contracts.reasons import Reason

MILK, BREAD, SOFA, INK, RARE, N_ITEMS = 0, 1, 2, 3, 4, 6
FOOD, LIVING, OFFICE = 0, 1, 2
KINDS = np.array([FOOD, FOOD, LIVING, OFFICE, FOOD, -1], dtype=np.int32)
ALL = np.ones(N_ITEMS, dtype=bool)
RULES = AgainSurface()
USERS, YEAR = 300, 360


def log_of(purchases: list[tuple[int, int, int]]) -> Interactions:
    """A log of (user, item, age in days), as `make_interactions` gives it."""
    rows = sorted(set(purchases), key=lambda row: (row[0], row[1], -row[2]))
    users, items, ages = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    n = len(rows)
    return Interactions(users, items, ages, np.ones(n), np.ones(n, dtype=bool), int(users.max()) + 1, N_ITEMS)


def shop() -> list[tuple[int, int, int]]:
    """Three hundred users buy milk each week and ink every 30 days, from a day of their own, and one sofa in a year."""
    rows = []
    for user in range(USERS):
        rows += [(user, MILK, age) for age in range(user % 7, YEAR, 7)]
        rows += [(user, INK, age) for age in range(user % 30, YEAR, 30)]
        rows.append((user, SOFA, 30 + user % 60))
    return rows


def lists_of(
    rows: list[tuple[int, int, int]],
    rules: AgainSurface = RULES,
    available: np.ndarray = ALL,
    refusals: Interactions | None = None,
) -> dict[str, list[tuple[int, float]]]:
    log = log_of(rows)
    users = pl.Series([f"u{user}" for user in range(log.n_users)])
    block = again_lists(log, users, KINDS, no_rules(log.n_users, available), rules, refusals)
    if block is None:
        return {}
    assert set(block.reasons[block.items >= 0]) == {Reason.DUE_AGAIN}
    assert (block.seeds == -1).all()
    return {
        name: [(int(item), float(score)) for item, score in zip(items, scores, strict=True) if item >= 0]
        for name, items, scores in zip(block.subjects, block.items, block.scores, strict=True)
    }


def test_what_is_bought_once_in_a_life_is_never_due() -> None:
    for entries in lists_of(shop()).values():
        assert SOFA not in dict(entries)
        assert entries[0][0] == MILK


def test_what_is_overdue_comes_before_what_was_just_bought() -> None:
    """Everybody's rhythm of ink is 30 days: 29 days after the last one it is due, after 2 days it is not."""
    chances = {name: dict(entries).get(INK, 0.0) for name, entries in lists_of(shop()).items()}
    due, fresh = chances["u29"], chances["u2"]
    assert due > 0.4
    assert fresh < 0.1


def test_the_users_own_rhythm_counts() -> None:
    """Two users of one item, first bought on the same day, one of whom buys it four times as often."""
    rows = [
        *shop(),
        *((500, BREAD, age) for age in range(3, 100, 5)),
        *((501, BREAD, age) for age in range(3, 100, 20)),
    ]
    chances = {name: dict(entries).get(BREAD, 0.0) for name, entries in lists_of(rows).items()}
    assert chances["u500"] > 1.5 * chances["u501"] > 0


def test_a_user_to_whom_nothing_is_due_has_no_list() -> None:
    lists = lists_of([*shop(), (500, SOFA, 3)])
    assert set(lists) == {f"u{user}" for user in range(USERS)}


def test_a_log_without_repeats_has_no_lists() -> None:
    assert lists_of([(user, SOFA, user) for user in range(50)]) == {}
    assert lists_of([(user, user % N_ITEMS, 0) for user in range(50)]) == {}
    nothing = np.zeros(0, dtype=np.int32)
    empty = Interactions(nothing, nothing, nothing, np.zeros(0), np.zeros(0, dtype=bool), 3, N_ITEMS)
    assert again_lists(empty, pl.Series(["a", "b", "c"]), KINDS, no_rules(3, ALL), RULES) is None


def test_the_habit_of_one_user_shows_nothing_of_an_item() -> None:
    lists = lists_of([*shop(), *((7, RARE, age) for age in range(2, 200, 9))])
    assert RARE not in dict(lists["u7"])
    both = [*shop(), *((user, RARE, age) for user in (7, 8) for age in range(2, 200, 9))]
    assert RARE in dict(lists_of(both)["u7"])


def test_what_is_out_of_stock_is_left_out_and_lists_have_a_length() -> None:
    available = ALL.copy()
    available[MILK] = False
    assert MILK not in dict(lists_of(shop(), available=available)["u0"])
    short = lists_of(shop(), RULES.model_copy(update={"k": 1}))
    assert {len(entries) for entries in short.values()} == {1}


def test_what_was_refused_after_the_last_purchase_does_not_come_back() -> None:
    """User 15 buys ink on days 15, 45, ... ago: refused since then, on the day itself, before, and never bought."""
    for age, is_listed in ((14, False), (0, False), (15, True), (16, True)):
        refused = log_of([(15, INK, age), (15, RARE, age)])
        lists = lists_of(shop(), refusals=refused)
        assert (INK in dict(lists["u15"])) == is_listed, age
        assert MILK in dict(lists["u15"])
        assert INK in dict(lists["u45"])


def test_an_item_of_few_buyers_is_judged_by_its_category() -> None:
    """Two users bought bread, and a candle that is alone in its category, twice: food is bought more often."""
    few = [(user, item, age) for user in (500, 501) for item in (BREAD, 5) for age in (40, 90)]
    entries = dict(lists_of([*shop(), *few])["u500"])
    assert entries[BREAD] > entries[5]


def test_chances_are_those_that_the_log_keeps() -> None:
    """Users who buy at random, each at a rate of their own: of those chances as many come true as they say."""
    rng = np.random.default_rng(5)
    rates = rng.gamma(1.0, 0.02, size=(1_500, 2))
    rows = [
        (user, item, int(age) - 14)
        for user in range(len(rates))
        for item in (MILK, INK)
        for age in np.flatnonzero(rng.random(200) < rates[user, item // 3])
    ]
    future = {(user, item) for user, item, age in rows if age < 0}
    past = log_of([row for row in rows if row[2] >= 0])
    due = repeat_chances(past, KINDS, RULES)
    truth = np.array([pair in future for pair in zip(due.pairs.users, due.pairs.items, strict=True)])
    likely = due.chances > np.median(due.chances)
    for rows_of in (likely, ~likely):
        assert due.chances[rows_of].mean() == pytest.approx(truth[rows_of].mean(), rel=0.15)
    assert truth[likely].mean() > 2 * truth[~likely].mean()


def test_pairs_before_a_day_know_nothing_of_what_came_after() -> None:
    log = log_of([(0, MILK, 30), (0, MILK, 20), (0, MILK, 3), (1, MILK, 2)])
    pairs = bought_pairs(log, before_days=14)
    assert pairs.users.tolist() == [0]
    assert (pairs.times.tolist(), pairs.first_days.tolist(), pairs.last_days.tolist()) == ([2], [16], [6])
