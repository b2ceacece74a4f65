"""`dbt build` turns shown lists into impressions, sessions and reports whose content is known by hand."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hand_made_lists import DAY_7, DAY_8, land_late_days, write_listed_shop
from hand_made_shop import DAY_1, DAY_2, DAY_3, settings_for

from jobs.warehouse.run_dbt import run
from reco_contracts.errors import ValidationFailedError
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def listed_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shop with lists, its inputs built and tested. Tests only read it."""
    settings = settings_for(tmp_path_factory.mktemp("listed"))
    write_listed_shop(settings.layout)
    run(["build", "--select", "tag:inputs", "--warn-error", "--quiet"], settings)
    return settings


def test_an_impression_is_one_row_with_its_answers_on_it(listed_shop: Settings, query: Query) -> None:
    """Clicks after midnight belong to the day of the impression; a repeat is none; a second too late is too late."""
    found = query(
        listed_shop,
        """
        select event_date, request_id, position, item_id, variant, is_clicked, is_carted, is_purchased
        from marts.fct_impressions order by event_date, request_id, position
        """,
    )
    assert found == [
        (DAY_1, "r1", 1, "lamp", "a", True, True, True),
        (DAY_1, "r1", 2, "book", "a", True, False, False),
        (DAY_1, "r1", 3, "vase", "a", False, False, False),
        (DAY_2, "r2", 1, "lamp", "b", True, False, False),
        (DAY_2, "r2", 2, "book", "b", False, False, False),
        (DAY_2, "r3", 1, "vase", "default", False, False, False),
        (DAY_8, "r4", 1, "lamp", "default", False, False, False),
    ]


def test_an_impression_keeps_its_context_and_its_first_click(listed_shop: Settings, query: Query) -> None:
    found = query(
        listed_shop,
        """
        select impression_id, user_id, surface, experiment, propensity, generation, logged_by, clicked_at
        from marts.fct_impressions where position = 1 order by 1
        """,
    )
    assert found == [
        ("a1", "anna", "home", "ranking", 0.5, None, "client", datetime(2024, 4, 1, 23, 45, tzinfo=UTC)),
        ("b1", "bert", "home", "ranking", None, None, "client", datetime(2024, 4, 3, 10, tzinfo=UTC)),
        ("c1", "carl", "mail", None, None, None, "client", None),
        ("d1", "dora", "mail", None, None, None, "client", None),
    ]


def test_a_session_over_midnight_is_dated_by_its_start(listed_shop: Settings, query: Query) -> None:
    found = query(
        listed_shop,
        """
        select event_date, user_id, events, distinct_items, clicks, purchases, duration_ms, is_over_midnight
        from marts.fct_sessions order by started_at
        """,
    )
    assert found == [
        (DAY_1, "anna", 9, 3, 3, 1, 35 * 60_000, True),
        (DAY_2, "bert", 2, 2, 0, 0, 0, False),
        (DAY_2, "carl", 1, 1, 0, 0, 0, False),
        (DAY_3, "bert", 2, 2, 2, 0, 1_000, False),
        (DAY_8, "dora", 2, 1, 0, 0, 10 * 60_000, False),
        (DAY_8, "carl", 2, 1, 0, 2, 10 * 60_000, False),
    ]


def test_a_funnel_is_counted_by_surface_and_variant(listed_shop: Settings, query: Query) -> None:
    found = query(
        listed_shop,
        """
        select event_date, surface, variant, requests, impressions, clicked_impressions, carted_impressions,
            purchased_impressions, round(ctr, 4), basket_rate, purchase_rate
        from marts.rpt_funnel order by all
        """,
    )
    assert found == [
        (DAY_1, "home", "a", 1, 3, 2, 1, 1, 0.6667, 0.5, 1.0),
        (DAY_2, "home", "b", 1, 2, 1, 0, 0, 0.5, 0.0, None),
        (DAY_2, "mail", "default", 1, 1, 0, 0, 0, 0.0, None, None),
        (DAY_8, "mail", "default", 1, 1, 0, 0, 0, 0.0, None, None),
    ]


def test_an_experiment_counts_users_of_its_arms_alone(listed_shop: Settings, query: Query) -> None:
    columns = "event_date, experiment, variant, users, clicking_users, buying_users, impressions, ctr"
    found = query(listed_shop, f"select {columns} from marts.rpt_experiment_daily order by all")  # noqa: S608
    assert found == [
        (DAY_1, "ranking", "a", 1, 1, 1, 3, pytest.approx(2 / 3)),
        (DAY_2, "ranking", "b", 1, 1, 0, 2, 0.5),
    ]


def test_an_items_day_has_its_money_in_one_currency(listed_shop: Settings, query: Query) -> None:
    """Two lamps at 10.50 are 21; the vase was bought in two currencies, which do not add up."""
    found = query(
        listed_shop,
        """
        select event_date, item_id, impressions, clicked_impressions, users, clicks, purchases, units, revenue, currency
        from marts.rpt_item_performance where item_id <> 'book' order by all
        """,
    )
    assert found == [
        (DAY_1, "lamp", 1, 1, 1, 2, 0, Decimal(0), None, None),
        (DAY_1, "vase", 1, 0, 0, 0, 0, Decimal(0), None, None),
        (DAY_2, "lamp", 1, 1, 1, 0, 1, Decimal(2), Decimal("21.0000"), "EUR"),
        (DAY_2, "vase", 1, 0, 0, 0, 0, Decimal(0), None, None),
        (DAY_3, "lamp", 0, 0, 1, 1, 0, Decimal(0), None, None),
        (DAY_8, "lamp", 1, 0, 1, 0, 0, Decimal(0), None, None),
        (DAY_8, "vase", 0, 0, 1, 0, 2, Decimal(2), None, None),
    ]


def test_a_day_has_its_users_sessions_and_clicks(listed_shop: Settings, query: Query) -> None:
    found = query(
        listed_shop,
        """
        select event_date, active_users, buying_users, sessions, mean_session_seconds, impressions, clicked_impressions,
            clicks, add_to_carts, purchases
        from marts.rpt_daily_engagement order by 1
        """,
    )
    assert found == [
        (DAY_1, 1, 0, 1, 2_100.0, 3, 2, 2, 1, 0),
        (DAY_2, 1, 1, 2, 0.0, 3, 1, 1, 0, 1),
        (DAY_3, 1, 0, 1, 1.0, 0, 0, 2, 0, 0),
        (DAY_8, 2, 1, 2, 600.0, 1, 0, 0, 0, 2),
    ]


def test_a_days_categories_are_shares_of_what_was_shown(listed_shop: Settings, query: Query) -> None:
    columns = "event_date, diversity_category, items, impressions, round(impression_share, 4), purchase_share"
    found = query(listed_shop, f"select {columns} from marts.rpt_category_mix order by all")  # noqa: S608
    assert found == [
        (DAY_1, "(none)", 1, 1, 0.3333, None),
        (DAY_1, "light", 1, 1, 0.3333, None),
        (DAY_1, "print", 1, 1, 0.3333, None),
        (DAY_2, "(none)", 1, 1, 0.3333, 0.0),
        (DAY_2, "light", 1, 1, 0.3333, 1.0),
        (DAY_2, "print", 1, 1, 0.3333, 0.0),
        (DAY_3, "light", 1, 0, None, None),
        (DAY_3, "print", 1, 0, None, None),
        (DAY_8, "(none)", 1, 0, 0.0, 1.0),
        (DAY_8, "light", 1, 1, 1.0, 0.0),
    ]


def test_a_cohort_is_followed_week_by_week(listed_shop: Settings, query: Query) -> None:
    """The log ends on a Monday, so that its week is not whole."""
    columns = "cohort_week, week_number, cohort_users, active_users, retention, is_whole_week"
    found = query(listed_shop, f"select {columns} from marts.rpt_user_retention order by all")  # noqa: S608
    assert found == [
        (DAY_1, 0, 2, 2, 1.0, True),
        (DAY_1, 1, 2, 0, 0.0, False),
        (DAY_8, 0, 2, 2, 1.0, False),
    ]


def test_an_item_has_its_levels_and_is_available_until_it_goes(listed_shop: Settings, query: Query) -> None:
    columns = "item_id, category_level_1, category_level_2, category_level_3, is_available, snapshot_date"
    found = query(listed_shop, f"select {columns} from marts.dim_items order by 1")  # noqa: S608
    assert found == [
        ("book", "media", "print", "novel", False, DAY_1),
        ("lamp", "home", "light", None, True, DAY_1),
        ("vase", None, None, None, True, None),
    ]


def test_late_days_change_their_neighbours(tmp_path: Path, listed_shop: Settings, query: Query) -> None:
    """Those before them by a click and a longer session, those after them by what they make a repeat or a sequel."""
    settings = settings_for(tmp_path / "data")
    shutil.copytree(listed_shop.layout.root, settings.layout.root, ignore=shutil.ignore_patterns("dbt"))
    land_late_days(settings.layout)
    run(["run", "--select", "tag:inputs", "--quiet"], settings)
    shown = (
        "select event_date, impression_id from marts.fct_impressions where is_clicked or request_id = 'r4' order by 2"
    )
    assert query(settings, shown) == [(DAY_1, "a1"), (DAY_1, "a2"), (DAY_1, "a3"), (DAY_2, "b1"), (DAY_7, "l3")]
    sessions = (
        "select event_date, user_id, events, duration_ms from marts.fct_sessions where user_id in ('anna', 'dora')"
    )
    assert sorted(query(settings, sessions)) == [(DAY_1, "anna", 11, 70 * 60_000), (DAY_7, "dora", 3, 25 * 60_000)]
    funnel = "select event_date, variant, clicked_impressions from marts.rpt_funnel where event_date <> '2024-04-02'"
    assert sorted(query(settings, funnel)) == [(DAY_1, "a", 3), (DAY_7, "default", 0)]


def test_the_first_day_is_a_monday() -> None:
    """Or the cohorts above would be other weeks."""
    assert date(2024, 4, 1) == DAY_1
    assert DAY_1.isoweekday() == DAY_8.isoweekday() == 1


def test_sources_of_years_ago_are_stale(listed_shop: Settings) -> None:
    """The file says that it was landed in 2024."""
    with pytest.raises(
        ValidationFailedError, match=r"2 of \d sources are too old or empty: events \(\d+ days\), ledger"
    ):
        run(["source", "freshness", "--quiet"], listed_shop)


def test_a_build_leaves_no_warning_and_no_deprecation_in_its_log(empty_shop: Settings) -> None:
    log = (empty_shop.layout.root / "dbt" / "logs" / "dbt.log").read_text()
    said = [line for line in log.splitlines() if re.search(r"\[WARNING\]|deprecat|\[warn *\]", line, re.IGNORECASE)]
    assert "Completed successfully" in log
    assert not said, "\n".join(said)
