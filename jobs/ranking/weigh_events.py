"""Events that dbt has not seen yet, as rows of `fct_interactions`: the same sums, as a test shows."""

from datetime import UTC, date, datetime, time
from typing import Final

import polars as pl

from reco_contracts.columns import FCT_INTERACTIONS
from reco_contracts.events import EventType
from reco_contracts.settings import InteractionsSection

# The columns of fct_interactions that models without features read.
HISTORY_SCHEMA: Final = {
    "event_date": pl.Date(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "weight": pl.Float64(),
    "is_consumed": pl.Boolean(),
}
_CONSUMES: Final = (EventType.PURCHASE.value, EventType.RATING.value, EventType.DISMISS.value)
_COUNTED: Final = {
    "views": EventType.VIEW,
    "clicks": EventType.CLICK,
    "add_to_carts": EventType.ADD_TO_CART,
    "purchases": EventType.PURCHASE,
    "returns": EventType.RETURN,
    "dismissals": EventType.DISMISS,
}
_EVENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "event_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event_type": pl.String(),
    "value": pl.Float64(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "event_date": pl.Date(),
}


def weigh_events(events: pl.DataFrame, rules: InteractionsSection) -> pl.DataFrame:
    """Sum events into a row for each user, item and day.

    Args:
        events: valid events, with `event_id`, `user_id`, `item_id`, `event_type`, `value`, `occurred_at` and
            `event_date`; an event that comes twice counts once, and impressions are no interactions.
        rules: [interactions].

    Returns:
        Columns of fct_interactions, weight as float64, sorted by user, item and day.
    """
    kind = pl.col("event_type")
    kept = events.unique("event_id", keep="first", maintain_order=True).filter(kind != EventType.IMPRESSION.value)
    stars = pl.col("value").filter(kind == EventType.RATING.value)
    rows = (
        kept.sort("occurred_at", "event_id")
        .group_by("event_date", "user_id", "item_id")
        .agg(
            *((kind == counted.value).sum().cast(pl.Int64).alias(name) for name, counted in _COUNTED.items()),
            rating=stars.last(),
            weight=_weight(rules).sum(),
            is_consumed=kind.is_in(_CONSUMES).any(),
            last_occurred_at=pl.col("occurred_at").max(),
        )
        .with_columns(is_positive=_is_positive(rules))
    )
    typed = rows.cast({"weight": pl.Float64, "rating": pl.Float64, "last_occurred_at": pl.Datetime("us", "UTC")})
    return typed.select(FCT_INTERACTIONS.column_names).sort("user_id", "item_id", "event_date")


def clicks_on(user_id: str, items: list[str], day: date, rules: InteractionsSection) -> pl.DataFrame:
    """A history of clicks at the end of a day.

    Args:
        user_id: who clicked.
        items: what; an item that comes twice was clicked twice.
        day: when.
        rules: [interactions].
    """
    late = datetime.combine(day, time.max, tzinfo=UTC)
    rows = [(str(number), user_id, item, EventType.CLICK.value, None, late, day) for number, item in enumerate(items)]
    return weigh_events(pl.DataFrame(rows, schema=_EVENT_SCHEMA, orient="row"), rules)


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


def _is_positive(rules: InteractionsSection) -> pl.Expr:
    columns = {"view": "views", "click": "clicks", "add_to_cart": "add_to_carts", "purchase": "purchases"}
    parts = [
        (pl.col("rating") >= rules.rating_positive_min).fill_null(value=False)
        if name == "rating"
        else pl.col(columns[name]) > 0
        for name in rules.positive_events
    ]
    return pl.any_horizontal(parts) if parts else pl.lit(value=False)
