"""Parsing: any bytes give a checked value or a mistake that names its field, never another error."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.events import MAX_ID_LENGTH
from serving_api.parameters import BadRequestError, id_set, read_id, read_query, whole_number
from serving_api.routes import find_route


def outcome(read: Callable[[], object]) -> object:
    """What a reader gives, or the mistake that it tells."""
    try:
        return read()
    except BadRequestError as error:
        return error


@given(st.binary(max_size=400))
def test_any_path_segment_is_an_id_or_a_mistake(segment: bytes) -> None:
    result = outcome(lambda: read_id(segment, "user_id"))
    if isinstance(result, BadRequestError):
        assert (result.status, result.field) == (400, "user_id")
    else:
        assert isinstance(result, str)
        assert 0 < len(result) <= MAX_ID_LENGTH


@given(st.binary(max_size=200))
def test_any_query_string_is_read_or_a_mistake(query: bytes) -> None:
    values = outcome(lambda: read_query(query, ("limit", "exclude")))
    if isinstance(values, dict):
        outcome(lambda: whole_number(values, "limit", 20, 1, 100))
        outcome(lambda: id_set(values, "exclude"))


@given(st.binary(max_size=100))
def test_any_path_has_a_route_or_none(path: bytes) -> None:
    route, segment = find_route(path)
    assert isinstance(segment, bytes)
    if route and b"/" + segment != path and segment:
        assert "{" in route.template


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("100", 100), ("007", 7)])
def test_numbers_in_bounds_are_read(text: str, expected: int) -> None:
    assert whole_number({"limit": [text]}, "limit", 20, 1, 100) == expected
    assert whole_number({}, "limit", 20, 1, 100) == 20


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "1.0", "1e1", " 1", "٣", "9" * 5_000, "NaN"])
def test_everything_else_is_no_number(text: str) -> None:
    with pytest.raises(BadRequestError, match="whole number from 1 to 100"):
        whole_number({"limit": [text]}, "limit", 20, 1, 100)


def test_ids_are_separated_by_commas_and_by_repeating() -> None:
    assert id_set({"exclude": ["a,b,", "c", "a"]}, "exclude") == {"a", "b", "c"}


def test_too_many_ids_and_too_long_queries_are_refused() -> None:
    with pytest.raises(BadRequestError, match="at most 1000"):
        id_set({"exclude": [",".join(map(str, range(1_001)))]}, "exclude")
    with pytest.raises(BadRequestError) as caught:
        read_query(b"exclude=" + b"x" * 20_000, ("exclude",))
    assert caught.value.status == 414
