"""The lookup API of one process: its state, and the way of a request through it."""

import asyncio
import secrets
from itertools import count
from time import perf_counter
from typing import Final

from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings
from serving_api.answers import Answer, error_answer
from serving_api.asgi import Receive, Scope, Send, serve
from serving_api.cors import CrossOrigin
from serving_api.doors import Doors
from serving_api.erasure import Eraser
from serving_api.error_log import ErrorLog
from serving_api.event_intake import EventIntake
from serving_api.event_metrics import EventMetrics
from serving_api.live import Live
from serving_api.metrics import Metrics
from serving_api.parameters import BadRequestError, Query, whole_number
from serving_api.plain_list import PlainLists
from serving_api.request import Request
from serving_api.response_headers import Headers, headers_of, unless_known
from serving_api.routes import Route, find_route

_log = get_logger(__name__)

_LONGEST_LIST: Final = 1_000
# How long a process waits for its lists before it answers requests without them.
_START_SECONDS: Final = 10.0
_FIRST_ERROR: Final = 400


class LookupApi:
    """One process's API.

    Args:
        settings: store, limits, paths.

    Attributes:
        live: the generation and the store.
        doors: who may come in.
        eraser: takes users out of the store.
        events: what is done with posted events.
        session: how much the latest events change a list.
        metrics: counts of this process.
        default_limit: items in an answer.
        max_limit: the most that a request may ask for.
        max_batch_users: users of a batch read.
        plain_lists: what answers to one query have in common.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is opened before `start`."""
        self.live = Live(settings)
        self.doors = Doors(settings.doors, settings.serving.host, self.live.key_ring)
        self.eraser = Eraser(settings)
        self._cross_origin = CrossOrigin(settings.doors.cors_origins)
        self._errors = ErrorLog(settings.doors.logged_errors_per_second)
        self.metrics = Metrics(self.live, self._errors)
        self.events = EventIntake(settings)
        self.session = settings.session
        self.metrics.register(EventMetrics(self.events))
        self.max_limit = min(settings.serving.max_limit, _LONGEST_LIST)
        self.default_limit = min(settings.serving.default_limit, self.max_limit)
        self.max_batch_users = settings.serving.max_batch_users
        self.plain_lists = PlainLists()
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and load, for ten seconds at most; a larger catalogue goes on loading behind."""
        if self._starting is None:
            self.events.start()
            self._starting = asyncio.get_running_loop().create_task(self.live.start())
            await asyncio.wait({self._starting}, timeout=_START_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        if self._starting:
            await asyncio.wait({self._starting})
        await self.events.close()
        await self.live.close()

    def new_request_id(self) -> str:
        """An id that no other request of any process has."""
        return f"{self._prefix}-{next(self._numbers):x}"

    def read_limit(self, query: Query) -> int:
        """The number of items that a request asks for.

        Raises:
            BadRequestError: it is no number between 1 and serving.max_limit.
        """
        return whole_number(query, "limit", self.default_limit, 1, self.max_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through ASGI."""
        await serve(self, scope, receive, send)

    async def respond(self, request: Request) -> tuple[Answer, Headers]:
        """Answer one request, and count it."""
        began = perf_counter()
        route, request.segment = find_route(request.path)
        request.request_id = request.request_id or self.new_request_id()
        answer = unless_known(request, await self._answer(route, request))
        headers = headers_of(request, answer)
        headers += self._cross_origin.headers(request)
        template = route.template if route else "unknown"
        seconds = perf_counter() - began
        self.metrics.observe(template, answer.status, answer.source, seconds)
        if answer.served:
            self.live.served_log.add(request, answer)
        if answer.status >= _FIRST_ERROR:
            self._errors.note(request, template, answer, seconds)
        return answer, headers

    async def _answer(self, route: Route | None, request: Request) -> Answer:
        if route is None:
            return error_answer(BadRequestError("not_found", "there is no such path; see /docs", status=404))
        operation = route.operation(request.method)
        if operation is None:
            asked_beforehand = self._cross_origin.preflight(request, route.allow)
            if asked_beforehand:
                return asked_beforehand
            said = f"{request.method} is not allowed here; use {route.allow.decode()}"
            return error_answer(BadRequestError("method_not_allowed", said, status=405), allow=route.allow)
        try:
            self.doors.admit(request, operation.access)
            return await operation.handler(self, request)
        except BadRequestError as error:
            return error_answer(error)
        except Exception as error:  # noqa: BLE001 - the last line: a fault of ours becomes a 500 and a log line
            _log.error("a request failed", request_id=request.request_id, route=route.template, error=repr(error))
            return error_answer(BadRequestError("internal", "the API failed to answer; it is logged", status=500))
