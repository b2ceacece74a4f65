"""A small shop as marts: two tastes, a catalogue that changes, a log with a known end."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from jobs.landing.landed_schema import polars_schema
from reco_contracts.columns import DIM_ITEMS, DIM_USERS, FCT_INTERACTIONS, FEAT_ITEM_EXPOSURE_DAILY

RUN_DATE = date(2026, 3, 31)
N_USERS, N_ITEMS, DAYS = 80, 40, 80
# In the catalogue until the last day but one, and never sold: the two items that need care.
GONE, COLD = "item-00", "item-39"


def interaction(day: date, user: str, item: str, **changes: Any) -> dict[str, Any]:
    """One row of fct_interactions: a purchase, unless said otherwise."""
    row = {
        "event_date": day,
        "user_id": user,
        "item_id": item,
        "views": 0,
        "clicks": 0,
        "add_to_carts": 0,
        "purchases": 1,
        "returns": 0,
        "dismissals": 0,
        "rating": None,
        "weight": Decimal(8),
        "is_consumed": True,
        "is_positive": True,
        "last_occurred_at": datetime.combine(day, time(12), tzinfo=UTC),
    }
    return row | changes


def interactions_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as the export has them."""
    schema = {
        "rating": pl.Float64,
        "weight": pl.Decimal(18, 4),
        "last_occurred_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None).select(FCT_INTERACTIONS.column_names)


def items_frame(changes: dict[str, dict[str, Any]] | None = None, n_items: int = N_ITEMS) -> pl.DataFrame:
    """Items of two broad categories, each with two narrow ones."""
    rows = []
    for number in range(n_items):
        item_id, taste = f"item-{number:02d}", "even" if number % 2 == 0 else "odd"
        narrow = f"{taste} {'low' if number < n_items // 2 else 'high'}"
        row = dict.fromkeys(DIM_ITEMS.column_names) | {
            "item_id": item_id,
            "title": f"Title {number}",
            "categories": [taste, narrow],
            "category_level_1": taste,
            "category_level_2": narrow,
            "diversity_category": narrow,
            "is_available": True,
        }
        rows.append(row | (changes or {}).get(item_id, {}))
    return pl.DataFrame(rows, schema=polars_schema(DIM_ITEMS))


def shop_rows() -> list[dict[str, Any]]:
    """Users of even number buy even items, one in ten days; nobody buys the cold item."""
    rng = np.random.default_rng(4)
    rows = {}
    for user in range(N_USERS):
        own = [number for number in range(N_ITEMS) if number % 2 == user % 2 and f"item-{number:02d}" != COLD]
        for age in range(user % 10, DAYS, 10):
            day = RUN_DATE - timedelta(days=age)
            item = f"item-{rng.choice(own):02d}"
            rows[day, user, item] = interaction(day, f"user-{user:02d}", item)
    return list(rows.values())


def users_frame(names: list[str]) -> pl.DataFrame:
    """Users of two segments, by the last digit of their number."""
    rows = [
        dict.fromkeys(DIM_USERS.column_names)
        | {"user_id": name, "segment": ("even", "odd")[int(name[-1]) % 2] if name[-1].isdigit() else None}
        for name in sorted(names)
    ]
    return pl.DataFrame(rows, schema=polars_schema(DIM_USERS))


def exposure_frame(shown: dict[str, int]) -> pl.DataFrame:
    """How often items were shown, all of it on the run date."""
    rows = [
        {"event_date": RUN_DATE, "item_id": item, "impressions": count, "clicked_impressions": 0}
        for item, count in shown.items()
    ]
    return pl.DataFrame(rows, schema=polars_schema(FEAT_ITEM_EXPOSURE_DAILY))
