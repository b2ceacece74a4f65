"""What a generation promises as a whole: coverage, diversity, exposure, and lists that do not swap overnight."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_generation import (
    GENERATION,
    RUN_DATE,
    Row,
    a_list,
    publish,
    write_history,
    write_items,
    write_lists,
    write_model,
)

from jobs.measuring.tally_figures import exposure_gini
from jobs.reranking.list_measures import distinct_categories
from jobs.validate_outputs import validate_lists
from reco_contracts.artifacts import set_released_model
from reco_contracts.errors import ValidationFailedError
from reco_contracts.settings import Settings, load_settings

N_ITEMS, N_USERS, BEFORE = 40, 40, "20260130-001"
DIVERSE, COVERING = {"diversity": {"method": "mmr"}}, {"coverage": {"share": 0.1}}
MODEL = "als-20260131-001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A shop where somebody looked at every item, and nobody bought any; item i11 is not on sale."""
    settings = load_settings(paths={"data": tmp_path}, validate={"data_docs": False})
    write_history(settings, [(f"u{n}", f"i{n % N_ITEMS}", RUN_DATE, False) for n in range(N_USERS)])
    for generation in (BEFORE, GENERATION):
        write_items(settings, generation, N_ITEMS)
    return settings


def varied(user: int) -> list[int]:
    """Ten items of ten categories, other ones for each user."""
    return [item for place in range(11) if (item := (2 * place + 3 * user) % N_ITEMS) != 11][:10]


def narrow(user: int) -> list[int]:
    """Ten items of five categories or one more."""
    return [item for place in range(11) if (item := (place + 4 * user) % N_ITEMS) != 11][:10]


def release(
    settings: Settings, items: Callable[[int], list[int]], generation: str = GENERATION, **sections: Any
) -> None:
    lists: dict[str, list[Row]] = {"home": [a_list(f"u{user}", items(user)) for user in range(N_USERS)]}
    write_lists(settings, lists, generation, **sections)


def figures(settings: Settings) -> dict[str, Any]:
    path = settings.layout.report(RUN_DATE) / "checks_lists.json"
    return msgspec.json.decode(path.read_bytes())["measured"]["home default"]


def refused(settings: Settings) -> str:
    with pytest.raises(ValidationFailedError) as caught:
        validate_lists(GENERATION, RUN_DATE, settings)
    return str(caught.value)


def with_limits(settings: Settings, **limits: Any) -> Settings:
    return settings.model_copy(update={"validate_": settings.validate_.model_copy(update=limits)})


def test_a_good_generation_keeps_all_its_promises(settings: Settings) -> None:
    release(settings, varied, **DIVERSE, **COVERING)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    found = figures(settings)
    assert (found["coverage"], found["coverage_of"], found["is_bounded_by_users"]) == (1.0, 39, False)
    assert (found["mean_diversity"], found["diverse_share"], found["eligible_lists"]) == (1.0, 1.0, N_USERS)
    assert found["exposure_gini"] < 0.2
    assert found["previous_generation"] is None


def test_lists_of_few_categories_break_the_promise_of_diversity(settings: Settings) -> None:
    settings = with_limits(settings, min_diversity=0.7)
    release(settings, narrow, **DIVERSE)
    said = refused(settings)
    assert "at least 95% of the lists have a diversity of 0.7 on their first 10" in said
    assert "surface=home, variant=default, diverse_share=0.0" in said


def test_diversity_is_measured_and_not_held_against_anybody_where_nothing_promises_it(settings: Settings) -> None:
    settings = with_limits(settings, min_diversity=0.7)
    release(settings, narrow, diversity={"method": "none", "min_categories": 0})
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["diverse_share"] == 0.0
    release(settings, narrow, diversity={"method": "none", "min_categories": 7})
    assert "diverse_share" in refused(settings)


def test_a_user_with_few_categories_left_is_not_asked_for_many(settings: Settings) -> None:
    """Everybody but u0 consumed all but the items of three categories."""
    rest = [f"i{item}" for item in range(6, N_ITEMS)]
    bought = [(f"u{user}", item, RUN_DATE, True) for user in range(1, N_USERS) for item in rest]
    write_history(settings, [*bought, *((f"u{n}", f"i{n}", RUN_DATE, False) for n in range(6))])
    release(settings, lambda user: varied(0) if user == 0 else [0, 1, 2, 3, 4, 5], **DIVERSE)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    # Six places ask for three categories, ten for five: who has three is asked for no more.
    assert figures(settings)["eligible_lists"] == N_USERS
    settings = with_limits(settings, min_diversity=0.6)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["eligible_lists"] == 1


def test_the_same_few_items_for_everybody_break_coverage_and_exposure(settings: Settings) -> None:
    settings = with_limits(settings, max_gini=0.7)
    release(settings, lambda _: varied(0), **COVERING)
    said = refused(settings)
    assert "at least 80% of what may be shown is among somebody's first 10" in said
    assert "coverage=0.256" in said
    assert "the Gini index of exposure is at most 0.7" in said


def test_no_promise_of_coverage_is_none_to_break_and_a_popular_list_is_the_same_for_all(settings: Settings) -> None:
    settings = with_limits(settings, max_gini=0.7)
    release(settings, lambda _: varied(0), coverage={"share": 0.0}, model_version="popularity-20260131-001")
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []


def test_few_users_need_not_show_a_large_catalogue(settings: Settings) -> None:
    rows = [a_list(f"u{user}", varied(user)) for user in range(4)]
    write_history(settings, [("u0", f"i{n}", RUN_DATE, False) for n in range(N_ITEMS)])
    write_lists(settings, {"home": rows}, **COVERING)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    found = figures(settings)
    assert (found["coverage_of"], found["is_bounded_by_users"]) == (10, True)


def swapped(user: int) -> list[int]:
    """A list without one item of what the user had."""
    had = set(varied(user))
    return [item for item in range(N_ITEMS) if item not in had and item != 11][:10]


def published(settings: Settings, items: Callable[[int], list[int]] = varied, **sections: Any) -> None:
    release(settings, items, BEFORE, **sections)
    publish(settings, BEFORE)


def test_lists_that_keep_most_of_what_users_had_pass(settings: Settings) -> None:
    published(settings)
    release(settings, lambda user: varied(user)[:7] + swapped(user)[:3])
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    found = figures(settings)
    assert (found["compared_lists"], found["previous_generation"], found["widened"]) == (N_USERS, BEFORE, [])
    assert found["overlap"] == pytest.approx(0.7)


def test_a_complete_swap_is_refused(settings: Settings) -> None:
    published(settings)
    release(settings, swapped)
    said = refused(settings)
    assert "users keep 0.2 to 1 of their first 10 from the generation before" in said
    assert "surface=home, variant=default, overlap=0.0" in said


def test_an_index_that_is_off_by_one_is_refused(settings: Settings) -> None:
    published(settings)
    release(settings, lambda user: [(item + 1) % N_ITEMS if item != 10 else 12 for item in varied(user)])
    assert "users keep 0.2 to 1" in refused(settings)


def test_nothing_that_is_new_can_be_refused_too(settings: Settings) -> None:
    published(settings)
    release(settings, varied)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert "users keep 0.2 to 0.9 of their first 10" in refused(with_limits(settings, overlap_high=0.9))


def test_items_are_compared_by_their_ids_not_by_their_place_in_the_catalogue(settings: Settings) -> None:
    """The catalogue of the day before had one item less, and every index was another."""
    path = settings.layout.catalogue_file(BEFORE)
    pl.read_parquet(path).filter(pl.col("item_id") != "i0").write_parquet(path)
    published(settings, lambda user: [item - 1 for item in varied(user) if item])
    release(settings, lambda user: [item for item in varied(user) if item])
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["overlap"] == 1.0


def test_a_new_configuration_may_change_more_and_the_report_says_so(settings: Settings) -> None:
    settings = with_limits(settings, overlap_low_new_model=0.0)
    write_model(settings, "als-20260130-001", factors=32)
    write_model(settings, MODEL, factors=64)
    release(settings, varied, BEFORE, model_version="als-20260130-001")
    publish(settings, BEFORE)
    release(settings, swapped, model_version=MODEL)
    summary = validate_lists(GENERATION, RUN_DATE, settings)
    said = f"model {MODEL} is another configuration than als-20260130-001"
    assert figures(settings)["widened"] == [said]
    assert said in summary["measured"]["home default"]


def test_a_model_that_was_only_fitted_again_may_not(settings: Settings) -> None:
    settings = with_limits(settings, overlap_low_new_model=0.0)
    write_model(settings, "als-20260130-001", factors=32)
    write_model(settings, MODEL, factors=32)
    release(settings, varied, BEFORE, model_version="als-20260130-001")
    publish(settings, BEFORE)
    release(settings, swapped, model_version=MODEL)
    assert "users keep 0.2 to 1" in refused(settings)


def test_other_settings_of_lists_may_change_more(settings: Settings) -> None:
    settings = with_limits(settings, overlap_low_new_model=0.0)
    published(settings, diversity={"method": "none"})
    release(settings, swapped, **DIVERSE)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["widened"] == ["diversity settings have changed"]


def test_other_business_rules_may_change_more(settings: Settings) -> None:
    settings = with_limits(settings, overlap_low_new_model=0.0)
    published(settings)
    release(settings, swapped)
    (settings.layout.lists / GENERATION / "rules.yml").write_text("- name: recall\n")
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["widened"] == ["business rules have changed"]


def test_only_what_readers_had_is_compared_with(settings: Settings) -> None:
    """A generation that was refused, and one that was rolled back, are nobody's lists."""
    release(settings, swapped, BEFORE)
    release(settings, varied)
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["previous_generation"] is None
    write_items(settings, "20260129-001", N_ITEMS)
    release(settings, varied, "20260129-001", model_version="als-20260129-001")
    for generation in ("20260129-001", BEFORE):
        publish(settings, generation)
    set_released_model(settings.layout, "als-20260129-001")
    assert validate_lists(GENERATION, RUN_DATE, settings)["failed"] == []
    assert figures(settings)["previous_generation"] == "20260129-001"


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 15))
def test_gini_is_the_mean_difference_of_all_pairs(shown: list[int], most: int) -> None:
    exposure = np.array(shown, dtype=np.int64)
    counted = sorted(shown)[-most:]
    found = exposure_gini(exposure, most)
    if not sum(counted):
        assert found is None
    else:
        pairs = sum(abs(one - other) for one in counted for other in counted)
        assert found == pytest.approx(pairs / (2 * len(counted) * sum(counted)))


@given(st.lists(st.lists(st.integers(-1, 5), min_size=4, max_size=4), min_size=1, max_size=5))
def test_categories_are_counted_as_by_a_set(lists: list[list[int]]) -> None:
    categories = np.array([0, 0, 1, 2, -1, 1], dtype=np.int32)
    expected = [len({categories[item] for item in row if item >= 0 and categories[item] >= 0}) for row in lists]
    assert distinct_categories(np.array(lists, dtype=np.int32), categories).tolist() == expected
