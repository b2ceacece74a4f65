"""The application for a server: `serving_api.app:app`. Nothing of the API is made before the first event."""

import asyncio
import gc
from functools import lru_cache
from typing import Any, Final

from reco_contracts.logs import configure_logging
from reco_contracts.settings import get_settings
from serving_api import rsgi
from serving_api.api import LookupApi
from serving_api.asgi import Receive, Scope, Send

_OBJECTS_A_COLLECTION: Final = 50_000


@lru_cache(maxsize=1)
def get_api() -> LookupApi:
    """The API of this process, from the settings in force."""
    configure_logging()
    # Requests leave no cycles behind; at Python's 700 objects the collector spends its time looking for some.
    gc.set_threshold(_OBJECTS_A_COLLECTION, 20, 50)
    return LookupApi(get_settings())


class Application:
    """What a server calls: through RSGI where it is granian's own, else through ASGI."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through ASGI."""
        await get_api()(scope, receive, send)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer through RSGI."""
        await rsgi.serve(get_api(), scope, protocol)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start with an RSGI server's worker, before it takes requests."""
        loop.run_until_complete(get_api().start())
        gc.freeze()  # what was loaded stays: the collector need not look through the catalogue

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """End with it."""
        loop.run_until_complete(get_api().close())


app = Application()  # it has no state
