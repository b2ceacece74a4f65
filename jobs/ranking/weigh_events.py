"""Events that dbt has not seen yet, as rows of a history: the sums of `fct_interactions`, as a test shows."""

from datetime import date
from typing import Final

import polars as pl

from reco_contracts.events import EventType
from reco_contracts.settings import InteractionsSection

# The columns of fct_interactions that ranking reads.
HISTORY_SCHEMA: Final = {
    "event_date": pl.Date(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "weight": pl.Float64(),
    "is_consumed": pl.Boolean(),
}
_CONSUMES: Final = (EventType.PURCHASE.value, EventType.RATING.value, EventType.DISMISS.value)


def weigh_events(events: pl.DataFrame, rules: InteractionsSection) -> pl.DataFrame:
    """Sum events into a row for each user, item and day.

    Args:
        events: valid events, with `event_id`, `user_id`, `item_id`, `event_type`, `value` and `event_date`;
            an event that comes twice counts once, and impressions are no interactions.
        rules: [interactions].

    Returns:
        HISTORY_SCHEMA, sorted by user, item and day.
    """
    kind = pl.col("event_type")
    kept = events.unique("event_id", keep="first", maintain_order=True).filter(kind != EventType.IMPRESSION.value)
    rows = kept.group_by("event_date", "user_id", "item_id").agg(
        weight=_weight(rules).sum(), is_consumed=kind.is_in(_CONSUMES).any()
    )
    return rows.cast({"weight": pl.Float64}).select(*HISTORY_SCHEMA).sort("user_id", "item_id", "event_date")


def clicks_on(user_id: str, items: list[str], day: date, rules: InteractionsSection) -> pl.DataFrame:
    """A history of clicks, one an item.

    Args:
        user_id: who clicked.
        items: what; an item that comes twice was clicked twice.
        day: when.
        rules: [interactions].
    """
    rows = [(day, user_id, item, items.count(item) * rules.click_weight, False) for item in sorted({*items})]
    return pl.DataFrame(rows, schema=HISTORY_SCHEMA, orient="row")


def _weight(rules: InteractionsSection) -> pl.Expr:
    kind = pl.col("event_type")
    rating = pl.when(pl.col("value") >= rules.rating_positive_min).then(rules.rating_weight).otherwise(0.0)
    plain = {
        EventType.VIEW: rules.view_weight,
        EventType.CLICK: rules.click_weight,
        EventType.ADD_TO_CART: rules.add_to_cart_weight,
        EventType.PURCHASE: rules.purchase_weight,
        EventType.RETURN: rules.return_weight,
    }
    weight = pl.when(kind == EventType.RATING.value).then(rating).otherwise(0.0)
    for event_type, worth in plain.items():
        weight = pl.when(kind == event_type.value).then(worth).otherwise(weight)
    return weight.cast(pl.Decimal(18, 4))
