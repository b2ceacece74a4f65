"""Column names, types and meanings of every table that leaves its room.

dbt's YAML, the Polars frames, the Great Expectations suites and the Feast views
use these names; a test compares them both ways.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class DType(StrEnum):
    """Logical types; each room maps them to its engine's own."""

    STRING = "string"
    STRINGS = "list of string"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT64 = "float64"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"  # microseconds, UTC
    DECIMAL = "decimal(18,4)"  # money and weights: a sum does not depend on its order


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table contract."""

    name: str
    dtype: DType
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table contract.

    Attributes:
        name: its name in dbt, in `data/exports` and in Feast.
        key: the columns that are unique together; the grain.
        columns: in order.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


_S, _I64, _F, _B, _D, _T, _DEC = (
    DType.STRING,
    DType.INT64,
    DType.FLOAT64,
    DType.BOOL,
    DType.DATE,
    DType.TIMESTAMP,
    DType.DECIMAL,
)

# --- landing: Parquet files, one folder a kind, partitioned by event_date -----------------

_LINEAGE: Final = (Column("file_sha", _S), Column("line", _I64), Column("landed_at", _T))

LANDED_EVENTS: Final = Table(
    "events",
    ("file_sha", "line"),
    (
        Column("event_id", _S),
        Column("user_id", _S),
        Column("item_id", _S),
        Column("event_type", _S),
        Column("value", _F, nullable=True),
        Column("occurred_at", _T),
        Column("price", _F, nullable=True),
        Column("currency", _S, nullable=True),
        Column("request_id", _S, nullable=True),
        Column("surface", _S, nullable=True),
        Column("experiment", _S, nullable=True),
        Column("variant", _S, nullable=True),
        Column("generation", _S, nullable=True),
        Column("position", DType.INT32, nullable=True),
        Column("propensity", _F, nullable=True),
        *_LINEAGE,
    ),
)

LANDED_ITEMS: Final = Table(
    "items",
    ("file_sha", "line"),
    (
        Column("item_id", _S),
        Column("title", _S, nullable=True),
        Column("categories", DType.STRINGS, nullable=True),  # broad to narrow
        Column("available_from", _T, nullable=True),
        Column("available_until", _T, nullable=True),
        Column("price", _F, nullable=True),
        Column("seller", _S, nullable=True),
        Column("brand", _S, nullable=True),
        Column("min_age", DType.INT32, nullable=True),
        Column("markets", DType.STRINGS, nullable=True),
        Column("attributes", _S, nullable=True),  # JSON object as text
        *_LINEAGE,
    ),
)

LANDED_USERS: Final = Table(
    "users",
    ("file_sha", "line"),
    (
        Column("user_id", _S),
        Column("market", _S, nullable=True),
        Column("segment", _S, nullable=True),
        Column("birth_year", DType.INT32, nullable=True),
        *_LINEAGE,
    ),
)

QUARANTINE: Final = Table(
    "quarantine",
    ("file_sha", "line"),
    (
        Column("kind", _S),
        Column("file_name", _S),
        Column("file_sha", _S),
        Column("line", _I64),  # 1-based physical line where the row starts; row number for Parquet
        Column("reason", _S),  # events.RejectReason
        Column("detail", _S, nullable=True),
        Column("raw", _S),
        Column("fields", _S),  # JSON object: what the reader made of the row, the kind's columns as text
        Column("event_date", _D, nullable=True),  # where the row's time could be read; a snapshot's date
        Column("landed_at", _T),
    ),
)

REPLAYED_ROWS: Final = Table(
    "replayed_rows",
    ("replay_sha", "file_sha", "line"),
    (
        Column("replay_sha", _S),  # the file that holds the repaired row; counts while the ledger has it as landed
        Column("file_sha", _S),  # where the row was rejected
        Column("line", _I64),
    ),
)

# --- marts: dbt, exported to data/exports/<name>.parquet ----------------------------------

DIM_USERS: Final = Table(
    "dim_users",
    ("user_id",),
    (
        Column("user_id", _S),
        Column("market", _S, nullable=True),
        Column("segment", _S, nullable=True),
        Column("birth_year", DType.INT32, nullable=True),
        Column("first_seen_date", _D, nullable=True),
        Column("last_seen_date", _D, nullable=True),
        Column("interaction_days", _I64),
    ),
)

DIM_ITEMS: Final = Table(
    "dim_items",
    ("item_id",),
    (
        Column("item_id", _S),
        Column("title", _S),  # the id where no snapshot names it
        Column("categories", DType.STRINGS),
        Column("category_level_1", _S, nullable=True),  # broadest; null where the catalogue has tags
        Column("category_level_2", _S, nullable=True),
        Column("category_level_3", _S, nullable=True),
        Column("diversity_category", _S, nullable=True),  # the one category that diversity counts
        Column("price", _F, nullable=True),
        Column("seller", _S, nullable=True),
        Column("brand", _S, nullable=True),
        Column("min_age", DType.INT32, nullable=True),  # years that who sees it must have; null = everybody
        Column("markets", DType.STRINGS, nullable=True),  # where it may be shown; null = everywhere
        Column("attributes", _S, nullable=True),  # JSON object as text
        Column("available_from", _T, nullable=True),
        Column("available_until", _T, nullable=True),
        Column("is_available", _B),  # at the end of the log's last day
        Column("snapshot_date", _D, nullable=True),
        Column("first_seen_date", _D, nullable=True),
        Column("last_seen_date", _D, nullable=True),
    ),
)

FCT_INTERACTIONS: Final = Table(
    "fct_interactions",
    ("user_id", "item_id", "event_date"),
    (
        Column("event_date", _D),
        Column("user_id", _S),
        Column("item_id", _S),
        Column("views", _I64),
        Column("clicks", _I64),
        Column("add_to_carts", _I64),
        Column("purchases", _I64),
        Column("returns", _I64),
        Column("dismissals", _I64),
        Column("rating", _F, nullable=True),  # the day's last stars
        Column("weight", _DEC),  # sum of event weights, undecayed; may be negative after a return
        Column("is_consumed", _B),  # bought, rated or dismissed: what exclude_seen removes
        Column("is_positive", _B),  # counts as a hit in evaluation
        Column("last_occurred_at", _T),
    ),
)

FEAT_USER_DAILY: Final = Table(
    "feat_user_daily",
    ("user_id", "event_date"),
    (
        Column("event_date", _D),
        Column("user_id", _S),
        Column("interactions", _I64),
        Column("purchases", _I64),
        Column("distinct_items", _I64),
        Column("weight", _DEC),
    ),
)

FEAT_ITEM_DAILY: Final = Table(
    "feat_item_daily",
    ("item_id", "event_date"),
    (
        Column("event_date", _D),
        Column("item_id", _S),
        Column("interactions", _I64),
        Column("purchases", _I64),
        Column("distinct_users", _I64),
        Column("weight", _DEC),
    ),
)

FEAT_ITEM_EXPOSURE_DAILY: Final = Table(
    "feat_item_exposure_daily",
    ("item_id", "event_date"),
    (
        Column("event_date", _D),
        Column("item_id", _S),
        Column("impressions", _I64),
        Column("clicked_impressions", _I64),
    ),
)

MARTS_TO_EXPORT: Final = (
    DIM_USERS,
    DIM_ITEMS,
    FCT_INTERACTIONS,
    FEAT_USER_DAILY,
    FEAT_ITEM_DAILY,
    FEAT_ITEM_EXPOSURE_DAILY,
)

# --- features: Polars writes them, Feast reads them ----------------------------------------

FEATURE_TIMESTAMP: Final = "feature_timestamp"

USER_FEATURES: Final = Table(
    "user_features",
    ("user_id", FEATURE_TIMESTAMP),
    (
        Column("user_id", _S),
        Column(FEATURE_TIMESTAMP, _T),
        Column("interactions_7d", _I64),
        Column("interactions_30d", _I64),
        Column("purchases_30d", _I64),
        Column("distinct_items_30d", _I64),
        Column("days_since_last_interaction", _I64),
        Column("mean_weight_30d", _F),
        Column("top_category", _S, nullable=True),
    ),
)

ITEM_FEATURES: Final = Table(
    "item_features",
    ("item_id", FEATURE_TIMESTAMP),
    (
        Column("item_id", _S),
        Column(FEATURE_TIMESTAMP, _T),
        Column("interactions_7d", _I64),
        Column("interactions_30d", _I64),
        Column("purchases_30d", _I64),
        Column("distinct_users_30d", _I64),
        Column("days_since_first_interaction", _I64),
        Column("trend_7d", _F),  # interactions_7d / (interactions_30d * 7 / 30), 0 without history
    ),
)

FEATURE_VIEWS: Final = (USER_FEATURES, ITEM_FEATURES)

# --- lists: data/lists/<generation>/<surface>/<variant>.parquet ----------------------------

LIST_SUBJECT: Final = "subject"
LIST_ITEMS: Final = "item_indices"  # list of int32, best first, indices into catalogue.parquet
LIST_SCORES: Final = "scores"  # list of float32, unscaled
LIST_REASONS: Final = "reasons"  # list of uint8, reasons.Reason
LIST_SEEDS: Final = "seeds"  # list of int32, -1 where the reason has no seed
LIST_COLUMNS: Final = (LIST_SUBJECT, LIST_ITEMS, LIST_SCORES, LIST_REASONS, LIST_SEEDS)

# --- contributors: data/lists/<generation>/why/<surface>/<variant>.parquet -----------------

WHY_SIGNALS: Final = "signals"  # list of uint8, signals.Signal: of the first items in turn, so many of each
WHY_SEEDS: Final = "seeds"  # list of int32, indices into catalogue.parquet; -1 = none
WHY_SHARES: Final = "shares"  # list of float32, of the item's score
WHY_COLUMNS: Final = (LIST_SUBJECT, WHY_SIGNALS, WHY_SEEDS, WHY_SHARES)

# data/lists/<generation>/catalogue.parquet: row number = item index of the generation.
CATALOGUE_COLUMNS: Final = ("item_id", "title", "categories", "diversity_category", "is_available")
