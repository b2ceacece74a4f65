"""Cursors: what goes in comes out, for its own list alone, and nothing else is a cursor."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving_api.generation import Generation
from serving_api.paging import Page, _decode
from serving_api.parameters import BadRequestError

_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_ITEMS = st.lists(st.integers(0, 2**32 - 1), max_size=100).map(tuple)


@given(_NAMES, _NAMES, st.binary(max_size=30), st.integers(0, 1_000), _ITEMS, st.booleans())
def test_a_cursor_reads_back_as_it_was(
    name: str, variant: str, of: bytes, skip: int, items: tuple[int, ...], is_own: bool
) -> None:
    page = Page(Generation(name), of, variant=variant)
    cursor = json.loads(page.next_listed(items, is_own=is_own, skip=skip))
    assert _decode(cursor, of) == (name, variant, skip, items, is_own)
    assert quote(cursor, safe="") == cursor
    with pytest.raises(BadRequestError, match="no cursor of this list"):
        _decode(cursor, of + b"x")


def test_a_plain_cursor_goes_on_from_where_the_page_stood() -> None:
    page = Page(Generation("g"), b"list", skip=20, is_own=True)
    assert _decode(json.loads(page.next_plain(10)), b"list") == ("g", "default", 30, (), True)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(lambda raw: raw.hex())))
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        _decode(text, b"list")
    assert (caught.value.status, caught.value.field) == (400, "cursor")


@given(st.data())
def test_a_cursor_with_one_character_changed_is_none(data: st.DataObject) -> None:
    cursor = json.loads(Page(Generation("20240501-001"), b"list").next_listed((1, 2, 3), is_own=True))
    at = data.draw(st.integers(0, len(cursor) - 1))
    changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
    try:
        found = _decode(changed, b"list")
    except BadRequestError:
        return
    assert found == _decode(cursor, b"list"), "bits behind the last byte say nothing"
