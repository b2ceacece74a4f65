"""What trends is more people than usual, and what is new came lately: neither is what is popular."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import polars as pl
from small_shop import RUN_DATE, items_frame

from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.make_new_lists import new_lists
from jobs.ranking.make_trending_lists import count_windows, growth, trending_lists
from reco_contracts.list_settings import NewSurface, TrendingSurface
from reco_contracts.reasons import Reason

N_ITEMS, WEEKS = 20, 9
POPULAR, RISING, CLICKED, GONE = 0, 1, 2, 3
RULES, NEW_RULES = TrendingSurface(), NewSurface()
ALL = np.ones(N_ITEMS, dtype=bool)


def log_of(rows: list[tuple[int, int, int]], n_items: int = N_ITEMS, weight: float = 1.0) -> Interactions:
    """A log of (user, item, age in days), as `make_interactions` gives it."""
    users, items, ages = (
        np.array(column, dtype=np.int32) for column in zip(*sorted(rows, key=lambda r: (*r[:2], -r[2])), strict=True)
    )
    n = len(rows)
    return Interactions(users, items, ages, np.full(n, weight), np.zeros(n, bool), int(users.max()) + 1, n_items)


def steady_weeks(busy: int = 1) -> list[tuple[int, int, int]]:
    """Each week 100 people choose the popular item, 10 each other one; `busy` times as many in the last week."""
    rows = []
    for week in range(WEEKS):
        for crowd in range(busy if week == 0 else 1):
            for person in range(100):
                user = 1_000 * crowd + 100 * week + person
                rows += [(user, POPULAR, 7 * week + person % 7), (user, 1 + person % 19, 7 * week + person % 7)]
    return rows


def lists_of(rows: list[tuple[int, int, int]], available: np.ndarray = ALL) -> dict[str, list[int]]:
    categories = items_frame(n_items=N_ITEMS)["categories"]
    block = trending_lists(log_of(rows), categories, available, RULES)
    if block is None:
        return {}
    assert set(block.reasons[block.items >= 0]) == {Reason.TRENDING}
    return {
        name: [int(item) for item in row if item >= 0] for name, row in zip(block.subjects, block.items, strict=True)
    }


def more_people(item: int, people: int) -> list[tuple[int, int, int]]:
    return [(5_000 + person, item, person % 5) for person in range(people)]


def test_an_item_that_many_more_people_choose_than_usual_trends_and_the_popular_one_does_not() -> None:
    lists = lists_of([*steady_weeks(), *more_people(RISING, 30)])
    assert lists[""][0] == RISING
    assert POPULAR not in lists[""]
    assert lists["odd"][0] == lists["odd low"][0] == RISING


def test_nothing_trends_in_a_steady_log() -> None:
    assert lists_of(steady_weeks()) == {}


def test_a_busy_week_of_the_whole_shop_is_no_trend_of_each_item() -> None:
    lists = lists_of([*steady_weeks(busy=3), *more_people(RISING, 60)])
    assert lists[""][0] == RISING
    assert POPULAR not in lists[""]


def test_one_user_who_clicks_ten_thousand_times_moves_nothing() -> None:
    """A day is one row of the mart, whatever was clicked on it: here every day of the week, at any weight."""
    rows = [*steady_weeks(), *more_people(RISING, 30)]
    bot = [(9_999, CLICKED, age) for age in range(7)]
    plain, heavy = lists_of(rows), lists_of(rows + bot)
    assert heavy[""][0] == plain[""][0] == RISING
    before, after = (scores_of(log)[CLICKED] for log in (rows, rows + bot))
    assert 0 <= after - before < 0.5
    data = log_of(rows + bot)
    loud = Interactions(
        data.users,
        data.items,
        data.age_days,
        np.where(data.users == 9_999, 10_000.0, data.weights),
        data.is_consumed,
        data.n_users,
        data.n_items,
    )
    categories = items_frame(n_items=N_ITEMS)["categories"]
    quiet_block, loud_block = (trending_lists(one, categories, ALL, RULES) for one in (data, loud))
    assert quiet_block is not None
    assert loud_block is not None
    assert np.array_equal(quiet_block.items, loud_block.items)
    assert np.array_equal(quiet_block.scores, loud_block.scores)


def test_a_user_who_touches_everything_counts_for_little_of_each() -> None:
    """A crawler over 2,000 items is a fortieth of a witness for each."""
    rows = [*steady_weeks(), *((9_999, item, 1) for item in range(2_000))]
    assert count_windows(log_of(rows, 2_000), RULES).weights[0, N_ITEMS:].max() < 0.03


def scores_of(rows: list[tuple[int, int, int]], n_items: int = N_ITEMS) -> np.ndarray:
    counts = count_windows(log_of(rows, n_items), RULES)
    return growth(counts.weights, counts.first, RULES.shrinkage_users)


def test_what_people_chose_today_counts_more_than_last_weeks() -> None:
    early = [(5_000 + person, 4, 6) for person in range(20)]
    late = [(6_000 + person, 5, 0) for person in range(20)]
    scores = scores_of([*steady_weeks(), *early, *late])
    assert scores[5] > scores[4] > 0


def test_too_few_people_are_no_trend_and_what_is_gone_is_not_shown() -> None:
    rows = [(user, item, age) for user, item, age in steady_weeks() if item not in (RISING, GONE)]
    few = [(5_000 + person, RISING, 0) for person in range(4)]
    available = ALL.copy()
    available[GONE] = False
    lists = lists_of([*rows, *few, *more_people(GONE, 30), *more_people(5, 30)], available)
    assert lists[""][0] == 5
    assert not {RISING, GONE} & set(lists[""])


def test_what_came_this_week_is_new_and_what_came_before_has_its_own_weeks_to_grow_from() -> None:
    """Items 18 and 19 are chosen by 30 people this week; 19 has been there for two more weeks, with 5 people each."""
    rows = [(user, item, age) for user, item, age in steady_weeks() if item < 18]
    young = [(7_000 + 10 * week + person, 19, 7 * week + person) for week in (1, 2) for person in range(5)]
    lists = lists_of([*rows, *more_people(18, 30), *((8_000 + person, 19, person % 5) for person in range(30)), *young])
    assert lists[""][0] == 19
    assert 18 not in lists[""]
    five_weeks_ago = [(9_000 + person, 18, 36) for person in range(3)]
    assert 18 in lists_of([*rows, *more_people(18, 30), *five_weeks_ago])[""]


def test_what_swings_every_week_needs_a_larger_swing() -> None:
    calm = np.array([30.0, 20, 20, 20, 20, 20, 20, 20, 20])
    wild = np.array([30.0, 5, 35, 5, 35, 5, 35, 5, 35])
    rest = np.full(9, 1_000.0)
    scores = growth(np.column_stack([calm, wild, rest]), np.full(3, 8), 5.0)
    assert scores[0] > 1.5 * scores[1] > 0


def test_without_a_past_the_order_is_that_of_recent_people() -> None:
    lists = lists_of([(person, POPULAR, 0) for person in range(20)] + [(person, RISING, 1) for person in range(10)])
    assert lists[""] == [POPULAR, RISING]
    assert lists_of([(0, 0, 0)]) == {}


def new_of(items: pl.DataFrame, rows: list[tuple[int, int, int]]) -> dict[str, list[int]]:
    block = new_lists(log_of(rows), items, ALL, RUN_DATE, NEW_RULES)
    if block is None:
        return {}
    assert set(block.reasons[block.items >= 0]) == {Reason.NEW}
    return {
        name: [int(item) for item in row if item >= 0] for name, row in zip(block.subjects, block.items, strict=True)
    }


def arrived(ages: dict[int, int]) -> dict[str, dict[str, object]]:
    midnight = datetime.combine(RUN_DATE, time(0), tzinfo=UTC)
    return {f"item-{number:02d}": {"available_from": midnight - timedelta(days=age)} for number, age in ages.items()}


def test_what_came_last_stands_first_unless_people_chose_something_else() -> None:
    items = items_frame(arrived({4: 1, 5: 3, 6: 3, 7: 40, 8: -1}), N_ITEMS)
    rows = [(0, 0, 70), *((person, 6, 1) for person in range(40))]
    lists = new_of(items, rows)
    assert lists[""] == [6, 4, 5]
    assert lists["odd"] == [5]
    assert new_of(items, [(0, 0, 70)])[""] == [4, 5, 6]


def test_an_item_that_sells_seldom_is_not_new_when_it_is_sold() -> None:
    """Without a snapshot the first event dates an item, if that cannot be chance."""
    seen = {
        "item-04": {"first_seen_date": RUN_DATE - timedelta(days=9)},
        "item-05": {"first_seen_date": RUN_DATE - timedelta(days=9)},
    }
    rows = [(0, 0, 99), (1, 4, 9), *((person, 5, 9 - person) for person in range(10))]
    assert new_of(items_frame(seen, N_ITEMS), rows)[""] == [5]
    assert new_of(items_frame(seen, N_ITEMS), [row for row in rows if row[2] < 10]) == {}
