"""Mix what is like a user's latest clicks into a list.

How much depends on how long ago they were: an event counts half after
`session.half_life_minutes`. The share of the places that it takes falls the same way,
so that a list goes back to what it was, and the first place stays the list's own. A
user without a list of their own gets a larger share, from the first place on, however
long ago it was: the alternative is what everybody likes.
"""

import struct
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import NO_INDEX, Recent, Seed
from reco_contracts.serving_settings import SessionSection
from serving_api.catalogue import Catalogue
from serving_api.rules import Block, Entry, blocks_of

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
# More events than these say nothing new, and each costs time in the request.
_MOST_SEEDS: Final = 8
_FLOAT: Final = struct.Struct("<e")
_CODE: Final = struct.Struct("<H")
# An item index, its score's code, reason code, seed index and source: `rules.Entry` before it is one.
_Stored = tuple[int, int, int, int, str]


@dataclass(frozen=True, slots=True)
class Session:
    """What a session would put into a list of one generation.

    Attributes:
        ranked: each item with its score, best first; scores of any scale.
        seeds: by item, the event that brought it.
        share: of the places of a user's own list; 0..1.
        newcomer_share: of the places of a user who has none.
    """

    ranked: Sequence[tuple[int, float]] = ()
    seeds: Mapping[int, Seed] = field(default_factory=dict)
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
    usable = [
        seed
        for seed in recent.seeds  # a kind without a weight is damaged, or of a later version
        if seed.generation == generation and seed.item != NO_INDEX and seed.kind in _WEIGHTS
    ]
    if not usable:
        return NO_SESSION
    events = sorted(((_strength(seed, options, now_ms), seed) for seed in usable), key=itemgetter(0), reverse=True)
    strongest, own = events[0][0], {seed.item for seed in usable}
    values = _values()
    scores: dict[int, float] = {}
    seeds: dict[int, Seed] = {}
    for strength, seed in events[:_MOST_SEEDS]:
        for item, code in zip(seed.neighbours, seed.score_codes, strict=True):
            if code > _LARGEST_CODE:
                continue
            if item in scores:
                scores[item] += strength * values[code]
            elif item not in own:
                scores[item] = strength * values[code]
                seeds[item] = seed  # the strongest of those that bring it
    ranked = sorted(scores.items(), key=_by_score)
    share = options.share * strongest if strongest >= _LEAST_STRENGTH else 0.0
    return Session(ranked, seeds, share, options.newcomer_share)


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
    if share <= 0 or not session.ranked:
        return Mixed(blocks, is_left=False)
    allowed = _allowed(session, catalogue, excluded, category, taken)
    own = [(*stored, block.source) for block in blocks for stored in zip(*block.picked, strict=True)]
    merged, is_left = _interleave(own, allowed, share, limit)
    return Mixed(blocks_of([Entry(*entry) for entry in merged]), is_left) if merged else Mixed(blocks, is_left=False)


def _allowed(
    session: Session, catalogue: Catalogue, excluded: frozenset[str], category: str, taken: Container[int]
) -> Iterator[_Stored]:
    """The session's items that may be shown; made one by one, since few are needed."""
    hidden, ids, categories = catalogue.rules.hidden, catalogue.ids, catalogue.categories
    highest = session.ranked[0][1] if session.ranked else 1.0
    for item, score in session.ranked:
        seed = session.seeds[item]
        if (
            item in ids
            and seed.item in ids
            and item not in hidden
            and item not in taken
            and ids[item] not in excluded
            and (not category or category in categories[item])
        ):
            yield item, _code(score / (highest or 1.0)), seed.kind, seed.item, SOURCE


def _interleave(
    own: Iterable[_Stored], session: Iterator[_Stored], share: float, limit: int
) -> tuple[list[_Stored], bool]:
    """Give the session its share of the first p places, for every p; no item twice; tells whether one is left."""
    merged: list[_Stored] = []
    held: set[int] = set()
    own_left, given = iter(own), 0
    while len(merged) < limit:
        is_due = int((len(merged) + 1) * share + 0.5) > given
        turns = (session, own_left) if is_due else (own_left, session)
        entry = _next_new(turns[0], held) or _next_new(turns[1], held)
        if entry is None:
            return merged, False
        given += entry[-1] == SOURCE
        held.add(entry[0])
        merged.append(entry)
    return merged, bool(_next_new(own_left, held) or _next_new(session, held))


def _next_new(entries: Iterator[_Stored], held: Container[int]) -> _Stored | None:
    for entry in entries:
        if entry[0] not in held:
            return entry
    return None


def _strength(seed: Seed, options: SessionSection, now_ms: float) -> float:
    minutes = max(now_ms - seed.at_ms, 0.0) / _MINUTE_MS
    weight: float = _WEIGHTS[seed.kind] * 0.5 ** (minutes / options.half_life_minutes)
    return weight


def _by_score(scored: tuple[int, float]) -> tuple[float, int]:
    return -scored[1], scored[0]


def _code(score: float) -> int:
    code: int = _CODE.unpack(_FLOAT.pack(score))[0]
    return code


@lru_cache(maxsize=1)
def _values() -> tuple[float, ...]:
    """The number behind every float16 from 0 to 1; position = its bits."""
    codes = range(_LARGEST_CODE + 1)
    return struct.unpack(f"<{len(codes)}e", struct.pack(f"<{len(codes)}H", *codes))
