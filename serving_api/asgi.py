"""The lookup API behind the ASGI protocol."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from serving_api.parameters import BadRequestError
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def serve(api: "LookupApi", scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, or follow the server's start and stop."""
    if scope["type"] == "http":
        await api.start()  # for a server without the lifespan protocol
        if api.doors.is_open:
            api.doors.meet(scope.get("server"))
        answer, headers = await api.respond(_request(scope, receive))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
    elif scope["type"] == "lifespan":
        await _follow_server(api, receive, send)


async def _follow_server(api: "LookupApi", receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        if event == "lifespan.startup":
            await api.start()
            await send({"type": "lifespan.startup.complete"})
        elif event == "lifespan.shutdown":
            await api.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _request(scope: Scope, receive: Receive) -> Request:
    def header(name: str) -> str | None:
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in scope.get("headers", ()) if key == wanted), None)

    async def read_body(limit: int) -> bytes:
        pieces, size, is_complete = [], 0, False
        while not is_complete:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise BadRequestError("cut_off", "the connection was closed before the body was complete")
            piece = event.get("body", b"")
            size += len(piece)
            if size > limit:
                raise BadRequestError("too_large", f"the body has more than {limit:,} bytes", status=413)
            pieces.append(piece)
            is_complete = not event.get("more_body", False)
        return b"".join(pieces)

    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return Request(scope["method"], path, scope["query_string"], header, read_body)
