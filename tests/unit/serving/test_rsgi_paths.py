"""A path that comes decoded is read as the one that was sent."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving_api.parameters import BadRequestError, read_id
from serving_api.routes import find_route
from serving_api.rsgi import encode_path

_ID = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\N{REPLACEMENT CHARACTER}"), min_size=1
)
TEMPLATES = [
    "/v1/users/{}/recommendations",
    "/v1/users/{}/page",
    "/v1/users/{}/features",
    "/v1/items/{}/similar",
    "/v1/items/{}/features",
]


@pytest.mark.parametrize("template", TEMPLATES)
@given(identifier=_ID)
def test_an_id_comes_through(template: str, identifier: str) -> None:
    sent = template.format(quote(identifier, safe="")).encode()
    route, segment = find_route(encode_path(unquote(sent.decode()), "GET"))
    assert route is find_route(sent)[0]
    assert read_id(segment, "user_id") == identifier


@pytest.mark.parametrize("identifier", ["a/b", "/a", "a/", "//", "a/b/c d", "50%/x", "%2F/"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_an_id_with_a_slash_comes_through(template: str, identifier: str) -> None:
    route, segment = find_route(encode_path(template.format(identifier), "GET"))
    assert route is find_route(template.format("x").encode())[0]
    assert read_id(segment, "user_id") == identifier


def test_two_ids_with_slashes_come_through() -> None:
    route, segment = find_route(encode_path("/v1/users/a/b/recommendations/c/d/why", "GET"))
    assert route is not None
    assert route.template.endswith("/why")
    assert segment == b"a%2Fb/c%2Fd"


def test_a_path_with_slashes_to_spare_is_no_route_of_another_method() -> None:
    assert find_route(encode_path("/v1/users/a/nonsense", "GET"))[0] is None
    assert find_route(encode_path("/v2/users/a/recommendations", "GET"))[0] is None


def test_bytes_that_were_no_text_are_refused_as_an_id() -> None:
    """RSGI puts the replacement character in their place: what was sent is not known any more."""
    _, segment = find_route(encode_path("/v1/users/a\N{REPLACEMENT CHARACTER}b/recommendations", "GET"))
    with pytest.raises(BadRequestError, match="not UTF-8"):
        read_id(segment, "user_id")
