"""The ASGI application for a server: `serving_api.app:app`. Nothing is made before the first event."""

from functools import lru_cache

from reco_contracts.logs import configure_logging
from reco_contracts.settings import get_settings
from serving_api.api import LookupApi
from serving_api.asgi import Receive, Scope, Send


@lru_cache(maxsize=1)
def get_api() -> LookupApi:
    """The API of this process, from the settings in force."""
    configure_logging()
    return LookupApi(get_settings())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer through the API of this process."""
    await get_api()(scope, receive, send)
