"""Make a generation's folder by formula: any size in seconds, and every answer is known.

User number u (id `user-u`) gets at position j the item (7 u + j + shift) mod items;
item i gets its successors; a popular list is the items of its category in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from reco_contracts.artifacts import Layout, new_folder
from reco_contracts.columns import (
    LIST_ITEMS,
    LIST_REASONS,
    LIST_SCORES,
    LIST_SEEDS,
    LIST_SUBJECT,
    WHY_SEEDS,
    WHY_SHARES,
    WHY_SIGNALS,
)
from reco_contracts.manifests import MANIFEST_FILE, ListsManifest, encode_manifest
from reco_contracts.reasons import Reason
from reco_contracts.redis_keys import popular_subject
from reco_contracts.signals import Signal
from reco_contracts.why_codec import HEAD, NAMED

WINDOWS = (30, 7)
_ROWS_A_GROUP = 50_000
_UUID_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd: no two numbers meet


@dataclass(frozen=True, slots=True)
class FolderShape:
    """Sizes of the folder, and what tells two generations apart.

    Attributes:
        users: users with a home list.
        items: items in the catalogue, each with a similar list.
        k: items in a list.
        categories: broad categories; item i belongs to `category-(i mod categories)` and to `kind-(i mod 2c)`.
        shift: added to every index of a home list, so that generations differ.
        run_date: the run that the folder claims to be from.
        model_version: the model that it claims to be from.
        has_why: with contributors of the first items of home lists.
        has_uuids: user ids of 36 characters, like `00000000-0001-...`, instead of `user-7`.
    """

    users: int = 200
    items: int = 100
    k: int = 50
    categories: int = 5
    shift: int = 0
    run_date: date = date(2024, 5, 1)
    model_version: str = "20240501-001"
    has_why: bool = False
    has_uuids: bool = False


def write_list_folder(layout: Layout, generation: str, shape: FolderShape) -> ListsManifest:
    """Write data/lists/<generation>/, complete with its manifest.

    Args:
        layout: the data folder.
        generation: the folder's name; titles carry it.
        shape: sizes.
    """
    popular = _popular_lists(shape)
    manifest = ListsManifest(
        generation=generation,
        run_date=shape.run_date.isoformat(),
        model_version=shape.model_version,
        n_items=shape.items,
        popular_windows_days=WINDOWS,
        lists={
            "home": {"default": shape.users},
            "similar": {"default": shape.items},
            "popular": {"default": len(popular)},
        },
        settings={"made_by": "benchmarks.list_folder"},
        why={"home": {"default": shape.users}} if shape.has_why else {},
    )
    with new_folder(layout.lists / generation) as folder:
        for surface in manifest.lists:
            (folder / surface).mkdir()
        pq.write_table(_catalogue(generation, shape), folder / "catalogue.parquet")
        _write_blocks(folder / "home" / "default.parquet", shape, _users_table)
        if shape.has_why:
            path = folder / "why" / "home" / "default.parquet"
            path.parent.mkdir(parents=True)
            _write_blocks(path, shape, _why_table)
        similar = (np.arange(shape.items)[:, None] + np.arange(shape.k) + 1) % shape.items
        items = [item_id(number) for number in range(shape.items)]
        seeds = np.repeat(np.arange(shape.items), shape.k).reshape(shape.items, shape.k)
        table = _table(items, similar, Reason.SIMILAR_ITEM, seeds)
        pq.write_table(table, folder / "similar" / "default.parquet")
        pq.write_table(_popular_table(popular), folder / "popular" / "default.parquet")
        (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    return manifest


def user_id(number: int) -> str:
    """The id of a user."""
    return f"user-{number}"


def subjects(users: npt.NDArray[np.int64], shape: FolderShape) -> list[str]:
    """The ids of users, as the folder has them."""
    if shape.has_uuids:
        return [str(UUID(int=(number + 1) * _UUID_STEP % 2**128)) for number in users.tolist()]
    return [user_id(number) for number in users.tolist()]


def item_id(number: int) -> str:
    """The id of an item; number = item index."""
    return f"item-{number}"


def home_items(number: int, shape: FolderShape) -> list[int]:
    """The item indices of a user's list, best first."""
    return [(7 * number + position + shape.shift) % shape.items for position in range(shape.k)]


def popular_items(category: str, shape: FolderShape) -> list[int]:
    """The item indices of a category's popular list; "" = all."""
    return _popular_lists(shape)[popular_subject(WINDOWS[0], category)]


def categories_of(number: int, shape: FolderShape) -> list[str]:
    """An item's categories, broad to narrow."""
    return [f"category-{number % shape.categories}", f"kind-{number % (2 * shape.categories)}"]


def _catalogue(generation: str, shape: FolderShape) -> pa.Table:
    numbers = range(shape.items)
    return pa.table(
        {
            "item_id": [item_id(number) for number in numbers],
            "title": [f'{generation} "Title" nº {number}' for number in numbers],
            "categories": [categories_of(number, shape) for number in numbers],
            "diversity_category": [categories_of(number, shape)[-1] for number in numbers],
            "is_available": [True for _ in numbers],
        }
    )


def contributors(item: int, shape: FolderShape) -> list[tuple[int, float]]:
    """The seed item and the share of each contributor of a listed item, largest first; all are own items."""
    return [((item + 1 + 3 * number) % shape.items, (0.5, 0.25, 0.125)[number]) for number in range(NAMED)]


def _users_table(users: npt.NDArray[np.int64], shape: FolderShape) -> pa.Table:
    items = _home_matrix(users, shape)
    return _table(subjects(users, shape), items, Reason.BECAUSE_OF_HISTORY, (items + 1) % shape.items)


def _why_table(users: npt.NDArray[np.int64], shape: FolderShape) -> pa.Table:
    items = _home_matrix(users, shape)[:, :HEAD]
    seeds = (items[:, :, None] + 1 + 3 * np.arange(NAMED)) % shape.items
    shares = np.broadcast_to(np.array([0.5, 0.25, 0.125]), seeds.shape)
    offsets = pa.array(np.arange(0, seeds.size + 1, seeds[0].size), pa.int32())
    columns = {
        WHY_SIGNALS: pa.array(np.full(seeds.size, Signal.OWN_ITEM), pa.uint8()),
        WHY_SEEDS: pa.array(seeds.ravel(), pa.int32()),
        WHY_SHARES: pa.array(shares.ravel(), pa.float32()),
    }
    lists = {name: pa.ListArray.from_arrays(offsets, values) for name, values in columns.items()}
    return pa.table({LIST_SUBJECT: subjects(users, shape), **lists})


def _home_matrix(users: npt.NDArray[np.int64], shape: FolderShape) -> npt.NDArray[np.int64]:
    items: npt.NDArray[np.int64] = (7 * users[:, None] + np.arange(shape.k) + shape.shift) % shape.items
    return items


def _write_blocks(
    path: Any, shape: FolderShape, make: Callable[[npt.NDArray[np.int64], FolderShape], pa.Table]
) -> None:
    writer = None
    for start in range(0, shape.users, _ROWS_A_GROUP):
        table = make(np.arange(start, min(start + _ROWS_A_GROUP, shape.users)), shape)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _table(names: list[str], items: npt.NDArray[Any], reason: Reason, seeds: npt.NDArray[Any]) -> pa.Table:
    rows, k = items.shape
    offsets = pa.array(np.arange(0, rows * k + 1, k), pa.int32())
    scores = np.tile(np.linspace(2.0, 0.5, k, dtype=np.float32), rows)
    columns = {
        LIST_ITEMS: pa.array(items.ravel(), pa.int32()),
        LIST_SCORES: pa.array(scores, pa.float32()),
        LIST_REASONS: pa.array(np.full(rows * k, reason), pa.uint8()),
        LIST_SEEDS: pa.array(seeds.ravel(), pa.int32()),
    }
    lists = {name: pa.ListArray.from_arrays(offsets, values) for name, values in columns.items()}
    return pa.table({LIST_SUBJECT: names, **lists})


def _popular_lists(shape: FolderShape) -> dict[str, list[int]]:
    lists: dict[str, list[int]] = {}
    for window in WINDOWS:
        lists[popular_subject(window)] = list(range(min(shape.items, shape.k)))
        for number in range(shape.items):
            for category in categories_of(number, shape):
                members = lists.setdefault(popular_subject(window, category), [])
                if len(members) < shape.k:
                    members.append(number)
    return lists


def _popular_table(popular: dict[str, list[int]]) -> pa.Table:
    lists = list(popular.values())
    return pa.table(
        {
            LIST_SUBJECT: list(popular),
            LIST_ITEMS: pa.array(lists, pa.list_(pa.int32())),
            LIST_SCORES: pa.array(
                [[float(len(row) - at) for at in range(len(row))] for row in lists], pa.list_(pa.float32())
            ),
            LIST_REASONS: pa.array([[int(Reason.POPULAR)] * len(row) for row in lists], pa.list_(pa.uint8())),
            LIST_SEEDS: pa.array([[-1] * len(row) for row in lists], pa.list_(pa.int32())),
        }
    )
