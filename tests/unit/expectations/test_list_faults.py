"""Each fault of a list is found for what it is, counted in all lists, and named."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_generation import (
    GENERATION,
    GONE,
    HISTORY,
    HOME,
    LIST_SCHEMA,
    N_ITEMS,
    NOTHING,
    POPULAR,
    RUN_DATE,
    SIMILAR,
    YOUNG,
    Row,
    a_list,
    write_history,
    write_items,
)

from expectations.list_suites import LIST_CHECKS
from jobs.measuring import list_batches, tally_faults
from jobs.measuring.evidence import Evidence, read_evidence
from jobs.measuring.measure_generation import measure_lists
from jobs.measuring.own_items import FOREIGN, NEVER, OwnItems
from jobs.measuring.subject_index import subject_index
from jobs.measuring.surface_demands import Demand, demand_of
from jobs.measuring.tally_faults import FoundFaults
from jobs.rules.check_rules import load_rules
from jobs.rules.list_rules import ListRules
from jobs.warehouse.read_marts import read_items, read_users
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.settings import Settings, load_settings

GOOD = {"home": HOME, "similar": SIMILAR, "popular": POPULAR}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(paths={"data": tmp_path}, surfaces={"home": {"k": 4}})
    write_history(settings, HISTORY)
    write_items(settings)
    return settings


def evidence_of(settings: Settings) -> Evidence:
    catalogue = pl.read_parquet(settings.layout.catalogue_file(GENERATION))
    return read_evidence(settings.layout, RUN_DATE, catalogue, items_of(settings), new_item_days=30)


def items_of(settings: Settings) -> pl.DataFrame:
    catalogue = pl.read_parquet(settings.layout.catalogue_file(GENERATION), columns=["item_id"])
    return catalogue.join(read_items(settings.layout), on="item_id", maintain_order="left")


def found(settings: Settings, surface: str, rows: list[Row], **changes: Any) -> FoundFaults:
    """What is found in some lists; `changes` are to what the surface asks."""
    path, evidence = settings.paths.data / "lists.parquet", evidence_of(settings)
    pl.DataFrame(rows, schema=LIST_SCHEMA).write_parquet(path)
    subjects = list_batches.read_subjects(path)
    book = load_rules(settings, items_of(settings), read_users(settings.layout), RUN_DATE)
    demand = demand_of(surface, subjects, book, settings)
    values = {name: getattr(demand, name) for name in Demand.__slots__} | changes
    return measure_lists(path, subjects, evidence, Demand(**values))[0]


def faults(settings: Settings, surface: str, rows: list[Row], **changes: Any) -> dict[str, int]:
    return {name: count for name, count in found(settings, surface, rows, **changes).counts.items() if count}


@pytest.mark.parametrize("surface", GOOD)
def test_good_lists_have_no_fault_and_every_check_is_measured(settings: Settings, surface: str) -> None:
    result = found(settings, surface, GOOD[surface])
    assert result.counts == dict.fromkeys(LIST_CHECKS, 0)
    assert result.rows.columns[0] == "subject"
    assert set(result.rows.columns[1:]) == set(LIST_CHECKS)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"item_indices": [2, 2, YOUNG]}, "duplicate_items"),
        ({"item_indices": [2, N_ITEMS, YOUNG]}, "unknown_items"),
        ({"item_indices": [2, -1, YOUNG]}, "padded_items"),
        ({"item_indices": [2, None, YOUNG]}, "padded_items"),
        ({"item_indices": [2, GONE, YOUNG]}, "unavailable_items"),
        ({"item_indices": [2, 0, YOUNG]}, "seen_items"),
        ({"item_indices": [2, 3]}, "uneven_columns"),
        ({"item_indices": None}, "uneven_columns"),
        ({"scores": [0.9, float("nan"), 0.1]}, "bad_scores"),
        ({"scores": [0.9, None, 0.1]}, "bad_scores"),
        ({"reasons": [1, 200, 6]}, "unknown_reasons"),
        ({"reasons": [1, 0, 6]}, "unknown_reasons"),
        ({"seeds": [-1, -1, -1]}, "missing_seeds"),
        ({"seeds": [N_ITEMS, -1, -1]}, "missing_seeds"),
        ({"seeds": [1, 1, -1]}, "needless_seeds"),
        ({"seeds": [5, -1, -1]}, "foreign_seeds"),
        ({"reasons": [7, 3, 6]}, "foreign_seeds"),  # says bought, and was only looked at
        ({"reasons": [1, 4, 6]}, "false_again"),
        ({"reasons": [1, 16, 6]}, "false_again"),
        ({"reasons": [1, 6, 6]}, "false_new"),
        ({"reasons": [1, 11, 6]}, "false_new"),
        ({"subject": "u2"}, "repeated_subject"),
        ({"subject": None}, "missing_subject"),
        (NOTHING, "missing_items"),
        (a_list("u1", [2, 3, 4, 5, 6]), "extra_items"),
    ],
)
def test_one_thing_wrong_is_one_fault(settings: Settings, change: Row, fault: str) -> None:
    result = faults(settings, "home", [HOME[0] | change, HOME[1]])
    expected = {fault: 2 if fault == "repeated_subject" else 1}
    # Whose list it is decides what is theirs.
    theirs = {"seen_items", "missing_seeds", "foreign_seeds", "false_again"}
    assert {name: count for name, count in result.items() if name == fault} == expected
    assert set(result) - {fault} <= (theirs if "subject" in change and fault.endswith("subject") else set())


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([a_list("i0", [1, 0])], "own_subject_items"),
        ([a_list("i99", [1])], "unknown_subject"),
        ([a_list("i0", [1], [Reason.SIMILAR_ITEM], [3])], "foreign_seeds"),
        ([a_list("i0", [1], [Reason.BOUGHT_TOGETHER], [3])], "foreign_seeds"),
        ([a_list("i0", [1], [Reason.AGAIN])], "false_again"),
        ([a_list("i0", [GONE])], "unavailable_items"),
    ],
)
@pytest.mark.parametrize("surface", ["similar", "also_bought"])
def test_an_items_list_is_about_that_item(settings: Settings, surface: str, rows: list[Row], fault: str) -> None:
    assert faults(settings, surface, rows) == {fault: 1}


def test_a_due_item_was_bought_and_an_item_shown_again_was_looked_at(settings: Settings) -> None:
    bought = a_list("u2", [0, 1], [Reason.DUE_AGAIN, Reason.AGAIN])
    assert faults(settings, "again", [bought]) == {}
    assert faults(settings, "again", [bought | {"reasons": [16, 16]}]) == {"false_again": 1}


def test_what_comes_after_the_run_date_does_not_count(settings: Settings) -> None:
    """u1 buys i2 the day after: a rerun of an older day must not fail for it."""
    assert faults(settings, "home", HOME) == {}
    write_history(settings, [(user, item, RUN_DATE, bought) for user, item, _, bought in HISTORY])
    assert faults(settings, "home", HOME) == {"seen_items": 1}


def test_a_blocked_item_is_a_fault_for_its_audience_alone(settings: Settings) -> None:
    allowed = np.ones((2, N_ITEMS), dtype=bool)
    allowed[1, 4] = False
    for audience, expected in ((0, {}), (1, {"blocked_items": 1})):
        rules = ListRules(np.array([1, audience], dtype=np.int32), allowed, np.ones((2, N_ITEMS), dtype=np.float32))
        assert faults(settings, "home", HOME, rules=rules) == expected


@pytest.mark.parametrize(("rule", "is_red"), [("forever", False), (2, False), (1, True), ("off", True)])
def test_only_what_the_surface_excludes_is_taken_from_what_is_left(
    settings: Settings, rule: str | int, is_red: bool
) -> None:
    yesterday = RUN_DATE - timedelta(days=1)
    write_history(
        settings, [("u1", "i0", yesterday, True), ("u2", "i3", yesterday, True), ("u1", "i3", yesterday, True)]
    )
    result = faults(settings, "home", [a_list("u1", [])], exclude_seen=rule)
    assert result == ({"missing_items": 1} if is_red else {})


def test_a_user_who_has_consumed_all_that_anybody_chose_needs_no_list(settings: Settings) -> None:
    own = [("u1", f"i{number}", RUN_DATE, True) for number in range(5)]
    write_history(settings, [*own, ("u2", "i0", RUN_DATE, True)])
    assert faults(settings, "home", [a_list("u1", [])]) == {}
    write_history(settings, [*own[:4], ("u1", "i4", RUN_DATE, False), ("u2", "i0", RUN_DATE, True)])
    assert faults(settings, "home", [a_list("u1", [])]) == {"missing_items": 1}


def test_a_catalogue_with_nothing_on_sale_is_no_excuse_for_empty_lists(settings: Settings) -> None:
    path = settings.layout.catalogue_file(GENERATION)
    pl.read_parquet(path).with_columns(is_available=pl.lit(value=False)).write_parquet(path)
    assert faults(settings, "home", [a_list("u1", []), a_list("u2", [])]) == {"missing_items": 2}


def test_a_bad_place_is_named_with_its_reason(settings: Settings) -> None:
    rows = [HOME[0] | {"item_indices": [2, GONE, YOUNG], "seeds": [5, -1, -1]}, HOME[1]]
    examples = found(settings, "home", rows).examples
    assert examples["unavailable_items"] == ("subject=u1, position=2, item=i11",)
    assert examples["foreign_seeds"] == ("subject=u1, position=1, item=i2, reason=because_of_history, seed=i5",)
    unknown = found(settings, "home", [HOME[0] | {"item_indices": [2, 99, YOUNG]}]).examples["unknown_items"]
    assert unknown == ("subject=u1, position=2, item=number 99, not in the catalogue",)


def test_few_rows_are_kept_and_all_faults_are_counted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_faults, "FAULTY_LISTS", 5)
    monkeypatch.setattr(tally_faults, "SOUND_LISTS", 4)
    monkeypatch.setattr(list_batches, "LISTS_A_BATCH", 7)
    rows = [a_list(f"u{number}", [GONE if number % 3 == 0 else 2]) for number in range(60)]
    result = found(settings, "home", rows, min_length=0)
    assert result.lists == 60
    assert result.counts["unavailable_items"] == 20
    assert len(result.examples["unavailable_items"]) == tally_faults.EXAMPLES
    kept = result.rows
    assert kept.filter(pl.col("unavailable_items") > 0)["subject"].to_list() == ["u0", "u3", "u6", "u9", "u12"]
    assert len(kept) <= 5 + 4


def test_batches_measure_the_same_as_one_frame(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rows = [
        {
            "subject": f"u{number}",
            "item_indices": rng.integers(-1, N_ITEMS + 1, size=length).tolist(),
            "scores": rng.normal(size=length).tolist(),
            "reasons": rng.integers(0, len(REASONS) + 1, size=length).tolist(),
            "seeds": rng.integers(-1, N_ITEMS, size=length).tolist(),
        }
        for number, length in enumerate(rng.integers(0, 7, size=50))
    ]
    whole = found(settings, "home", rows)
    monkeypatch.setattr(list_batches, "LISTS_A_BATCH", 7)
    parts = found(settings, "home", rows)
    assert parts.rows.equals(whole.rows)
    assert (parts.counts, parts.examples) == (whole.counts, whole.examples)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmptyPartitionError, match="reco rank"):
        list_batches.read_subjects(tmp_path / "nothing.parquet")


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 8))), st.lists(st.integers(-1, 5), max_size=6))
def test_own_items_are_found_as_by_a_dictionary(pairs: set[tuple[int, int]], asked: list[int]) -> None:
    codes = sorted(user * 9 + item for user, item in pairs)
    days = {code: (NEVER if code % 4 == 0 else code) for code in codes}
    users = subject_index(pl.Series([f"u{number}" for number in range(6)]))
    own = OwnItems(users, np.array(codes, dtype=np.int64), np.array([*days.values()], dtype=np.int32), 9)
    rows, items = (part.ravel() for part in np.meshgrid(np.arange(len(asked)), np.arange(-1, 9), indexing="ij"))
    expected = [
        days.get(asked[row] * 9 + item, FOREIGN) if asked[row] >= 0 and item >= 0 else FOREIGN
        for row, item in zip(rows.tolist(), items.tolist(), strict=True)
    ]
    assert own.of_users(np.array(asked, dtype=np.int64)).days_of(rows, items).tolist() == expected


@given(st.sets(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_names_are_found_as_by_a_dictionary(names: set[str], asked: list[str]) -> None:
    ordered = sorted(names)
    rows = {name: row for row, name in enumerate(ordered)}
    index = subject_index(pl.Series(ordered, dtype=pl.String))
    assert index.rows_of(pl.Series(asked, dtype=pl.String)).tolist() == [rows.get(name, -1) for name in asked]
