"""Mix what is like a user's latest clicks into a list.

How much depends on how long ago they were: an event counts half after
`session.half_life_minutes`. The share of the places that it takes falls the same way,
so that a list goes back to what it was, and the first place stays the list's own. A
user without a list of their own gets a larger share, from the first place on, however
long ago it was: the alternative is what everybody likes.
"""

import struct
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import NO_INDEX, Recent, Seed
from reco_contracts.serving_settings import SessionSection
from serving_api.catalogue import Catalogue
from serving_api.rules import Block, Entry, blocks_of, entries_of

SOURCE: Final = "session"
# A look is weaker than a choice; what was bought is rarely wanted in another colour at once.
_WEIGHTS: Final[dict[int, float]] = {
    Reason.BECAUSE_VIEWED: 0.7,
    Reason.BECAUSE_CLICKED: 1.0,
    Reason.BECAUSE_IN_CART: 1.0,
    Reason.BECAUSE_LIKED: 1.0,
    Reason.BECAUSE_BOUGHT: 0.7,
}
# Weaker than this it changes nothing.
_LEAST_STRENGTH: Final = 0.02
_LARGEST_CODE: Final = 0x3C00
_MINUTE_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Session:
    """What a session would put into a list of one generation.

    Attributes:
        entries: items with their scores, reasons and seeds, best first.
        share: of the places of a user's own list; 0..1.
        newcomer_share: of the places of a user who has none.
    """

    entries: tuple[Entry, ...] = ()
    share: float = 0.0
    newcomer_share: float = 0.0


NO_SESSION: Final = Session()


def read_session(recent: Recent, generation: str | None, options: SessionSection, now_ms: float) -> Session:
    """Rank the neighbours of a user's latest items: each event votes for its own, by its strength.

    Args:
        recent: what the user did.
        generation: of the list; neighbours in another one's indices are left out.
        options: pace.
        now_ms: milliseconds since 1970.
    """
    seeds = [seed for seed in recent.seeds if seed.generation == generation and seed.item != NO_INDEX]
    strengths = [_strength(seed, options, now_ms) for seed in seeds]
    strongest = max(strengths, default=0.0)
    share = options.share * strongest if strongest >= _LEAST_STRENGTH else 0.0
    own = {seed.item for seed in seeds}
    scores: dict[int, float] = {}
    best: dict[int, tuple[float, Seed]] = {}
    for seed, strength in zip(seeds, strengths, strict=True):
        for item, code in zip(seed.neighbours, seed.score_codes, strict=True):
            if item in own:
                continue
            vote = strength * _value(code)
            scores[item] = scores.get(item, 0.0) + vote
            if item not in best or vote > best[item][0]:
                best[item] = vote, seed
    ranked = sorted(scores, key=lambda item: (-scores[item], item))
    highest = scores[ranked[0]] if ranked else 0.0
    entries = tuple(_entry(item, scores[item] / (highest or 1.0), best[item][1]) for item in ranked)
    return Session(entries, share, options.newcomer_share)


class Mixed(NamedTuple):
    """A list with a session in it.

    Attributes:
        blocks: the list's items by source.
        is_left: whether an item of either found no place.
    """

    blocks: list[Block]
    is_left: bool


def mix(
    session: Session,
    blocks: list[Block],
    limit: int,
    catalogue: Catalogue,
    excluded: frozenset[str] = frozenset(),
    category: str = "",
    taken: Container[int] = (),
) -> Mixed:
    """Put session items at their places of a list; what stands there moves down.

    Args:
        session: what to put in.
        blocks: the list's items by source, at least one block.
        limit: items of the answer at most.
        catalogue: of the generation, with the rules that hold.
        excluded: ids that the answer may not hold.
        category: that its items must have; "" = any.
        taken: item indices that the answer may not hold.
    """
    is_newcomer = blocks[0].source != "personal" or not blocks[0].picked.items
    share = session.newcomer_share if is_newcomer else session.share
    if share <= 0:
        return Mixed(blocks, is_left=False)
    hidden, ids = catalogue.rules.hidden, catalogue.ids
    chosen = [
        entry
        for entry in session.entries
        if entry.item in ids
        and entry.seed in ids
        and entry.item not in hidden
        and entry.item not in taken
        and ids[entry.item] not in excluded
        and (not category or category in catalogue.categories[entry.item])
    ]
    if not chosen:
        return Mixed(blocks, is_left=False)
    own = entries_of(blocks)
    merged = _interleave(own, chosen, share, limit)
    placed = {entry.item for entry in merged}
    return Mixed(blocks_of(merged), is_left=any(entry.item not in placed for entry in (*own, *chosen)))


def _interleave(own: Iterable[Entry], session: list[Entry], share: float, limit: int) -> list[Entry]:
    """Give the session its share of the first p places, for every p; no item twice."""
    merged: list[Entry] = []
    held: set[int] = set()
    own_left, session_left = iter(own), iter(session)
    given = 0
    while len(merged) < limit:
        is_due = int((len(merged) + 1) * share + 0.5) > given
        turns = (session_left, own_left) if is_due else (own_left, session_left)
        entry = _next_new(turns[0], held) or _next_new(turns[1], held)
        if entry is None:
            break
        given += entry.source == SOURCE
        held.add(entry.item)
        merged.append(entry)
    return merged


def _next_new(entries: Iterable[Entry], held: Container[int]) -> Entry | None:
    return next((entry for entry in entries if entry.item not in held), None)


def _strength(seed: Seed, options: SessionSection, now_ms: float) -> float:
    minutes = max(now_ms - seed.at_ms, 0.0) / _MINUTE_MS
    weight: float = _WEIGHTS.get(seed.kind, 0.0) * 0.5 ** (minutes / options.half_life_minutes)
    return weight


def _entry(item: int, score: float, seed: Seed) -> Entry:
    code: int = struct.unpack("<H", struct.pack("<e", score))[0]
    return Entry(item, code, seed.kind, seed.item, SOURCE)


def _value(code: int) -> float:
    return _values()[code] if code <= _LARGEST_CODE else 0.0


@lru_cache(maxsize=1)
def _values() -> tuple[float, ...]:
    """The number behind every float16 from 0 to 1; position = its bits."""
    codes = range(_LARGEST_CODE + 1)
    return struct.unpack(f"<{len(codes)}e", struct.pack(f"<{len(codes)}H", *codes))
