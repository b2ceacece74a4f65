"""The lookup API as an ASGI application: routes, errors, start and stop."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from serving_api.answers import Answer, error_answer, json_answer
from serving_api.features import item_features, user_features
from serving_api.lists import also_bought, new, popular, recommend, similar, trending
from serving_api.live import Live
from serving_api.metrics import CONTENT_TYPE, Metrics
from serving_api.pages import docs, index, openapi_json
from serving_api.parameters import BadRequestError, Query, whole_number
from serving_api.user_page import user_page
from serving_api.why import why

_log = get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[["LookupApi", bytes, bytes], Awaitable[Answer]]

_LONGEST_LIST: Final = 1_000
# How long a process waits for its lists before it answers requests without them.
_START_SECONDS: Final = 10.0


class Route(NamedTuple):
    """A path template and what answers it."""

    template: str
    handler: Handler


class LookupApi:
    """One process's API.

    Args:
        settings: store, limits, paths.

    Attributes:
        live: the generation and the store.
        metrics: counts of this process.
        default_limit: items in an answer.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is opened before `start`."""
        self.live = Live(settings)
        self.metrics = Metrics(self.live)
        self._max_limit = min(settings.serving.max_limit, _LONGEST_LIST)
        self.default_limit = min(settings.serving.default_limit, self._max_limit)
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and load, for ten seconds at most; a larger catalogue goes on loading behind."""
        self._starting = self._starting or asyncio.get_running_loop().create_task(self.live.start())
        await asyncio.wait({self._starting}, timeout=_START_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        if self._starting:
            await asyncio.wait({self._starting})
        await self.live.close()

    def new_request_id(self) -> str:
        """An id that no other request of any process has."""
        return f"{self._prefix}-{next(self._numbers):x}"

    def request_id(self) -> bytes:
        """The same, as JSON."""
        return b'"%b"' % self.new_request_id().encode()

    def read_limit(self, query: Query) -> int:
        """The number of items that a request asks for.

        Raises:
            BadRequestError: it is no number between 1 and serving.max_limit.
        """
        return whole_number(query, "limit", self.default_limit, 1, self._max_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and stop."""
        if scope["type"] == "http":
            if self._starting is None:
                await self.start()  # a server without the lifespan protocol
            await self._respond(scope, send)
        elif scope["type"] == "lifespan":
            await self._follow_server(receive, send)

    async def _follow_server(self, receive: Receive, send: Send) -> None:
        while True:
            event = (await receive())["type"]
            if event == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif event == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _respond(self, scope: Scope, send: Send) -> None:
        began = perf_counter()
        path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        method: str = scope["method"]
        route, segment = find_route(path)
        answer = await self._answer(route, method, segment, scope["query_string"])
        headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
        if answer.generation:
            headers.append((b"x-reco-generation", answer.generation))
        if answer.allow:
            headers.append((b"allow", answer.allow))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
        template = route.template if route else "unknown"
        self.metrics.observe(template, answer.status, answer.source, perf_counter() - began)

    async def _answer(self, route: Route | None, method: str, segment: bytes, query_string: bytes) -> Answer:
        if route is None:
            return error_answer(BadRequestError("not_found", "there is no such path; see /docs", status=404))
        if method not in ("GET", "HEAD"):
            mistake = BadRequestError("method_not_allowed", f"{method} is not allowed here; use GET", status=405)
            return error_answer(mistake, allow=b"GET, HEAD")
        try:
            return await route.handler(self, segment, query_string)
        except BadRequestError as error:
            return error_answer(error)
        except Exception as error:  # noqa: BLE001 - the last line: a fault of ours becomes a 500 and a log line
            _log.error("a request failed", route=route.template, error=repr(error))
            return error_answer(BadRequestError("internal", "the API failed to answer; it is logged", status=500))


async def _health(api: LookupApi, segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    return json_answer({"status": "ok"})


async def _readiness(api: LookupApi, segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    generation = api.live.generation
    status = "starting" if not api.live.is_ready else "ready" if generation.manifest else "fallback"
    content = {"status": status, "generation": generation.name, "store": "up" if api.live.pipe.is_up else "down"}
    return json_answer(content, 200 if api.live.is_ready else 503)


async def _metrics(api: LookupApi, segment: bytes, query_string: bytes) -> Answer:  # noqa: ARG001 - a route's shape
    return Answer(api.metrics.exposition(), content_type=CONTENT_TYPE)


# By the number of path segments and the fixed ones among them; the id is the third.
_WITH_ID: Final[dict[tuple[bytes, bytes, bytes], Route]] = {
    (b"v1", b"users", b"recommendations"): Route("/v1/users/{user_id}/recommendations", recommend),
    (b"v1", b"users", b"page"): Route("/v1/users/{user_id}/page", user_page),
    (b"v1", b"users", b"features"): Route("/v1/users/{user_id}/features", user_features),
    (b"v1", b"items", b"similar"): Route("/v1/items/{item_id}/similar", similar),
    (b"v1", b"items", b"also_bought"): Route("/v1/items/{item_id}/also_bought", also_bought),
    (b"v1", b"items", b"features"): Route("/v1/items/{item_id}/features", item_features),
}
_FIXED: Final[dict[bytes, Route]] = {
    b"/": Route("/", index),
    b"/v1/popular": Route("/v1/popular", popular),
    b"/v1/trending": Route("/v1/trending", trending),
    b"/v1/new": Route("/v1/new", new),
    b"/healthz": Route("/healthz", _health),
    b"/readyz": Route("/readyz", _readiness),
    b"/metrics": Route("/metrics", _metrics),
    b"/openapi.json": Route("/openapi.json", openapi_json),
    b"/docs": Route("/docs", docs),
}
# A user and an item: the path is that of the user's list with two segments more.
_WHY: Final = Route("/v1/users/{user_id}/recommendations/{item_id}/why", why)
ROUTES: Final = (*_WITH_ID.values(), _WHY, *_FIXED.values())
_SEGMENTS_WITH_ID: Final = 5
_SEGMENTS_WITH_TWO: Final = 7


def find_route(path: bytes) -> tuple[Route | None, bytes]:
    """The route of a path, and the id in it; of two ids, both with a slash between.

    Args:
        path: still percent-encoded, so that an id may contain a slash.
    """
    segments = path.split(b"/")
    if len(segments) == _SEGMENTS_WITH_TWO and not segments[0]:
        is_why = segments[1:3] == [b"v1", b"users"] and segments[4] == b"recommendations" and segments[6] == b"why"
        return (_WHY, b"/".join((segments[3], segments[5]))) if is_why else (None, b"")
    if len(segments) == _SEGMENTS_WITH_ID and not segments[0]:
        return _WITH_ID.get((segments[1], segments[2], segments[4])), segments[3]
    return _FIXED.get(path), b""
