"""Features and lists are released or refused: each check stops the run, is named, and is in the report."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import polars as pl
import pytest
from small_generation import (
    GENERATION,
    GONE,
    HISTORY,
    HOME,
    N_ITEMS,
    POPULAR,
    RUN_DATE,
    SIMILAR,
    a_list,
    write,
    write_history,
    write_items,
    write_lists,
)

from expectations.feature_suites import feature_suite
from expectations.list_suites import LIST_CHECK_COLUMNS, LIST_CHECKS, list_suite
from expectations.run_checks import SuiteRun, run_checks
from jobs.validate_outputs import validate_features, validate_lists
from reco_contracts.columns import ITEM_FEATURES, USER_FEATURES, DType, Table
from reco_contracts.errors import EmptyPartitionError, ValidationFailedError
from reco_contracts.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(paths={"data": tmp_path}, surfaces={"home": {"k": 4}}, validate={"data_docs": False})
    _write_features(settings)
    write_history(settings, HISTORY)
    write_items(settings)
    write_lists(settings)
    return settings


def with_limits(settings: Settings, **limits: Any) -> Settings:
    return settings.model_copy(update={"validate_": settings.validate_.model_copy(update=limits)})


def _feature_row(table: Table, key: str) -> dict[str, Any]:
    values: dict[DType, Any] = {DType.STRING: key, DType.INT64: 1, DType.FLOAT64: 0.5}
    row = {column.name: values.get(column.dtype) for column in table.columns}
    return row | {"feature_timestamp": datetime(2026, 2, 1, tzinfo=UTC)}


def _write_features(settings: Settings, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame) -> None:
    for table in (USER_FEATURES, ITEM_FEATURES):
        frame = pl.DataFrame([_feature_row(table, key) for key in ("a", "b")])
        write(change(frame), settings.layout.features(table.name) / f"event_date={RUN_DATE}" / "part.parquet")


def test_good_lists_pass_and_leave_a_readable_report(settings: Settings) -> None:
    summary = validate_lists(GENERATION, RUN_DATE, with_limits(settings, data_docs=True))
    assert summary["failed"] == []
    assert summary["rows"] == {
        "lists as a whole": 3,
        "lists of users": 2,
        "lists of items": 2,
        "lists of categories": 1,
    }
    home = summary["measured"]["home default"]
    assert home.startswith("2 lists of 2.5 items; coverage 1.00 of 5 items that so few users can show; ")
    assert home.endswith("the first generation, with nothing to compare")
    page = Path(summary["data_docs"]).read_text()
    assert "html" in page[:200].lower()
    assert home in page
    kept = msgspec.json.decode((settings.layout.report(RUN_DATE) / "checks_lists.json").read_bytes())
    assert kept["measured"]["home default"]["coverage"] == 1.0
    assert kept["measured"]["popular default"]["lists"] == 1


# Together they hold every fault that a list can have.
BAD_HOME = [
    a_list("u1", [2, 2, N_ITEMS, -1, GONE]) | {"scores": [float("nan")] * 5, "reasons": [200, 1, 1, 4, 6]},
    a_list("u1", [0]) | {"seeds": [5]},
    a_list("u2", [4], [1], [9]),
    a_list("u4", [1]) | {"scores": []},
    a_list("u5", [3], [6]),
    a_list(None, []),
]
BAD_ITEMS = [a_list("i0", [0]), a_list("i99", [1])]


def test_every_broken_promise_of_a_list_is_said_and_named(settings: Settings) -> None:
    write_lists(settings, {"home": BAD_HOME, "similar": BAD_ITEMS, "popular": POPULAR})
    with pytest.raises(ValidationFailedError) as caught:
        validate_lists(GENERATION, RUN_DATE, settings)
    said = str(caught.value)
    # Rules have a test of their own.
    assert [name for name, sentence in LIST_CHECKS.items() if sentence not in said] == ["blocked_items"]
    assert "1 of 6 rows, e.g. home default: subject=u1, position=5, item=i11" in said
    assert "1 of 2 rows, e.g. similar default: subject=i99" in said


def test_an_item_that_a_rule_of_the_file_blocks_stops_the_run(settings: Settings, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    settings = settings.model_copy(update={"rules": settings.rules.model_copy(update={"file": str(rules)})})
    rules.write_text("- name: recall\n  block:\n    items: [i4]\n  where:\n    markets: [north]\n")
    with pytest.raises(ValidationFailedError, match="a rule keeps from its audience") as caught:
        validate_lists(GENERATION, RUN_DATE, settings)
    assert "1 of 2 rows, e.g. home default: subject=u2, position=1, item=i4" in str(caught.value)
    rules.write_text("- name: recall\n  block:\n    items: [i5]\n")
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []


def test_lists_for_too_few_users_stop_the_run(settings: Settings) -> None:
    write_lists(settings, {"home": HOME[:1], "similar": SIMILAR, "popular": POPULAR})
    with pytest.raises(ValidationFailedError, match="at least 100% of the users with a history have a home list"):
        validate_lists(GENERATION, RUN_DATE, with_limits(settings, min_users_share=1.0))


def test_users_who_come_after_the_run_date_need_no_list(settings: Settings) -> None:
    """u3 came the day after; who was only shown something is in no mart of interactions at all."""
    assert validate_lists(GENERATION, RUN_DATE, with_limits(settings, min_users_share=1.0))["failed"] == []


def test_a_file_that_lost_lists_stops_the_run(settings: Settings) -> None:
    path = settings.layout.list_file(GENERATION, "similar", "default")
    pl.read_parquet(path).head(1).write_parquet(path)
    with pytest.raises(ValidationFailedError, match=r"as many lists as the manifest says.*surface=similar"):
        validate_lists(GENERATION, RUN_DATE, settings)


@pytest.mark.parametrize("surface", ["home", "popular"])
def test_a_surface_without_lists_is_a_failure(settings: Settings, surface: str) -> None:
    write_lists(settings, {"home": HOME, "similar": SIMILAR, "popular": POPULAR} | {surface: []})
    with pytest.raises(ValidationFailedError, match="the table is empty"):
        validate_lists(GENERATION, RUN_DATE, settings)


def test_a_surface_that_has_nothing_to_show_is_none(settings: Settings) -> None:
    write_lists(settings, {"home": HOME, "again": [], "trending": [], "similar": SIMILAR, "popular": POPULAR})
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []


def test_a_missing_generation_is_an_error_not_a_skipped_check(settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="reco rank"):
        validate_lists("20260131-777", RUN_DATE, settings)


def test_what_was_counted_in_the_whole_table_fails_though_the_rows_at_hand_are_sound() -> None:
    frame = pl.DataFrame({"user_id": ["a"]}).to_pandas()
    suite = feature_suite(Table("users", ("user_id",), ()), datetime(2026, 2, 1, tzinfo=UTC))
    run = SuiteRun(suite, frame, ("user_id",), rows=9, counts={"user_id": 2}, examples={"user_id": ("user_id=b",)})
    failed = {result.check: result.detail for result in run_checks([run], None).failed}
    assert failed["one row a user_id"] == "2 of 9 rows, e.g. user_id=b"


def test_good_features_pass(settings: Settings) -> None:
    assert validate_features(RUN_DATE, settings)["rows"] == {"user_features": 2, "item_features": 2}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.drop("interactions_7d"), "the columns are the contract's"),
        (lambda frame: frame.drop("interactions_7d"), r"could not be evaluated: .*interactions_7d"),
        (lambda frame: frame.with_columns(pl.lit(-1).alias("interactions_7d")), "interactions_7d is not negative"),
        (lambda frame: pl.concat([frame, frame]), "one row a user_id"),
        (
            lambda frame: frame.with_columns(pl.lit(datetime(2026, 2, 2, tzinfo=UTC)).alias("feature_timestamp")),
            "every row is dated 2026-02-01",
        ),
        (lambda frame: frame.clear(), "the table is empty"),
    ],
)
def test_broken_features_stop_the_run(
    settings: Settings, change: Callable[[pl.DataFrame], pl.DataFrame], sentence: str
) -> None:
    _write_features(settings, change)
    with pytest.raises(ValidationFailedError, match=sentence):
        validate_features(RUN_DATE, settings)


def test_no_suite_at_all_is_a_failure() -> None:
    with pytest.raises(ValidationFailedError, match="no suite"):
        run_checks([], None)


def test_an_empty_table_is_a_failure_even_where_every_row_check_holds() -> None:
    empty = pl.DataFrame(schema=dict.fromkeys(LIST_CHECK_COLUMNS, pl.String)).to_pandas()
    with pytest.raises(ValidationFailedError, match="the table is empty"):
        run_checks([SuiteRun(list_suite("users"), empty, ("subject",))], None)


def test_the_first_page_shows_every_check_the_failed_ones_first_and_needs_no_network(settings: Settings) -> None:
    _write_features(settings, lambda frame: frame.with_columns(pl.lit(-1).alias("interactions_7d")))
    with pytest.raises(ValidationFailedError, match="data_docs"):
        validate_features(RUN_DATE, with_limits(settings, data_docs=True))
    folder = settings.layout.report(RUN_DATE) / "data_docs" / "features"
    page = (folder / "index.html").read_text()
    assert "://" not in page
    assert page.index("interactions_7d is not negative") < page.index('class="passed"')
    assert "rows, e.g. " in page
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 2, "one page a suite"
    assert all((folder / unquote(link)).is_file() for link in links)
