"""The description names every route and parameter, and nothing that is not there."""

import json
import re
from collections.abc import Iterator
from typing import Any

from reco_contracts.reasons import REASONS
from serving_api import lists, user_list, user_page
from serving_api.openapi import Bounds, describe_api
from serving_api.routes import ROUTES, Access


def references(node: Any) -> Iterator[str]:
    """Every $ref of a description."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {path: set(operations) for path, operations in describe_api()["paths"].items()}
    assert described == {route.template: {method.lower() for method in route.operations} for route in ROUTES}


def test_path_and_query_parameters_are_those_of_the_routes() -> None:
    paths = describe_api()["paths"]
    accepted = {
        "/v1/users/{user_id}/recommendations": user_list.PARAMETERS,
        "/v1/items/{item_id}/similar": lists.OF_ITEM,
        "/v1/popular": lists.OF_POPULAR,
        "/v1/users/{user_id}/recommendations/{item_id}/why": ("surface",),
        "/v1/items/{item_id}/also_bought": lists.OF_ITEM,
        "/v1/trending": lists.OF_CATEGORY,
        "/v1/new": lists.OF_CATEGORY,
        "/v1/users/{user_id}/page": user_page.PARAMETERS,
    }
    for template, methods in paths.items():
        parameters = [one for operation in methods.values() for one in operation.get("parameters", [])]
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", template))
        in_query = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        assert in_query == set(accepted.get(template, ()))


def test_every_reference_leads_to_a_schema() -> None:
    description = describe_api()
    found = set(references(description))
    assert len(found) > 5
    for reference in found:
        name = reference.removeprefix("#/components/schemas/")
        assert name in description["components"]["schemas"], reference


def test_every_reason_code_is_named() -> None:
    text = json.dumps(describe_api()["components"]["schemas"]["Reason"])
    assert all(reason.code in text for reason in REASONS.values())


def test_whatever_needs_a_key_says_so_and_what_is_open_does_not() -> None:
    closed, opened = describe_api(Bounds(needs_key=True)), describe_api(Bounds(needs_key=False))
    for route in ROUTES:
        for method, operation in route.operations.items():
            told = closed["paths"][route.template][method.lower()]
            is_guarded = operation.access is not Access.OPEN
            assert ("security" in told) is is_guarded, (method, route.template)
            if is_guarded:
                assert {"401", "403", "429"} <= set(told["responses"])
                assert {} not in told["security"]
                assert {} in opened["paths"][route.template][method.lower()]["security"]
