"""What was known of users and items at a moment: the newest feature row at or before it, never a later one.

Feast's `get_historical_features` gives the same rows (its views have no limit of
age); this join needs no registry, and takes rows that lie nowhere on disk.
"""

from typing import Final

import polars as pl

from jobs.features.build_features import FeatureInputs
from reco_contracts.columns import FEATURE_TIMESTAMP, Table
from reco_contracts.errors import ContractError

# Feast's name for the moment that a row asks for.
ROW_TIMESTAMP: Final = "event_timestamp"
# The columns of fct_interactions that count events; a rating counts as one more.
COUNTED_EVENTS: Final = ("views", "clicks", "add_to_carts", "purchases", "returns", "dismissals")


def join_features(rows: pl.DataFrame, features: pl.DataFrame, view: Table) -> pl.DataFrame:
    """Add to each row the features of its entity as of its moment.

    Args:
        rows: the view's entity id, and ROW_TIMESTAMP in UTC; any further columns stay.
        features: rows of the view, of any number of days.
        view: USER_FEATURES or ITEM_FEATURES.

    Returns:
        The rows in their order with the view's columns, FEATURE_TIMESTAMP among them; all of them null
        where nothing was known yet.

    Raises:
        ContractError: a column is missing.
    """
    key = view.key[0]
    _require(rows, (key, ROW_TIMESTAMP), "the rows")
    _require(features, view.column_names, f"the features of {view.name}")
    moments = rows.with_row_index("_row").with_columns(pl.col(ROW_TIMESTAMP).cast(pl.Datetime("us", "UTC")))
    known = features.select(view.column_names).with_columns(pl.col(FEATURE_TIMESTAMP).alias("_known_at"))
    joined = moments.sort(ROW_TIMESTAMP).join_asof(
        known.sort("_known_at"),
        left_on=ROW_TIMESTAMP,
        right_on="_known_at",
        by=key,
        strategy="backward",
        check_sortedness=False,  # cannot be checked within groups; both sides are sorted here
    )
    return joined.sort("_row").drop("_row", "_known_at", strict=False)


def inputs_of_history(history: pl.DataFrame, items: pl.DataFrame) -> FeatureInputs:
    """The marts that features are made of, from a part of the log alone.

    So features of a cut in the past come from the same functions as those of today, and know no more
    than the history that they are given. The daily counts are those of the marts, but for an item that
    a user rates twice in a day, which counts once.

    Args:
        history: columns of fct_interactions; what is not in it does not exist.
        items: dim_items.
    """
    # Exact sums: those of doubles depend on the order in which threads meet them.
    rows = history.with_columns(
        pl.col("weight").cast(pl.Decimal(18, 4)),
        (pl.sum_horizontal(COUNTED_EVENTS) + pl.col("rating").is_not_null()).alias("interactions"),
    )
    user_daily, item_daily = (_daily(rows, key) for key in ("user_id", "item_id"))
    return FeatureInputs(user_daily, item_daily, rows.lazy(), items.lazy())


def _daily(rows: pl.DataFrame, key: str) -> pl.LazyFrame:
    sums = [pl.col(name).sum() for name in ("interactions", "purchases", "weight")]
    return rows.group_by(key, "event_date").agg(sums).lazy()


def _require(frame: pl.DataFrame, names: tuple[str, ...], what: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ContractError(f"{what} lack the columns {', '.join(missing)}; there are {', '.join(frame.columns)}")
