"""The as-of join of features gives what Feast's historical retrieval gives, row for row."""

import warnings
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from exported_marts import Day, export_marts
from polars.testing import assert_frame_equal

from jobs.features import apply_features, build_features
from jobs.features.build_features import feature_timestamp, partition_path
from jobs.features.feast_store import open_feature_store
from jobs.features.join_features import ROW_TIMESTAMP, inputs_of_history, join_features
from jobs.warehouse.read_marts import read_interactions
from reco_contracts.columns import DIM_ITEMS, FEATURE_TIMESTAMP, ITEM_FEATURES, USER_FEATURES, Table
from reco_contracts.errors import ContractError
from reco_contracts.settings import PathsSection, Settings, load_settings

FIRST, SECOND = date(2024, 3, 10), date(2024, 3, 31)
HISTORY = [
    Day(date(2024, 3, 9), "anna", "lamp", interactions=2, purchases=1, weight=9),
    Day(date(2024, 3, 10), "anna", "book", interactions=1, purchases=1, weight=8),
    Day(date(2024, 3, 20), "anna", "lamp", interactions=3, purchases=0, weight=3),
    Day(date(2024, 3, 20), "bert", "rug", interactions=1, purchases=1, weight=8),
    Day(date(2024, 3, 31), "bert", "lamp", interactions=1, purchases=1, weight=8),
]
CATEGORIES = {"lamp": "home", "rug": "home", "book": "media"}
# Before everything, at the very moment of a stamp, a breath before it, between the two, and long after both.
MOMENTS = [
    datetime(2024, 3, 1, tzinfo=UTC),
    feature_timestamp(FIRST) - timedelta(microseconds=1),
    feature_timestamp(FIRST),
    datetime(2024, 3, 21, 13, 7, tzinfo=UTC),
    feature_timestamp(SECOND) - timedelta(microseconds=1),
    feature_timestamp(SECOND),
    datetime(2030, 1, 1, tzinfo=UTC),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data folder with the features of two days, three weeks apart."""
    settings = load_settings(paths=PathsSection(data=tmp_path_factory.mktemp("features")))
    export_marts(settings.layout, HISTORY, CATEGORIES)
    for day in (FIRST, SECOND):
        build_features.run(day, settings)
    apply_features.run(settings)
    return settings


def ask_feast(settings: Settings, view: Table, rows: pl.DataFrame, features: list[str]) -> pl.DataFrame:
    """Feast's own historical retrieval."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Feast's engine calls DuckDB by an old name
        answer = open_feature_store(settings).get_historical_features(
            entity_df=rows.to_pandas(), features=[f"{view.name}:{name}" for name in features]
        )
        return pl.from_pandas(answer.to_df()).select(view.key[0], ROW_TIMESTAMP, *features)


def built_rows(settings: Settings, view: Table) -> pl.DataFrame:
    """What Feast reads: every partition of a view."""
    paths = [partition_path(settings.layout, view.name, day) for day in (FIRST, SECOND)]
    return pl.concat(pl.read_parquet(path, hive_partitioning=False) for path in paths)


def asked(view: Table, names: list[str]) -> pl.DataFrame:
    """Every name at every moment, the latest first: an order that no sort would leave."""
    rows = [(name, moment) for moment in reversed(MOMENTS) for name in names]
    schema = {view.key[0]: pl.String, ROW_TIMESTAMP: pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("view", "names"),
    [(USER_FEATURES, ["bert", "anna", "nobody"]), (ITEM_FEATURES, ["rug", "lamp", "book", "nothing"])],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_join_gives_what_feast_gives(settings: Settings, view: Table, names: list[str]) -> None:
    rows = asked(view, names)
    features = [name for name in view.column_names if name not in (view.key[0], FEATURE_TIMESTAMP)]
    theirs = ask_feast(settings, view, rows, features)
    ours = join_features(rows, built_rows(settings, view), view).drop(FEATURE_TIMESTAMP)
    order = [ROW_TIMESTAMP, view.key[0]]
    types = dict(ours.schema)
    assert len(ours) == len(names) * len(MOMENTS)
    assert ours[features[0]].null_count() > 0
    assert ours[features[0]].n_unique() > 2
    assert_frame_equal(
        theirs.with_columns(pl.col(name).cast(types[name]) for name in types).sort(order), ours.sort(order)
    )


def test_rows_keep_their_order_and_their_other_columns(settings: Settings) -> None:
    rows = asked(USER_FEATURES, ["bert", "anna"]).with_columns(pl.lit(1).alias("label"))
    joined = join_features(rows, built_rows(settings, USER_FEATURES), USER_FEATURES)
    assert joined.select(rows.columns).equals(rows)


def test_no_row_knows_anything_later_than_its_moment(settings: Settings) -> None:
    rows = asked(ITEM_FEATURES, ["lamp", "rug", "book"])
    joined = join_features(rows, built_rows(settings, ITEM_FEATURES), ITEM_FEATURES)
    known = joined.drop_nulls(FEATURE_TIMESTAMP)
    assert len(known) > 0
    assert (known[FEATURE_TIMESTAMP] <= known[ROW_TIMESTAMP]).all()


@pytest.mark.parametrize("day", [FIRST, date(2024, 3, 20), SECOND])
def test_features_of_a_part_of_the_log_are_those_that_were_built_on_the_day(settings: Settings, day: date) -> None:
    build_features.run(day, settings)
    items = pl.read_parquet(settings.layout.export(DIM_ITEMS.name))
    inputs = inputs_of_history(read_interactions(settings.layout, day), items)
    for view, build in ((USER_FEATURES, build_features.user_features), (ITEM_FEATURES, build_features.item_features)):
        built = pl.read_parquet(partition_path(settings.layout, view.name, day), hive_partitioning=False)
        assert_frame_equal(build(inputs, day), built, rel_tol=1e-9)


def test_a_missing_column_is_named(settings: Settings) -> None:
    features = built_rows(settings, USER_FEATURES)
    with pytest.raises(ContractError, match="the rows lack the columns event_timestamp"):
        join_features(pl.DataFrame({"user_id": ["anna"]}), features, USER_FEATURES)
