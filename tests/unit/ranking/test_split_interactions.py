"""Nothing of a period may be known before it."""

from datetime import date, timedelta

import polars as pl
from small_shop import RUN_DATE, interaction, interactions_frame, items_frame, shop_rows, users_frame

from jobs.evaluation.ranking_task import available_on, make_task, only_new_items
from jobs.evaluation.split_interactions import split_globally, split_per_user


def shop() -> pl.DataFrame:
    return interactions_frame(shop_rows()).with_columns(pl.col("weight").cast(pl.Float64))


def test_global_periods_follow_each_other_and_end_at_the_run_date() -> None:
    split = split_globally(shop(), RUN_DATE, validation_days=14, test_days=7)
    assert (split.test.first_day, split.test.last_day) == (date(2026, 3, 25), RUN_DATE)
    assert (split.validation.first_day, split.validation.last_day) == (date(2026, 3, 11), date(2026, 3, 24))
    for fold in (split.validation, split.test):
        assert fold.history["event_date"].max() < fold.target["event_date"].min()
        assert fold.as_of == fold.first_day - timedelta(days=1)
    assert len(split.test.history) == len(split.validation.history) + len(split.validation.target)
    assert len(split.test.history) + len(split.test.target) == len(shop())


def test_per_user_periods_are_the_last_fifths_of_each_log_in_order_of_time() -> None:
    # The ids run against the time.
    rows = [interaction(RUN_DATE - timedelta(days=11 - n), "ten", f"item-{9 - n:02d}") for n in range(10)]
    rows += [interaction(RUN_DATE, "four", f"item-{n:02d}") for n in range(4)]
    split = split_per_user(interactions_frame(rows[::-1]), RUN_DATE)
    assert split.test.target["item_id"].to_list() == ["item-00", "item-01"]
    assert split.validation.target["item_id"].to_list() == ["item-02", "item-03"]
    assert split.validation.history.filter(pl.col("user_id") == "ten")["item_id"].to_list() == [
        f"item-{n:02d}" for n in range(4, 10)
    ]
    assert len(split.test.history) == 4 + 8


def test_only_users_with_a_history_and_something_to_find_are_asked_for() -> None:
    cut, later = RUN_DATE - timedelta(days=5), RUN_DATE
    rows = [
        interaction(cut, "warm", "item-01"),
        interaction(later, "warm", "item-02"),
        interaction(later, "newcomer", "item-02"),
        interaction(cut, "gone", "item-01"),
        interaction(cut, "unhappy", "item-01"),
        interaction(later, "unhappy", "item-03", is_positive=False),
        interaction(cut, "again", "item-04"),
        interaction(later, "again", "item-04"),
    ]
    frame = interactions_frame(rows).with_columns(pl.col("weight").cast(pl.Float64))
    fold = split_globally(frame, RUN_DATE, validation_days=1, test_days=2).test
    users = ["again", "gone", "unhappy", "warm"]
    forever, off = (make_task(fold, items_frame(), users_frame([]), rule) for rule in ("forever", "off"))
    assert [users[row] for row in forever.rows] == ["warm"]
    assert [users[row] for row in off.rows] == ["again", "warm"]
    assert off.truth.indices.tolist() == [4, 2]
    assert off.blocked.nnz == 0
    assert forever.blocked.indices.tolist() == [1]
    assert [users[row] for row in only_new_items(off).rows] == ["warm"]
    # Consumed six days before the last day that is known: within six days of it, not within five.
    assert [users[row] for row in make_task(fold, items_frame(), users_frame([]), 5).rows] == ["warm"]
    assert [users[row] for row in make_task(fold, items_frame(), users_frame([]), 3).rows] == ["again", "warm"]


def test_availability_is_that_of_the_end_of_the_day() -> None:
    noon = pl.datetime(2026, 3, 31, 12, time_zone="UTC")
    items = items_frame(n_items=4).with_columns(
        pl.when(pl.col("item_id") == "item-01").then(noon).alias("available_from"),
        pl.when(pl.col("item_id") == "item-02").then(noon).alias("available_until"),
    )
    assert available_on(items, date(2026, 3, 30)).tolist() == [True, False, True, True]
    assert available_on(items, date(2026, 3, 31)).tolist() == [True, True, False, True]
