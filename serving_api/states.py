"""The routes that tell machines how this process is: liveness, readiness, metrics."""

from typing import TYPE_CHECKING

from serving_api.answers import Answer, json_answer
from serving_api.metrics import CONTENT_TYPE
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi


async def health(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """The process is alive."""
    return json_answer({"status": "ok"})


async def readiness(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """Whether there is anything to answer from; 503 before that."""
    seen = api.live.look()
    content = {
        "status": seen.state.value,
        "generation": api.live.generation.name,
        "store": seen.store.value,
        "since": api.live.states.since.isoformat(timespec="milliseconds"),
        "keys": None if api.doors.is_open else len(api.live.key_ring),
    }
    return json_answer(content, 200 if api.live.is_ready else 503)


async def metrics(api: "LookupApi", request: Request) -> Answer:  # noqa: ARG001 - a route's shape
    """Numbers of this process, for Prometheus."""
    return Answer(api.metrics.exposition(), content_type=CONTENT_TYPE)
