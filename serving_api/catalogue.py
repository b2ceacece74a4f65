"""A generation's items as pieces of JSON, prepared once, so that an answer is one join.

An item in an answer is five pieces: its head, its rank, its score, its tail and its
source with the reason. Heads and tails are made when a generation is loaded; the
others are few and are kept from the first time they are needed.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from reco_contracts.list_codec import PAD, PackedHead
from reco_contracts.manifests import CatalogueChunk
from reco_contracts.reasons import REASONS, Reason

_json = msgspec.json.encode
_MAX_LENGTH: Final = 1_000  # settings allow no longer lists
_ONE_AS_FLOAT16: Final = 0x3C00
_SEED_SHIFT: Final = 8


class Catalogue:
    """Items by index, as they read in an answer.

    Indices need not be dense: the copy on disk holds popular items only.
    """

    def __init__(self) -> None:
        """An empty catalogue; `add` fills it."""
        self.ids: dict[int, str] = {}
        self.titles: dict[int, str] = {}
        self.categories: dict[int, tuple[str, ...]] = {}
        self._heads: dict[int, bytes] = {}
        self._tails: dict[int, bytes] = {}
        self._endings: dict[str, _Endings] = {}

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
            self._heads[index] = b'{"item_id":%b,"rank":' % _json(item_id)
            self._tails[index] = b',"title":%b,"categories":%b,"source":' % (_json(chunk.titles[at]), _json(categories))
            if at % batch == batch - 1:
                yield

    def render(self, picked: PackedHead, source: str, first_rank: int = 1) -> bytes:
        """The items as JSON objects, each followed by a comma.

        Args:
            picked: what to show, in order.
            source: where these items come from.
            first_rank: rank of the first one.

        Raises:
            LookupError: an index, a score or a reason code is not known.
        """
        count = len(picked.items)
        endings = self._endings.get(source)
        if endings is None:
            endings = self._endings[source] = _Endings(source, self)
        pieces: list[bytes] = [b""] * (5 * count)
        pieces[0::5] = map(self._heads.__getitem__, picked.items)
        pieces[1::5] = _ranks()[first_rank - 1 : first_rank - 1 + count]
        pieces[2::5] = map(score_texts().__getitem__, picked.score_codes)
        pieces[3::5] = map(self._tails.__getitem__, picked.items)
        pieces[4::5] = [
            endings[seed << _SEED_SHIFT | code] for seed, code in zip(picked.seeds, picked.reasons, strict=True)
        ]
        return b"".join(pieces)


class _Endings(dict[int, bytes]):
    """Source and reason of an item; key = seed << 8 | reason code. Made on first use."""

    def __init__(self, source: str, catalogue: Catalogue) -> None:
        super().__init__()
        self._source = _json(source)
        self._catalogue = catalogue

    def __missing__(self, key: int) -> bytes:
        seed = key >> _SEED_SHIFT
        reason = _json(self._reason(REASONS[Reason(key & 0xFF)], seed))
        ending = self[key] = b'%b,"reason":%b},' % (self._source, reason)
        return ending

    def _reason(self, text: Any, seed: int) -> dict[str, str]:
        if not text.has_seed or seed == PAD:
            return {"code": text.code, "text": text.template}
        titles, ids = self._catalogue.titles, self._catalogue.ids
        return {"code": text.code, "text": text.template.format(seed=titles[seed]), "seed_item_id": ids[seed]}


@lru_cache(maxsize=1)
def score_texts() -> tuple[bytes, ...]:
    """JSON of every score between 0 and 1; position = the bits of the float16."""
    codes = range(_ONE_AS_FLOAT16 + 1)
    values = struct.unpack(f"<{len(codes)}e", struct.pack(f"<{len(codes)}H", *codes))
    return tuple(repr(round(value, 4)).encode() for value in values)


@lru_cache(maxsize=1)
def _ranks() -> list[bytes]:
    return [b'%d,"score":' % rank for rank in range(1, 2 * _MAX_LENGTH + 1)]
