"""Each check on features and lists fires for its own fault, and for nothing else."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.run_checks import SuiteRun, run_checks
from expectations.suites import list_suite
from jobs.measure_lists import _is_among, measure_lists
from jobs.validate_outputs import validate_features, validate_lists
from reco_contracts.columns import FCT_INTERACTIONS, ITEM_FEATURES, USER_FEATURES, DType, Table
from reco_contracts.errors import EmptyPartitionError, ValidationFailedError
from reco_contracts.manifests import ListsManifest, encode_manifest
from reco_contracts.settings import Settings, load_settings

RUN_DATE = date(2026, 1, 31)
GENERATION = "20260131-001"
N_ITEMS = 6
LIST_SCHEMA = {
    "subject": pl.String,
    "item_indices": pl.List(pl.Int32),
    "scores": pl.List(pl.Float32),
    "reasons": pl.List(pl.UInt8),
    "seeds": pl.List(pl.Int32),
}

Row = dict[str, Any]
GOOD_LISTS: list[Row] = [
    {"subject": "u1", "item_indices": [2, 3], "scores": [0.9, 0.2], "reasons": [1, 3], "seeds": [0, -1]},
    {"subject": "u2", "item_indices": [4, 1], "scores": [0.7, 0.7], "reasons": [3, 3], "seeds": [-1, -1]},
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(paths={"data": tmp_path})
    _write_features(settings)
    _write_marts(settings)
    _write_lists(settings, GOOD_LISTS)
    return settings


def _write(frame: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)


def _feature_row(table: Table, key: str) -> dict[str, Any]:
    values: dict[DType, Any] = {DType.STRING: key, DType.INT64: 1, DType.FLOAT64: 0.5}
    row = {column.name: values.get(column.dtype) for column in table.columns}
    return row | {"feature_timestamp": datetime(2026, 2, 1, tzinfo=UTC)}


def _write_features(settings: Settings, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame) -> None:
    for table in (USER_FEATURES, ITEM_FEATURES):
        frame = pl.DataFrame([_feature_row(table, key) for key in ("a", "b")])
        _write(change(frame), settings.layout.features(table.name) / f"event_date={RUN_DATE}" / "part.parquet")


def _write_marts(settings: Settings) -> None:
    later = RUN_DATE + timedelta(days=1)
    rows = [
        ("u1", "i0", RUN_DATE, True),
        ("u1", "i2", later, True),
        ("u2", "i0", RUN_DATE, True),
        *(("u2", f"i{index}", RUN_DATE, False) for index in range(1, 5)),
        ("u3", "i0", later, True),
    ]
    _write_history(settings, rows)


def _write_history(settings: Settings, rows: list[tuple[str, str, date, bool]]) -> None:
    history = pl.DataFrame(rows, schema=["user_id", "item_id", "event_date", "is_consumed"], orient="row")
    _write(history.with_columns(pl.lit(1.0).alias("weight")), settings.layout.export(FCT_INTERACTIONS.name))


def _write_lists(settings: Settings, rows: list[Row]) -> None:
    layout = settings.layout
    catalogue = pl.DataFrame(
        {"item_id": [f"i{index}" for index in range(N_ITEMS)], "is_available": [True] * 5 + [False]}
    )
    _write(catalogue, layout.catalogue_file(GENERATION))
    _write(pl.DataFrame(rows, schema=LIST_SCHEMA), layout.list_file(GENERATION, "home", "default"))
    manifest = ListsManifest(
        generation=GENERATION,
        run_date=RUN_DATE.isoformat(),
        model_version="als-20260131-001",
        n_items=N_ITEMS,
        popular_windows_days=(30,),
        lists={"home": {"default": len(rows)}},
        settings={},
    )
    (layout.lists / GENERATION / "manifest.json").write_bytes(encode_manifest(manifest))


def test_good_lists_pass_and_leave_a_readable_report(settings: Settings) -> None:
    summary = validate_lists(GENERATION, RUN_DATE, settings)
    assert summary["failed"] == []
    assert summary["checks"] == 13
    assert summary["rows"] == {"home default lists": 2}
    assert "html" in Path(summary["data_docs"]).read_text()[:200].lower()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"item_indices": [2, 2]}, "no list holds an item twice"),
        ({"item_indices": [2, 6]}, "every item is in the generation's catalogue"),
        ({"item_indices": [2, 5]}, "no list holds an item that is not on sale"),
        ({"item_indices": [2, 0]}, "must exclude as seen"),
        ({"scores": [0.9, float("nan")]}, "every score is a finite number"),
        ({"reasons": [1, 200]}, "every item has a known reason"),
        ({"seeds": [-1, -1]}, "every reason that names an item"),
        ({"subject": "u2"}, "one list a subject"),
        (
            {"item_indices": [], "scores": [], "reasons": [], "seeds": []},
            "every list is as long as validate.min_list_length",
        ),
    ],
)
def test_one_corrupted_list_stops_the_run_and_is_named(settings: Settings, change: Row, sentence: str) -> None:
    _write_lists(settings, [GOOD_LISTS[0] | change, GOOD_LISTS[1]])
    with pytest.raises(ValidationFailedError, match=sentence) as caught:
        validate_lists(GENERATION, RUN_DATE, settings)
    assert "subject=u" in str(caught.value)


def test_consumption_after_the_run_date_does_not_count(settings: Settings) -> None:
    """u1 consumed i2 the day after: a rerun of an older day must not fail for it."""
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []


def test_users_who_come_after_the_run_date_need_no_list(settings: Settings) -> None:
    """u3 came the day after; who was only shown something is in no mart of interactions at all."""
    strict = settings.validate_.model_copy(update={"min_users_share": 1.0})
    assert validate_lists(GENERATION, RUN_DATE, settings.model_copy(update={"validate_": strict}))["failed"] == []


def test_lists_for_too_few_users_stop_the_run(settings: Settings) -> None:
    _write_lists(settings, GOOD_LISTS[:1])
    settings = settings.model_copy(update={"validate_": settings.validate_.model_copy(update={"min_users_share": 1.0})})
    with pytest.raises(ValidationFailedError, match="at least 2 lists"):
        validate_lists(GENERATION, RUN_DATE, settings)


NOTHING: Row = {"item_indices": [], "scores": [], "reasons": [], "seeds": []}


def test_a_user_who_has_consumed_all_that_anybody_chose_needs_no_list(settings: Settings) -> None:
    _write_lists(settings, [GOOD_LISTS[0] | NOTHING, GOOD_LISTS[1]])
    own = [("u1", f"i{index}", RUN_DATE, True) for index in range(5)]
    _write_history(settings, [*own, ("u2", "i0", RUN_DATE, True)])
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    _write_history(settings, [*own[:4], ("u1", "i4", RUN_DATE, False), ("u2", "i0", RUN_DATE, True)])
    with pytest.raises(ValidationFailedError, match=r"or holds all that is left for its user.*subject=u1"):
        validate_lists(GENERATION, RUN_DATE, settings)


def test_a_catalogue_with_nothing_on_sale_is_no_excuse_for_empty_lists(settings: Settings) -> None:
    _write_lists(settings, [row | NOTHING for row in GOOD_LISTS])
    gone = pl.DataFrame({"item_id": [f"i{index}" for index in range(N_ITEMS)], "is_available": [False] * N_ITEMS})
    _write(gone, settings.layout.catalogue_file(GENERATION))
    with pytest.raises(ValidationFailedError, match="2 of 2 rows"):
        validate_lists(GENERATION, RUN_DATE, settings)


@pytest.mark.parametrize(("rule", "is_red"), [("forever", False), (2, False), (1, True), ("off", True)])
def test_only_what_the_surface_excludes_is_taken_from_what_is_left(
    settings: Settings, rule: str | int, is_red: bool
) -> None:
    yesterday = RUN_DATE - timedelta(days=1)
    _write_lists(settings, [GOOD_LISTS[0] | NOTHING, GOOD_LISTS[1]])
    _write_history(
        settings, [("u1", "i0", yesterday, True), ("u2", "i3", yesterday, True), ("u1", "i3", yesterday, True)]
    )
    home = settings.surfaces.home.model_copy(update={"exclude_seen": rule})
    settings = settings.model_copy(update={"surfaces": settings.surfaces.model_copy(update={"home": home})})
    if is_red:
        with pytest.raises(ValidationFailedError, match="subject=u1"):
            validate_lists(GENERATION, RUN_DATE, settings)
    else:
        assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []


def test_a_missing_generation_is_an_error_not_a_skipped_check(settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="reco rank"):
        validate_lists("20260131-777", RUN_DATE, settings)


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
    empty = pl.DataFrame(schema=dict.fromkeys(("subject", "list_length"), pl.String)).to_pandas()
    with pytest.raises(ValidationFailedError):
        run_checks([SuiteRun(list_suite("home", 0, 10), empty, ("subject",))], None).raise_if_failed()


def test_batches_measure_the_same_as_one_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rows = [
        {
            "subject": f"u{number}",
            "item_indices": rng.integers(-1, 8, size=length).tolist(),
            "scores": rng.normal(size=length).tolist(),
            "reasons": rng.integers(0, 5, size=length).tolist(),
            "seeds": rng.integers(-1, 8, size=length).tolist(),
        }
        for number, length in enumerate(rng.integers(0, 7, size=50))
    ]
    path = tmp_path / "lists.parquet"
    pl.DataFrame(rows, schema=LIST_SCHEMA).write_parquet(path)
    available = np.array([True, False] * 3)
    whole = measure_lists(path, available, None)
    monkeypatch.setattr("jobs.measure_lists._LISTS_A_BATCH", 7)
    assert measure_lists(path, available, None).equals(whole)


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_codes_are_found_as_by_a_set(codes: list[int], known: list[int]) -> None:
    found = _is_among(np.array(codes, dtype=np.int64), np.array(sorted(known), dtype=np.int64))
    assert found.tolist() == [code in set(known) for code in codes]


def test_the_first_page_shows_every_check_the_failed_ones_first_and_needs_no_network(settings: Settings) -> None:
    _write_features(settings, lambda frame: frame.with_columns(pl.lit(-1).alias("interactions_7d")))
    with pytest.raises(ValidationFailedError, match="data_docs"):
        validate_features(RUN_DATE, settings)
    folder = settings.layout.report(RUN_DATE) / "data_docs" / "features"
    page = (folder / "index.html").read_text()
    assert "://" not in page
    assert page.index("interactions_7d is not negative") < page.index('class="passed"')
    assert "rows, e.g. " in page
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 2, "one page a suite"
    assert all((folder / unquote(link)).is_file() for link in links)
