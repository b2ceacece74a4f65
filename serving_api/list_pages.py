"""One page of a list: its own items, popular ones behind or in its place, pins, and the cursor of the next page."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from reco_contracts.list_codec import unpack_head
from reco_contracts.recent_codec import NOTHING_RECENT, Recent
from serving_api.answers import EMPTY, Answer, Picked, list_answer, pick_page
from serving_api.fields import ALL, Fields
from serving_api.paging import Page
from serving_api.request import Request
from serving_api.rules import Block, place_pins
from serving_api.session import NO_SESSION, Session, mix


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants of a list.

    Attributes:
        page: which part of it.
        surface: where it is shown.
        limit: items of the page.
        excluded: item ids to leave out.
        category: of popular items and of pins; "" = all.
        own_category: of the list's own items; popular ones fill up what it cannot.
        has_stand_in: whether popular items stand in for a list with nothing in it.
        exclude_seen: whether items of the user's recent events are left out: None = those that were bought or
            dismissed, True = all of them, False = those that were dismissed.
        fields: members of the items.
    """

    page: Page
    surface: str
    limit: int
    excluded: frozenset[str] = frozenset()
    category: str = ""
    own_category: str = ""
    has_stand_in: bool = True
    exclude_seen: bool | None = None
    fields: Fields = ALL


class Own(NamedTuple):
    """The stored list.

    Attributes:
        value: packed; None = there is none.
        source: of its items.
        missing: source of what stands in for it.
        recent: what its user did lately.
        session: what that puts into it.
    """

    value: bytes | None
    source: str
    missing: str
    recent: Recent = NOTHING_RECENT
    session: Session = NO_SESSION


def answer_page(request: Request, wanted: Wanted, own: Own, subject: bytes, user: str = "") -> Answer:
    """A page as JSON.

    Args:
        request: for its id.
        wanted: what of the list.
        own: the stored list.
        subject: what the list is for, as JSON members that end with a comma.
        user: to whom it is shown; "" = nobody in particular.

    Raises:
        ContractError: the list cannot be read.
        LookupError: it names what is not in the catalogue.
    """
    blocks, cursor = page_blocks(wanted, own)
    page = wanted.page
    return list_answer(
        request.request_id,
        subject,
        page.generation,
        wanted.surface,
        blocks,
        user,
        fields=wanted.fields,
        first_rank=page.first_rank,
        cursor=cursor,
    )


def page_blocks(wanted: Wanted, own: Own) -> tuple[list[Block], bytes]:
    """The items of a page by source, and the next page's cursor as JSON; see `answer_page`."""
    wanted = _without_recent(wanted, own.recent)
    page, limit, excluded = wanted.page, wanted.limit, wanted.excluded
    catalogue, shown = page.generation.catalogue, _Shown(page, own.value)
    picked = pick_page(catalogue, own.value, limit, excluded, wanted.own_category, page.shown, page.skip)
    blocks, has_more = [Block(picked.head, own.source if own.value is not None else own.missing)], picked.has_more
    if _is_filled(wanted, own, picked):
        filling = _popular(wanted, picked.head.items)
        blocks.append(Block(filling.head, own.missing))
        has_more = has_more or filling.has_more
    plain_blocks = blocks
    if own.session.ranked:
        blocks, is_left = mix(own.session, blocks, limit, catalogue, excluded, wanted.category, {*shown.items()})
        has_more = has_more or is_left
    pinned = place_pins(catalogue, wanted.surface, blocks, limit, excluded, wanted.category, shown, page.first_rank - 1)
    if pinned is not blocks:
        has_more = has_more or not set(_items(blocks)) <= set(_items(pinned))
    if not has_more:
        return pinned, b"null"
    is_published = wanted.surface not in own.recent.folded or page.skip > 0  # a folded list may be another one soon
    if picked.is_plain and pinned is plain_blocks and len(blocks) == 1 and is_published:
        return pinned, page.next_plain(len(picked.head.items))
    is_own = page.is_own or bool(picked.head.items)
    return pinned, page.next_listed(
        (*shown.items(), *_items(pinned)), is_own=is_own, skip=page.skip if own.value is None else 0
    )


def _without_recent(wanted: Wanted, recent: Recent) -> Wanted:
    """The same, without what the user has had enough of since the list was made."""
    hidden = recent.hidden(exclude_seen=wanted.exclude_seen)
    return replace(wanted, excluded=wanted.excluded | hidden) if hidden else wanted


def _is_filled(wanted: Wanted, own: Own, picked: Picked) -> bool:
    if wanted.own_category:
        return True
    is_at_end = wanted.page.is_own and own.value is not None
    return wanted.has_stand_in and not picked.head.items and not is_at_end


def _popular(wanted: Wanted, taken: tuple[int, ...]) -> Picked:
    page = wanted.page
    value = page.generation.popular_list(wanted.category)
    held = {*page.shown, *taken}
    return pick_page(page.generation.catalogue, value, wanted.limit - len(taken), wanted.excluded, taken=held)


class _Shown:
    """What the pages before have shown, looked up only where somebody asks."""

    def __init__(self, page: Page, value: bytes | None) -> None:
        self._page, self._value = page, value

    def items(self) -> tuple[int, ...]:
        """Item indices."""
        head = unpack_head(self._value, self._page.skip) if self._page.skip and self._value else EMPTY
        return (*head.items, *self._page.shown)

    def __contains__(self, item: object) -> bool:
        return not self._page.is_first and item in self.items()


def _items(blocks: list[Block]) -> Iterable[int]:
    return [item for block in blocks for item in block.picked.items]
