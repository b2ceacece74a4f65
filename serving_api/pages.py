"""The pages for people and tools: the index, the OpenAPI description and its reader."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from serving_api.answers import HTML, Answer, json_bytes
from serving_api.docs_page import DOCS_PAGE
from serving_api.openapi import Bounds, describe_api
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi

_INDEX: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Reco</title>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem">
<h1>Reco lookup API</h1>
<ul>
<li><a href="/docs">/docs</a>: every call, with a form to try it</li>
<li><a href="/v1/popular">/v1/popular</a>, <a href="/v1/trending">/v1/trending</a>, <a href="/v1/new">/v1/new</a>:
items for everybody</li>
<li><code>/v1/users/{user_id}/recommendations</code>: a user's list; <code>/v1/users/{user_id}/page</code>: several</li>
<li><a href="/readyz">/readyz</a>, <a href="/healthz">/healthz</a>, <a href="/metrics">/metrics</a>,
<a href="/openapi.json">/openapi.json</a>: for machines</li>
</ul></body></html>
"""


@lru_cache(maxsize=2)
def _description(bounds: Bounds) -> bytes:
    return json_bytes(describe_api(bounds))


async def index(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """Links to everything else."""
    return Answer(_INDEX.encode(), content_type=HTML)


async def openapi_json(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """The OpenAPI description, with the limits and names that hold in this process now."""
    generation = api.live.generation
    bounds = Bounds(
        api.default_limit,
        api.max_limit,
        api.max_batch_users,
        generation.windows_days,
        tuple(generation.user_surfaces()),
        tuple(generation.page_surfaces()),
        not api.doors.is_open,
    )
    return Answer(_description(bounds))


async def docs(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """A page that reads the description; it loads nothing from elsewhere."""
    return Answer(DOCS_PAGE.encode(), content_type=HTML)
