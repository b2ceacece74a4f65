"""A generation's items as pieces of JSON, prepared once, so that an answer is one join.

An item in an answer is four pieces: what it is (id, title, categories), its rank, its
score, and its source with the reason. What it is is made when a generation is loaded,
as one piece: pieces of a large catalogue are not in the processor's cache, so that
each costs more to fetch than to copy. The others are few and are kept from the first
time they are needed.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from reco_contracts.list_codec import PAD, PackedHead
from reco_contracts.manifests import CatalogueChunk
from reco_contracts.reasons import REASONS, Reason
from serving_api.rules import NO_RULES, Block

_json = msgspec.json.encode
_MAX_LENGTH: Final = 1_000  # settings allow no longer lists
# A list and what fills it up have no more items, so the pages of a cursor cannot have shown more.
MAX_SHOWN: Final = 2 * _MAX_LENGTH
_ONE_AS_FLOAT16: Final = 0x3C00
_ITEM: Final = b'{"item_id":%b,"title":%b,"categories":%b,"rank":'


class Catalogue:
    """Items by index, as they read in an answer.

    Indices need not be dense: the copy on disk holds popular items only.

    Attributes:
        ids: by index, as are titles and categories.
        indices: by id.
        id_texts: ids as JSON, by index; made on first use.
        rules: that hold now; replaced whole, at any moment.
    """

    def __init__(self) -> None:
        """An empty catalogue; `add` fills it."""
        self.ids: dict[int, str] = {}
        self.indices: dict[str, int] = {}
        self.titles: dict[int, str] = {}
        self.categories: dict[int, tuple[str, ...]] = {}
        self.id_texts = _IdTexts(self.ids)
        self.rules = NO_RULES
        self._items: dict[int, bytes] = {}
        self._endings: dict[tuple[str, int], _Endings] = {}

    def __len__(self) -> int:
        """The number of items."""
        return len(self.ids)

    def add(self, indices: list[int], chunk: CatalogueChunk, batch: int) -> Iterator[None]:
        """Add items; pauses after every `batch` of them, so that a caller can let requests through.

        Args:
            indices: item index of each item of the chunk.
            chunk: the items.
            batch: items between two pauses.
        """
        names: dict[str, str] = {}
        for at, (index, item_id) in enumerate(zip(indices, chunk.item_ids, strict=True)):
            categories = tuple(names.setdefault(name, name) for name in chunk.categories[at])
            self.ids[index], self.titles[index], self.categories[index] = item_id, chunk.titles[at], categories
            self._items[index] = _ITEM % (_json(item_id), _json(chunk.titles[at]), _json(categories))
            self.indices[item_id] = index
            if at % batch == batch - 1:
                yield

    def render(self, picked: PackedHead, source: str, first_rank: int = 1) -> list[bytes]:
        """The items as pieces of JSON objects, each object followed by a comma.

        Args:
            picked: what to show, in order.
            source: where these items come from.
            first_rank: rank of the first one.

        Returns:
            Pieces to join, four an item; the last byte is a comma.

        Raises:
            LookupError: an index, a score or a reason code is not known.
        """
        pieces = self._render_beginnings(picked.items, picked.score_codes, first_rank)
        pieces[3::4] = self._render_endings(picked, source)
        return pieces

    def render_mixed(self, blocks: Sequence[Block], first_rank: int = 1) -> list[bytes]:
        """The items of several sources that take turns: as `render`, without its price for every turn.

        Raises:
            LookupError: an index, a score or a reason code is not known.
        """
        items = [item for block in blocks for item in block.picked.items]
        score_codes = [code for block in blocks for code in block.picked.score_codes]
        pieces = self._render_beginnings(items, score_codes, first_rank)
        pieces[3::4] = [
            self._endings_of(source, code)[seed]
            for picked, source in blocks
            for code, seed in zip(picked.reasons, picked.seeds, strict=True)
        ]
        return pieces

    def describe(self, code: int, seed: int) -> dict[str, str]:
        """A reason as it reads in an answer.

        Args:
            code: of `Reason`.
            seed: item index, -1 = none.

        Raises:
            LookupError: the seed is not in the catalogue.
            ValueError: there is no such reason.
        """
        return _describe(code, seed, self.ids, self.titles)

    def _render_beginnings(self, items: Sequence[int], score_codes: Sequence[int], first_rank: int) -> list[bytes]:
        """All pieces but those of source and reason, whose places are empty."""
        count = len(items)
        pieces: list[bytes] = [b""] * (4 * count)
        pieces[0::4] = map(self._items.__getitem__, items)
        pieces[1::4] = _ranks()[first_rank - 1 : first_rank - 1 + count]
        pieces[2::4] = map(score_texts().__getitem__, score_codes)
        return pieces

    def _render_endings(self, picked: PackedHead, source: str) -> Iterable[bytes]:
        reasons = picked.reasons
        if reasons and reasons.count(reasons[0]) == len(reasons):  # most lists: half the time
            return map(self._endings_of(source, reasons[0]).__getitem__, picked.seeds)
        return [self._endings_of(source, code)[seed] for code, seed in zip(reasons, picked.seeds, strict=True)]

    def _endings_of(self, source: str, code: int) -> "_Endings":
        endings = self._endings.get((source, code))
        if endings is None:
            endings = self._endings[source, code] = _Endings(source, Reason(code), self.ids, self.titles)
        return endings


class _IdTexts(dict[int, bytes]):
    """Ids as JSON, by item index. Made on first use: only lean answers need them."""

    def __init__(self, ids: dict[int, str]) -> None:
        super().__init__()
        self._ids = ids

    def __missing__(self, index: int) -> bytes:
        text = self[index] = _json(self._ids[index])
        return text


class _Endings(dict[int, bytes]):
    """Source and reason of an item, by seed (-1 = none). Made on first use.

    It does not know its catalogue: a catalogue in a cycle would outlive its generation.
    """

    def __init__(self, source: str, reason: Reason, ids: dict[int, str], titles: dict[int, str]) -> None:
        super().__init__()
        self._source = _json(source)
        self._reason = reason
        self._ids, self._titles = ids, titles

    def __missing__(self, seed: int) -> bytes:
        reason = _describe(self._reason, seed, self._ids, self._titles)
        ending = self[seed] = b',"source":%b,"reason":%b},' % (self._source, _json(reason))
        return ending


def _describe(code: int, seed: int, ids: dict[int, str], titles: dict[int, str]) -> dict[str, str]:
    reason = REASONS[Reason(code)]
    if not reason.has_seed or seed == PAD:
        return {"code": reason.code, "text": reason.template}
    return {"code": reason.code, "text": reason.template.format(seed=titles[seed]), "seed_item_id": ids[seed]}


@lru_cache(maxsize=1)
def score_texts() -> tuple[bytes, ...]:
    """JSON of every score between 0 and 1; position = the bits of the float16."""
    codes = range(_ONE_AS_FLOAT16 + 1)
    values = struct.unpack(f"<{len(codes)}e", struct.pack(f"<{len(codes)}H", *codes))
    return tuple(repr(round(value, 4)).encode() for value in values)


@lru_cache(maxsize=1)
def _ranks() -> list[bytes]:
    """Of all that the pages of a cursor may have shown, and of one page more."""
    return [b'%d,"score":' % rank for rank in range(1, MAX_SHOWN + _MAX_LENGTH + 1)]
