"""A day that is built of the days that it says it depends on is the same as in a build of everything."""

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from jobs.warehouse.run_dbt import PROJECT_FOLDER, target_folder
from reco_contracts.settings import Settings

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
DAYS = 12
Model = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def build(empty_shop: Settings) -> Iterator[Callable[[str], Model]]:
    """Gives a model as a function of the events: the SQL that dbt compiled for a full build."""
    folder = target_folder(empty_shop.layout) / "compiled" / "reco" / "models" / "marts" / "inputs"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create table files (file_sha text, file_format text, replays text)")
        connection.execute("insert into files values ('api', 'served', null)")

        def model(name: str) -> Model:
            sql = (
                (folder / f"{name}.sql")
                .read_text()
                .replace('"reco"."intermediate"."int_events_deduplicated"', "events")
                .replace('"reco"."staging"."stg_reco__landed_files"', "files")
            )

            def rows(events: pl.DataFrame) -> pl.DataFrame:
                connection.register("events", events.to_arrow())
                return connection.sql(sql).pl().sort("event_date", "user_id", pl.first())

            return rows

        yield model


def test_a_session_needs_two_days_before_and_one_after(build: Callable[[str], Model]) -> None:
    """Users who hardly pause, so that sessions last for days and are cut."""
    text = (PROJECT_FOLDER / "models" / "marts" / "inputs" / "fct_sessions.sql").read_text()
    after, before = map(int, re.findall(r"touched_dates\(days_before=(\d), days_after=(\d)\)", text)[0])
    read = re.findall(r"dates_to_read\(days_before=(\d), days_after=(\d)\)", text)[0]
    assert set(map(int, read)) == {before + after}, "what is replaced needs as much around it again"
    events = chains(pauses=(10, 15, 30, 30), pause_share=0.01, types=("view", "click"))
    whole = build("fct_sessions")(events)
    assert whole.filter("is_over_midnight").height > 10
    assert (whole["duration_ms"] > 24 * 3_600_000).any(), "sessions through a whole day are there"
    assert_days_agree(build("fct_sessions"), events, whole, before, after)


def test_an_impression_needs_one_day_before_and_one_after(build: Callable[[str], Model]) -> None:
    """Requests that are repeated for days, of which some were posted and some served.

    As wide as 24 hours reach, which is what the macro makes of the defaults.
    """
    events = chains(pauses=(300, 900, 1_440, 1_500), pause_share=0.0, types=("impression", "click", "purchase"))
    whole = build("fct_impressions")(events)
    assert 20 < whole.height < events.filter(pl.col("event_type") == "impression").height
    assert whole["logged_by"].value_counts()["count"].min() > 5, "both kinds are there"
    assert_days_agree(build("fct_impressions"), events, whole, before=1, after=1)


def chains(pauses: tuple[int, ...], pause_share: float, types: tuple[str, ...]) -> pl.DataFrame:
    """Events of ten users, minutes apart; some pauses last for hours."""
    rng = random.Random(11)  # noqa: S311 - a repeatable draw
    rows: list[dict[str, Any]] = []
    for user in range(10):
        at = FIRST + timedelta(minutes=rng.randrange(600))
        while at < FIRST + timedelta(days=DAYS):
            row: dict[str, Any] = {
                "event_id": f"{user}-{len(rows)}",
                "user_id": f"u{user}",
                "request_id": f"r{user}",
                "item_id": "lamp",
            }
            row |= {"event_type": rng.choice(types), "surface": "home", "list_position": 1}
            row |= {"file_sha": rng.choice(("api", "api", "api", "log"))}
            rows.append({**row, "occurred_at": at, "event_date": at.date()})
            minutes = rng.randrange(60, 900) if rng.random() < pause_share else rng.choice(pauses)
            at += timedelta(minutes=minutes)
    absent = [pl.lit(None, pl.String).alias(name) for name in ("experiment", "variant", "generation")]
    return pl.DataFrame(rows).with_columns(*absent, propensity=pl.lit(None, pl.Float64))


def assert_days_agree(model: Model, events: pl.DataFrame, whole: pl.DataFrame, before: int, after: int) -> None:
    """Each day, built of `before` days before it and `after` days after it, is that day of the whole."""
    for number in range(DAYS):
        day = date(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=number)
        near = pl.col("event_date").is_between(day - timedelta(days=before), day + timedelta(days=after))
        found = model(events.filter(near)).filter(pl.col("event_date") == day)
        assert_frame_equal(found, whole.filter(pl.col("event_date") == day))
