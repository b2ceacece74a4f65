"""The OpenAPI description is what the API does: schemathesis makes requests from it and judges the answers.

One real server with a published generation answers all of them, over HTTP.
"""

from collections.abc import Iterator
from datetime import date

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.operations.start_api import ApiOptions, ApiProcess, lookup_api
from jobs.publishing.embedded_store import StoreAddress
from jobs.publishing.publish_lists import run
from reco_contracts.settings import load_settings
from serving_api.openapi import describe_api

PATHS = describe_api()["paths"]
OPERATIONS = [(path, method) for path, methods in PATHS.items() for method in methods]
WITH_INPUT = [
    (path, method)
    for path, method in OPERATIONS
    if PATHS[path][method].get("parameters") or "requestBody" in PATHS[path][method]
]
QUICK, LONG = 8, 100


@pytest.fixture(scope="module")
def api(store_server: StoreAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """A server with one generation."""
    of_api = load_settings(
        project={"namespace": "described"},
        paths={"data": str(tmp_path_factory.mktemp("described"))},
        redis={"url": store_server.url},
    )
    write_list_folder(of_api.layout, "20240501-001", FolderShape(users=50, items=100, run_date=date(2024, 5, 1)))
    run("20240501-001", of_api)
    environment = {
        "RECO_PROJECT__NAMESPACE": "described",
        "RECO_PATHS__DATA": str(of_api.paths.data),
        "RECO_REDIS__URL": store_server.url,
        "RECO_SERVING__READ_TIMEOUT_SECONDS": "10",
        "RECO_LOG_LEVEL": "ERROR",
    }
    with lookup_api(of_api, ApiOptions(port=0, environment=environment)) as process:
        yield process


@pytest.fixture(scope="module")
def description(api: ApiProcess) -> BaseSchema:
    """As the server gives it."""
    refused = {"negative_data_rejection": {"expected-statuses": ["4xx"]}}  # a 414 is a refusal, too
    config = schemathesis.Config.from_dict({"checks": refused})
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json", config=config)


def is_beyond_schemas(case: schemathesis.Case) -> bool:
    """Whether a request has what no schema can describe: a cursor, or a time that must not be in the future."""
    posted = case.body if isinstance(case.body, list) else [case.body]
    has_time = any(isinstance(event, dict) and event.get("occurred_at") is not None for event in posted)
    return has_time or "cursor" in (case.query or {})


def judge(description: BaseSchema, path: str, method: str, mode: GenerationMode, examples: int) -> None:
    """Make requests of one operation and hold each answer against the description."""
    strategy = description[path][method.upper()].as_strategy(generation_mode=mode)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance] if is_beyond_schemas(case) else [])

    one()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_answered_as_described(description: BaseSchema, path: str, method: str) -> None:
    judge(description, path, method, GenerationMode.POSITIVE, QUICK)


@pytest.mark.parametrize(("path", "method"), WITH_INPUT)
def test_what_breaks_the_description_is_refused(description: BaseSchema, path: str, method: str) -> None:
    judge(description, path, method, GenerationMode.NEGATIVE, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), WITH_INPUT)
def test_many_requests_find_nothing(description: BaseSchema, path: str, method: str, mode: GenerationMode) -> None:
    judge(description, path, method, mode, LONG)
