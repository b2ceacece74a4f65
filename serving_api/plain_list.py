"""The straight way of most reads: a stored list as it stands, first page, nothing left out and nothing put in.

What an answer says besides its items is the same for all users who ask alike, so it is
made once for each generation and query. Whatever is special about a request, its user
or a list goes the general way (`list_pages`); both ways give the same bytes.
"""

from typing import TYPE_CHECKING, Final

from reco_contracts.errors import ContractError
from reco_contracts.list_codec import list_length, unpack_head
from reco_contracts.reasons import Reason
from serving_api.answers import Answer, json_bytes, list_opening, tagged_answer
from serving_api.fields import ALL, LEAN, render_items
from serving_api.list_pages import Wanted
from serving_api.served import served_items

if TYPE_CHECKING:
    from serving_api.generation import Generation

_OF_SEGMENT, _PINNED = int(Reason.POPULAR_IN_SEGMENT), int(Reason.PINNED)
_LONGEST_QUERY: Final = 200
_MAX_QUERIES: Final = 1_000


class PlainLists:
    """What was made for the queries of one generation; forgotten with it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._made: dict[bytes, PlainList] = {}
        self._generation: Generation | None = None

    def find(self, query: bytes, generation: "Generation") -> "PlainList | None":
        """What was made for a query string; None = nothing yet."""
        return self._made.get(query) if generation is self._generation else None

    def remember(self, query: bytes, wanted: Wanted) -> None:
        """Make it for a query that was read and asks for a list as it stands."""
        if len(query) > _LONGEST_QUERY or not _is_plain(wanted):
            return
        generation = wanted.page.generation
        if generation is not self._generation or len(self._made) >= _MAX_QUERIES:
            self._made, self._generation = {}, generation
        self._made[query] = PlainList(wanted)


class PlainList:
    """What all plain answers to one query have in common.

    Args:
        wanted: of the query.

    Attributes:
        wanted: the same.
    """

    __slots__ = ("_openings", "wanted")

    def __init__(self, wanted: Wanted) -> None:
        """Make its parts."""
        generation, surface = wanted.page.generation, wanted.surface
        self.wanted = wanted
        self._openings = {
            source: list_opening(generation, surface, source, wanted.fields) for source in ("personal", "segment")
        }

    def answer(self, request_id: str, user: str, value: bytes) -> Answer | None:
        """A user's list as it stands; None = something is special about it, or it cannot be read.

        Args:
            request_id: of the answer.
            user: whose list it is.
            value: packed.
        """
        wanted = self.wanted
        generation = wanted.page.generation
        catalogue = generation.catalogue
        hidden = catalogue.rules.hidden
        if wanted.surface in catalogue.rules.pins:
            return None
        try:
            head = unpack_head(value, wanted.limit)
            items, reasons = head.items, head.reasons
            if not items or reasons[0] == _PINNED or (hidden and not hidden.isdisjoint(items)):
                return None
            source = "segment" if reasons[0] == _OF_SEGMENT else "personal"
            pieces = render_items(catalogue, head, source, 1, wanted.fields)
        except (ContractError, LookupError, ValueError):
            return None  # the general way says so, and answers all the same
        count = len(items)
        cursor = wanted.page.next_plain(count) if list_length(value) > count else b"null"
        pieces[0] = b'"user_id":%b,%b%b' % (json_bytes(user), self._openings[source], pieces[0])
        pieces[-1] = b'%b],"cursor":%b}' % (pieces[-1][:-1], cursor)
        served = served_items(user, wanted.surface, (items,))
        return tagged_answer(request_id, b"".join(pieces), generation, source, served)


def _is_plain(wanted: Wanted) -> bool:
    is_whole = wanted.fields is ALL or wanted.fields is LEAN
    is_narrowed = wanted.excluded or wanted.category or wanted.own_category
    return is_whole and wanted.page.is_first and not is_narrowed
