"""A typed client of the Reco lookup API, for services.

    from reco_client import Client

    with Client("http://127.0.0.1:8080", api_key=KEY) as reco:
        answer = reco.recommendations("user-7", limit=10)
        for item in answer.items:
            print(item.rank, item.title, item.reason.text)

`AsyncClient` has the same calls, awaited. Timeouts and retries are set; see `Retries`.
"""

from reco_client.answers import (
    BatchAnswer,
    CategoryList,
    Contributor,
    Erased,
    Erasure,
    EventRejection,
    EventsAnswer,
    Features,
    Health,
    Item,
    ItemAnswer,
    ItemList,
    ListAnswer,
    PopularList,
    Readiness,
    Reason,
    Recommendations,
    UserList,
    UserPage,
    Why,
)
from reco_client.clients import AsyncClient, Client
from reco_client.errors import ApiError, CursorExpiredError, RecoClientError, UnavailableError, UnreadableAnswerError
from reco_client.events import Event
from reco_client.retries import Retries

__all__ = [
    "ApiError",
    "AsyncClient",
    "BatchAnswer",
    "CategoryList",
    "Client",
    "Contributor",
    "CursorExpiredError",
    "Erased",
    "Erasure",
    "Event",
    "EventRejection",
    "EventsAnswer",
    "Features",
    "Health",
    "Item",
    "ItemAnswer",
    "ItemList",
    "ListAnswer",
    "PopularList",
    "Readiness",
    "Reason",
    "RecoClientError",
    "Recommendations",
    "Retries",
    "UnavailableError",
    "UnreadableAnswerError",
    "UserList",
    "UserPage",
    "Why",
]
