"""Manifests: what a finished model, a finished list folder and a live generation say of themselves."""

from typing import Any, Final, TypeVar

import msgspec

from reco_contracts.errors import ContractError


class SurfaceManifest(msgspec.Struct, frozen=True, kw_only=True):
    """One surface and variant of a generation.

    Attributes:
        subjects: lists written.
        buckets: hashes that they are spread over.
        k: the longest list, items.
    """

    subjects: int
    buckets: int
    k: int


class GenerationManifest(msgspec.Struct, frozen=True, kw_only=True):
    """A generation: what a reader needs to read it and a publisher to remove it.

    Attributes:
        generation: its name, `<yyyymmdd>-<nnn>`.
        run_date: ISO date of the run that made it.
        model_version: the model that ranked it.
        created_at: ISO time, UTC, when publishing began.
        codec_version: version of the packed list.
        n_items: items in the catalogue.
        catalogue_chunks: number of catalogue keys.
        popular_windows_days: windows for which popular lists exist, the default first.
        surfaces: surface -> variant -> its size.
        why: the same of the published contributors; a surface without them is left out.
    """

    generation: str
    run_date: str
    model_version: str
    created_at: str
    codec_version: int
    n_items: int
    catalogue_chunks: int
    popular_windows_days: tuple[int, ...]
    surfaces: dict[str, dict[str, SurfaceManifest]]
    why: dict[str, dict[str, SurfaceManifest]] = {}


class ListsManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json` of data/lists/<generation>/; present only when the folder is complete.

    Attributes:
        generation: the folder's name.
        run_date: ISO date of the run.
        model_version: the model that ranked.
        n_items: rows of catalogue.parquet.
        popular_windows_days: windows of the popular surface, the default first.
        lists: surface -> variant -> number of lists.
        settings: the ranking settings that were used.
        why: surface -> variant -> number of lists whose contributors are kept.
        measured: what the home lists are like as a whole: `coverage`, `coverage_before` under-exposed items were
            spread, `places_spent` on that, and `diversity`. Empty in folders of earlier versions.
    """

    generation: str
    run_date: str
    model_version: str
    n_items: int
    popular_windows_days: tuple[int, ...]
    lists: dict[str, dict[str, int]]
    settings: dict[str, Any]
    why: dict[str, dict[str, int]] = {}
    measured: dict[str, Any] = {}


class ModelManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json` of data/models/<model_version>/; present only when the folder is complete.

    Attributes:
        model_version: the folder's name.
        model: its name in the table of models.
        run_date: ISO date of the last day of training data.
        parameters: what the model was fitted with, as chosen on validation.
        data: counts of what it was fitted on (users, items, interactions).
        metrics: the evaluation report of this configuration.
        code_version: version of the package and, where known, the git commit.
        seed: the random seed.
    """

    model_version: str
    model: str
    run_date: str
    parameters: dict[str, Any]
    data: dict[str, int]
    metrics: dict[str, Any]
    code_version: str
    seed: int


class CatalogueChunk(msgspec.Struct, frozen=True, array_like=True):
    """Up to 10,000 items of a generation, MessagePack; index = chunk * 10,000 + position."""

    item_ids: list[str]
    titles: list[str]
    categories: list[list[str]]


CATALOGUE_CHUNK_ITEMS: Final = 10_000
MANIFEST_FILE: Final = "manifest.json"

M = TypeVar("M")

_catalogue_decoder = msgspec.msgpack.Decoder(CatalogueChunk)


def encode_catalogue_chunk(chunk: CatalogueChunk) -> bytes:
    """The bytes of one catalogue key."""
    return msgspec.msgpack.encode(chunk)


def decode_catalogue_chunk(value: bytes) -> CatalogueChunk:
    """Read one catalogue key.

    Raises:
        ContractError: the bytes are not a catalogue chunk.
    """
    try:
        return _catalogue_decoder.decode(value)
    except msgspec.DecodeError as error:
        raise ContractError(f"catalogue chunk: {error}; was it written by another version?") from error


def encode_manifest(manifest: GenerationManifest | ListsManifest | ModelManifest) -> bytes:
    """JSON, keys in the order of the fields, indented for people."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decode_generation_manifest(value: bytes) -> GenerationManifest:
    """Read a manifest out of `NS:current` or `NS:generations`.

    Raises:
        ContractError: the bytes are not such a manifest.
    """
    return _decode(value, GenerationManifest)


def decode_lists_manifest(value: bytes) -> ListsManifest:
    """Read the manifest of a list folder.

    Raises:
        ContractError: the bytes are not such a manifest.
    """
    return _decode(value, ListsManifest)


def decode_model_manifest(value: bytes) -> ModelManifest:
    """Read the manifest of a model folder.

    Raises:
        ContractError: the bytes are not such a manifest.
    """
    return _decode(value, ModelManifest)


def _decode(value: bytes, kind: type[M]) -> M:
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError as error:
        raise ContractError(f"{kind.__name__}: {error}; was it written by another version?") from error
