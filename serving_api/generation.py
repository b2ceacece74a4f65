"""The live generation in memory: catalogue and popular lists; user and item lists stay in the store."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from reco_contracts.errors import ContractError
from reco_contracts.list_codec import CODEC_VERSION, PAD, unpack_list
from reco_contracts.manifests import (
    CATALOGUE_CHUNK_ITEMS,
    CatalogueChunk,
    GenerationManifest,
    decode_catalogue_chunk,
    decode_generation_manifest,
)
from reco_contracts.redis_keys import CURRENT_MANIFEST, RedisKeys, list_bucket, popular_subject
from reco_contracts.surfaces import DEFAULT_VARIANT, HOME, POPULAR, SURFACES, SubjectKind, subject_kind
from serving_api.catalogue import Catalogue
from serving_api.redis_pipe import RedisPipe

_READS_AT_ONCE = 32
_ITEMS_A_PAUSE = 1_000
_LISTS_A_PAUSE = 50


@dataclass(slots=True)
class Generation:
    """What a process knows of one generation. Never changed once it serves.

    Attributes:
        name: None for the empty generation of an empty store.
        manifest: None where nothing of it can be read from the store (empty, or a copy from disk).
        windows_days: windows of the popular lists, the default first.
        catalogue: its items.
        popular: subject -> packed list.
    """

    name: str | None = None
    manifest: GenerationManifest | None = None
    windows_days: tuple[int, ...] = ()
    catalogue: Catalogue = field(default_factory=Catalogue)
    popular: dict[str, bytes] = field(default_factory=dict)
    name_json: bytes = b"null"
    name_header: bytes = b""

    def __post_init__(self) -> None:
        """Prepare the name's bytes for answers."""
        if self.name is not None:
            self.name_json, self.name_header = msgspec.json.encode(self.name), self.name.encode()

    def popular_list(self, category: str = "", window_days: int | None = None) -> bytes | None:
        """The packed popular list of a category ("" = all) and window (None = the default), if there is one."""
        if not self.windows_days:
            return None
        return self.popular.get(popular_subject(window_days or self.windows_days[0], category))

    def user_surfaces(self) -> list[str]:
        """Surfaces whose subjects are users: our own, whether this generation has them or not, and any others."""
        return [HOME, *(name for name in self._surfaces_for(SubjectKind.USER) if name != HOME)]

    def page_surfaces(self) -> list[str]:
        """Surfaces that a page can show: those for users, and for categories, of which it takes the whole catalogue."""
        return [*self.user_surfaces(), *self._surfaces_for(SubjectKind.CATEGORY)]

    def _surfaces_for(self, kind: SubjectKind) -> list[str]:
        there = self.manifest.surfaces if self.manifest else {}
        return sorted(name for name in {*SURFACES, *there} if subject_kind(name) is kind)

    def list_key(self, keys: RedisKeys, surface: str, subject: str) -> str | None:
        """The store's key of a subject's list; None where this generation has no such surface."""
        if self.manifest is None or self.name is None:
            return None
        variant = self.manifest.surfaces.get(surface, {}).get(DEFAULT_VARIANT)
        if variant is None:
            return None
        return keys.lists(self.name, surface, DEFAULT_VARIANT, list_bucket(subject, variant.buckets))

    def why_key(self, keys: RedisKeys, surface: str, subject: str) -> str | None:
        """The store's key of what speaks for a subject's list; None where it is not published."""
        if self.manifest is None or self.name is None:
            return None
        variant = self.manifest.why.get(surface, {}).get(DEFAULT_VARIANT)
        if variant is None:
            return None
        return keys.why(self.name, surface, DEFAULT_VARIANT, list_bucket(subject, variant.buckets))


async def read_manifest(pipe: RedisPipe, keys: RedisKeys) -> GenerationManifest | None:
    """The live generation's manifest; None in an empty store.

    Raises:
        StoreUnavailableError: the store does not answer.
        ContractError: another version of the software published it.
    """
    value: Any = await pipe.send("HGET", keys.current(), CURRENT_MANIFEST)
    if not value:
        return None
    manifest = decode_generation_manifest(value)
    if manifest.codec_version != CODEC_VERSION:
        raise ContractError(
            f"generation {manifest.generation}: lists of version {CODEC_VERSION} expected, "
            f"got {manifest.codec_version}; deploy this API and the publisher together"
        )
    return manifest


async def load_generation(pipe: RedisPipe, keys: RedisKeys, manifest: GenerationManifest) -> Generation:
    """Load catalogue and popular lists; requests are let through in between.

    Raises:
        StoreUnavailableError: the store does not answer.
        ContractError: a part is missing or cannot be read.
    """
    generation = Generation(manifest.generation, manifest, manifest.popular_windows_days)
    for number in range(manifest.catalogue_chunks):
        value: Any = await pipe.send("GET", keys.catalogue(manifest.generation, number))
        if value is None:
            raise ContractError(f"generation {manifest.generation}: catalogue chunk {number} is not in the store")
        chunk = decode_catalogue_chunk(value)
        start = number * CATALOGUE_CHUNK_ITEMS
        await add_items(generation.catalogue, list(range(start, start + len(chunk.item_ids))), chunk)
    if len(generation.catalogue) != manifest.n_items:
        raise ContractError(
            f"generation {manifest.generation}: {manifest.n_items} items expected, got {len(generation.catalogue)}"
        )
    await _load_popular(pipe, keys, manifest, generation.popular)
    await _check_popular(generation)
    return generation


async def add_items(catalogue: Catalogue, indices: list[int], chunk: CatalogueChunk) -> None:
    """Add items to a catalogue, with pauses for the requests that wait."""
    for _ in catalogue.add(indices, chunk, _ITEMS_A_PAUSE):
        await asyncio.sleep(0)


async def _load_popular(
    pipe: RedisPipe, keys: RedisKeys, manifest: GenerationManifest, popular: dict[str, bytes]
) -> None:
    variant = manifest.surfaces.get(POPULAR, {}).get(DEFAULT_VARIANT)
    buckets = variant.buckets if variant else 0
    for first in range(0, buckets, _READS_AT_ONCE):
        numbers = range(first, min(first + _READS_AT_ONCE, buckets))
        names = [keys.lists(manifest.generation, POPULAR, DEFAULT_VARIANT, number) for number in numbers]
        replies: list[Any] = await asyncio.gather(*(pipe.send("HGETALL", name) for name in names))
        for flat in replies:
            popular.update((subject.decode(), value) for subject, value in zip(flat[0::2], flat[1::2], strict=True))
    if variant and not popular:
        raise ContractError(f"generation {manifest.generation}: its popular lists are not in the store")


async def _check_popular(generation: Generation) -> None:
    """Popular lists stand in for all others, so nothing stands in for them: each must be readable."""
    known = generation.catalogue.ids
    for number, (subject, value) in enumerate(generation.popular.items()):
        packed = unpack_list(value)
        strange = [item for item in (*packed.items, *packed.seeds) if item != PAD and item not in known]
        if strange:
            raise ContractError(
                f"generation {generation.name}: the popular list {subject!r} names item index {strange[0]}, "
                f"the catalogue has {len(known)} items; publish the generation again"
            )
        if number % _LISTS_A_PAUSE == 0:
            await asyncio.sleep(0)
