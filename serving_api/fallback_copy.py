"""The last known popular items and rules on disk, for a process that starts while the store is down."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ContractError
from reco_contracts.list_codec import unpack_list
from reco_contracts.live_rules import LiveRules, decode_live_rules, encode_live_rules
from reco_contracts.manifests import CatalogueChunk
from serving_api.generation import Generation, add_items

_VERSION: Final = 1


class FallbackCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds, as MessagePack.

    Attributes:
        version: of this layout.
        generation: where it comes from.
        windows_days: windows of the popular lists, the default first.
        popular: subject -> packed list.
        indices: item index of each item of `items`.
        items: the items that the popular lists name.
    """

    version: int
    generation: str
    windows_days: tuple[int, ...]
    popular: dict[str, bytes]
    indices: list[int]
    items: CatalogueChunk


def write_fallback(path: Path, generation: Generation) -> None:
    """Keep a generation's popular lists; several processes may do so at once.

    Raises:
        OSError: the folder cannot be written.
    """
    unpacked = [unpack_list(value) for value in generation.popular.values()]
    # Seeds too: a popular list may come to name the item that made it popular.
    indices = sorted({index for packed in unpacked for index in (*packed.items, *packed.seeds) if index >= 0})
    catalogue = generation.catalogue
    items = CatalogueChunk(
        [catalogue.ids[index] for index in indices],
        [catalogue.titles[index] for index in indices],
        [list(catalogue.categories[index]) for index in indices],
    )
    copy = FallbackCopy(
        version=_VERSION,
        generation=generation.name or "",
        windows_days=generation.windows_days,
        popular=generation.popular,
        indices=indices,
        items=items,
    )
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.msgpack.encode(copy))


async def read_fallback(path: Path) -> Generation | None:
    """Load the copy; None where there is none.

    Raises:
        ContractError: the file is damaged or of another version.
    """
    copy = await asyncio.to_thread(_decode, path)
    if copy is None:
        return None
    generation = Generation(copy.generation, None, copy.windows_days, popular=copy.popular)
    await add_items(generation.catalogue, copy.indices, copy.items)
    return generation


def write_rules_copy(path: Path, rules: LiveRules) -> None:
    """Keep the rules that hold.

    Raises:
        OSError: the folder cannot be written.
    """
    with replace_file(path) as temporary:
        temporary.write_bytes(encode_live_rules(rules))


def read_rules_copy(path: Path) -> LiveRules | None:
    """The rules that were kept last; None where there are none.

    Raises:
        ContractError: the file is damaged.
    """
    try:
        return decode_live_rules(path.read_bytes())
    except FileNotFoundError:
        return None


def _decode(path: Path) -> FallbackCopy | None:
    try:
        copy = msgspec.msgpack.decode(path.read_bytes(), type=FallbackCopy)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ContractError(f"{path}: {error}; it is written again after the next load, or remove it") from error
    if copy.version != _VERSION:
        raise ContractError(f"{path}: version {_VERSION} expected, got {copy.version}; remove it")
    return copy
