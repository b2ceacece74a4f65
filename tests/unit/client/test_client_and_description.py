"""The client and the OpenAPI description agree, in both directions: calls, parameters, bodies, answers."""

import inspect
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from reco_client import AsyncClient, Client, Event, calls
from reco_client.events import EventType
from serving_api.fields import IDS, MEMBERS
from serving_api.openapi import describe_api

API = describe_api()
# For people and for machines that watch; no service calls them.
PAGES = {"/", "/docs", "/openapi.json", "/metrics"}
LIST: dict[str, Any] = {"limit": 5, "exclude": ["a", "b"], "fields": ["item_id"]}
EVENT = Event(user_id="u", item_id="i", event_type="click")
# Every call with every argument that it has.
CALLS = [
    calls.recommendations("u", surface="home", category="c", exclude_seen=True, cursor="x", **LIST),
    calls.page("u", ["home", "again"], dedupe=False, exclude_seen=False, **LIST),
    calls.batch(["u"], surface="home", category="c", exclude_seen=True, **LIST),
    calls.similar("i", cursor="x", **LIST),
    calls.also_bought("i", cursor="x", **LIST),
    calls.popular(category="c", window=7, cursor="x", **LIST),
    calls.trending(category="c", cursor="x", **LIST),
    calls.new(category="c", cursor="x", **LIST),
    calls.why("u", "i", surface="home"),
    calls.user_features("u"),
    calls.item_features("i"),
    calls.send_events([EVENT]),
    calls.erase_user("u"),
    calls.health(),
    calls.readiness(),
]
BY_TEMPLATE = [pytest.param(call, id=f"{call.method} {call.template}") for call in CALLS]


def operation(call: calls.Call[Any]) -> dict[str, Any]:
    found: dict[str, Any] = API["paths"][call.template][call.method.lower()]
    return found


def resolve(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """A schema behind its reference, and without a null beside it."""
    if "$ref" in schema:
        return resolve(components[schema["$ref"].rpartition("/")[2]], components)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return resolve(options[0], components) if len(options) == 1 else schema


def shape(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """The names of all members, down to the leaves; of a leaf, nothing."""
    schema = resolve(schema, components)
    if "properties" in schema:
        return {name: shape(member, components) for name, member in schema["properties"].items()}
    return [shape(schema["items"], components)] if isinstance(schema.get("items"), dict) else None


def test_the_clients_own_package_needs_what_the_extra_brings() -> None:
    root = Path(__file__).parents[3]
    own, whole = (tomllib.loads((root / path).read_text()) for path in ("reco_client/pyproject.toml", "pyproject.toml"))
    assert own["project"]["dependencies"] == whole["project"]["optional-dependencies"]["client"]
    assert own["project"]["version"] == whole["project"]["version"]


def test_every_call_of_the_api_is_one_of_the_clients_and_nothing_else() -> None:
    described = {(path, method) for path, methods in API["paths"].items() for method in methods}
    assert {(call.template, call.method.lower()) for call in CALLS} == {
        (path, method) for path, method in described if path not in PAGES
    }


def test_both_clients_have_every_call_with_its_own_arguments() -> None:
    made = [
        name
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__
    ]
    names = {name for name in made if not name.startswith("_")}
    assert len(names) == len(CALLS)
    for kind in (Client, AsyncClient):
        assert names <= set(dir(kind))
        for name in names:
            assert inspect.signature(getattr(kind, name)) == inspect.signature(getattr(calls, name))
            assert getattr(kind, name).__doc__ == getattr(calls, name).__doc__
        assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in names)


@pytest.mark.parametrize("call", BY_TEMPLATE)
def test_parameters_are_those_of_the_description(call: calls.Call[Any]) -> None:
    parameters = [one for one in operation(call)["parameters"] if one["in"] == "query"]
    assert set(call.query) == {one["name"] for one in parameters}


def test_a_batch_and_an_event_have_the_described_members() -> None:
    components = API["components"]["schemas"]
    batch = next(call for call in CALLS if call.template.endswith(":batch"))
    assert set(batch.body) == set(components["BatchRequest"]["properties"])
    assert {name.name for name in msgspec.structs.fields(Event)} == set(components["Event"]["properties"])
    assert set(get_args(EventType)) == set(components["Event"]["properties"]["event_type"]["enum"])


def test_fields_are_those_of_items() -> None:
    assert set(get_args(calls.Field)) == {IDS, *MEMBERS}


@pytest.mark.parametrize("call", BY_TEMPLATE)
def test_answers_have_the_described_members(call: calls.Call[Any]) -> None:
    responses = operation(call)["responses"]
    success = responses.get("200") or responses["202"]
    described = success["content"]["application/json"]["schema"]
    (own,), components = msgspec.json.schema_components([call.answer])
    expected = shape(described, API["components"]["schemas"])
    assert shape(own, components) == expected
    assert expected


@pytest.mark.parametrize("user", ["", ".", ".."])
def test_ids_that_no_path_can_carry_are_refused_before_they_are_sent(user: str) -> None:
    with pytest.raises(ValueError, match="an id that can stand in a path"):
        calls.recommendations(user)


def test_an_event_gets_an_id_and_a_time_once() -> None:
    call = calls.send_events([EVENT, Event(user_id="u", item_id="i", event_type="view", event_id="own")])
    first, second = call.body
    assert len(first["event_id"]) == 32
    assert first["occurred_at"].endswith("Z")
    assert second["event_id"] == "own"
    assert set(first) == {"user_id", "item_id", "event_type", "event_id", "occurred_at"}
