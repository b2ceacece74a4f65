"""What users did since their generation was ranked, from the landed files themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from jobs.draining.land_spool import POSTED
from jobs.landing.ledger import LANDED, LedgerEntry
from jobs.ranking.weigh_events import weigh_events
from jobs.warehouse.read_marts import read_interactions
from reco_contracts.artifacts import Layout
from reco_contracts.events import EventType
from reco_contracts.settings import InteractionsSection

_COLUMNS = ("event_id", "user_id", "item_id", "event_type", "value", "occurred_at")


@dataclass(frozen=True, slots=True)
class Touched:
    """Users whose lists are no longer up to date.

    Attributes:
        users: their ids, sorted.
        revision: of the newest ledger entry that was looked at.
    """

    users: pl.Series
    revision: int


def touched_users(layout: Layout, entries: Iterable[LedgerEntry], since: int, first_day: date) -> Touched:
    """Who did something in posted files that were landed after a revision of the ledger.

    Args:
        layout: where the landed files are.
        entries: of the ledger.
        since: revision up to which everybody was folded in already.
        first_day: events of earlier days are in the model.
    """
    fresh = [e for e in entries if e.kind == "events" and e.format == POSTED and e.revision > since]
    rows = _events(layout, [e for e in fresh if e.state == LANDED], first_day)
    users = rows.select("user_id").unique().collect()["user_id"].sort()
    return Touched(users, max((entry.revision for entry in fresh), default=since))


def newest_history(
    layout: Layout,
    entries: Iterable[LedgerEntry],
    users: pl.Series,
    first_day: date,
    rules: InteractionsSection,
) -> pl.DataFrame:
    """Columns of fct_interactions: the marts, but all of some users' days from `first_day` on as they are landed now.

    The marts may hold a part of such a day or none of it; the landed files hold what there is.

    Args:
        layout: where marts and landed files are.
        entries: of the ledger.
        users: ids.
        first_day: see above.
        rules: [interactions].
    """
    in_force = [entry for entry in entries if entry.kind == "events" and entry.state == LANDED]
    events = _events(layout, in_force, first_day).filter(pl.col("user_id").is_in(users.implode())).collect()
    newest = weigh_events(events.sort("landed_at", "file_sha", "line"), rules)
    known = read_interactions(layout, date.max)
    is_replaced = (pl.col("event_date") >= first_day) & pl.col("user_id").is_in(users.implode())
    return pl.concat([known.filter(~is_replaced), newest])


def _events(layout: Layout, entries: Iterable[LedgerEntry], first_day: date) -> pl.LazyFrame:
    """What is no impression of some files, from a day on."""
    parts = [
        pl.scan_parquet(layout.landing("events") / f"event_date={day}" / f"{entry.file_sha}.parquet").select(
            *_COLUMNS, "landed_at", "file_sha", "line", event_date=pl.lit(day)
        )
        for entry in entries
        for day in entry.event_dates
        if day >= first_day
    ]
    if not parts:
        return _nothing()
    return pl.concat(parts).filter(pl.col("event_type") != EventType.IMPRESSION.value)


def _nothing() -> pl.LazyFrame:
    texts = dict.fromkeys(("event_id", "user_id", "item_id", "event_type"), pl.String())
    times = dict.fromkeys(("occurred_at", "landed_at"), pl.Datetime("us", "UTC"))
    rest = {"value": pl.Float64(), "file_sha": pl.String(), "line": pl.Int64(), "event_date": pl.Date()}
    return pl.LazyFrame(schema={**texts, **times, **rest})
