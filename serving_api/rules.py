"""Live rules as item indices of one generation, and pins in answers."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reco_contracts.list_codec import PAD, PackedHead
from reco_contracts.live_rules import VERSION_BYTES, LiveRules, decode_live_rules
from reco_contracts.reasons import Reason
from reco_contracts.redis_keys import RedisKeys
from serving_api.redis_pipe import RedisPipe

if TYPE_CHECKING:
    from serving_api.catalogue import Catalogue

_ITEMS_A_PAUSE: Final = 20_000


class Block(NamedTuple):
    """Items of one source within an answer."""

    picked: PackedHead
    source: str


class Pinned(NamedTuple):
    """An item index and its 0-based place."""

    place: int
    item: int


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """What holds for the lists of one generation.

    Attributes:
        hidden: item indices that no list shows.
        pins: by surface, rising by place.
    """

    hidden: frozenset[int] = frozenset()
    pins: dict[str, tuple[Pinned, ...]] = field(default_factory=dict)


NO_RULES: Final = RuleIndex()


async def read_rules(pipe: RedisPipe, keys: RedisKeys, known_version: bytes) -> tuple[LiveRules, bytes] | None:
    """The rules in the store, if they are others than the known ones; None also where there are none.

    The version stands in the first bytes, so that a poll does not read the whole of it.

    Args:
        pipe: to the store.
        keys: the namespace.
        known_version: first bytes of the value that was read last.

    Returns:
        The rules, and the first bytes of their value.

    Raises:
        StoreUnavailableError: the store does not answer.
        ContractError: the value cannot be read.
    """
    version: Any = await pipe.send("GETRANGE", keys.rules(), 0, VERSION_BYTES - 1)
    if not version or version == known_version:
        return None
    value: Any = await pipe.send("GET", keys.rules())
    return (decode_live_rules(value), value[:VERSION_BYTES]) if value else None


async def index_rules(rules: LiveRules, catalogue: "Catalogue") -> RuleIndex:
    """Find the items of rules in a catalogue, with pauses for the requests that wait; strange ids are left out."""
    hidden = rules.hidden
    wanted = hidden | {pin.item_id for pin in rules.pins}
    if not wanted:
        return NO_RULES
    found: dict[str, int] = {}
    for number, (index, item_id) in enumerate(catalogue.ids.items()):
        if item_id in wanted:
            found[item_id] = index
        if number % _ITEMS_A_PAUSE == _ITEMS_A_PAUSE - 1:
            await asyncio.sleep(0)
    pins: dict[str, list[Pinned]] = {}
    for pin in rules.pins:
        if pin.item_id in found and pin.item_id not in hidden:
            pins.setdefault(pin.surface, []).append(Pinned(pin.position - 1, found[pin.item_id]))
    return RuleIndex(
        frozenset(found[item_id] for item_id in hidden if item_id in found),
        {surface: tuple(sorted(entries)) for surface, entries in pins.items()},
    )


def place_pins(
    catalogue: "Catalogue",
    surface: str,
    blocks: list[Block],
    limit: int,
    excluded: frozenset[str] = frozenset(),
    category: str = "",
    taken: Container[int] = (),
    offset: int = 0,
) -> list[Block]:
    """Put pinned items at their places of an answer; what stands there moves down.

    Args:
        catalogue: with the rules of its generation.
        surface: of the answer.
        blocks: its items by source, at least one block.
        limit: items of the answer at most.
        excluded: ids that the answer may not hold.
        category: that its items must have; "" = any.
        taken: item indices that the answer may not hold.
        offset: places of the list in the pages before.
    """
    pins = [
        pin._replace(place=pin.place - offset)
        for pin in catalogue.rules.pins.get(surface, ())
        if offset <= pin.place < offset + limit
        and pin.item not in taken
        and catalogue.ids[pin.item] not in excluded
        and (not category or category in catalogue.categories[pin.item])
    ]
    return _placed(blocks, pins, limit) if pins else blocks


class Entry(NamedTuple):
    """One item of an answer, as it is stored, and its source."""

    item: int
    score_code: int
    reason: int
    seed: int
    source: str


def _placed(blocks: list[Block], pins: list[Pinned], limit: int) -> list[Block]:
    entries = entries_of(blocks)
    pinned = {pin.item for pin in pins}
    scores = {entry.item: entry.score_code for entry in entries if entry.item in pinned}
    entries = [entry for entry in entries if entry.item not in pinned]
    for pin in pins:
        at = min(pin.place, len(entries))
        beside = entries[min(at, len(entries) - 1)].source if entries else blocks[0].source
        entries.insert(at, Entry(pin.item, scores.get(pin.item, 0), Reason.PINNED, PAD, beside))
    return blocks_of(entries[:limit])


def entries_of(blocks: list[Block]) -> list[Entry]:
    """The items of an answer, one by one."""
    return [Entry(*stored, block.source) for block in blocks for stored in zip(*block.picked, strict=True)]


def blocks_of(entries: list[Entry]) -> list[Block]:
    """The same as blocks: neighbours of one source together."""
    blocks: list[Block] = []
    start = 0
    for end in range(1, len(entries) + 1):
        if end == len(entries) or entries[end].source != entries[start].source:
            items, scores, reasons, seeds, _ = zip(*entries[start:end], strict=True)
            blocks.append(Block(PackedHead(items, scores, bytes(reasons), seeds), entries[start].source))
            start = end
    return blocks
