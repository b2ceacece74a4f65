"""The under-exposed items that users are to be shown, kept in the generation's folder.

A user who is ranked later, alone, gets the items that the full ranking gave them.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_matrix

from jobs.models.base import PAD
from jobs.ranking.interaction_matrix import index_of
from jobs.reranking.cheapest_users import ranks_in_groups

EXPLORED_FILE: Final = "explored.parquet"


class Explored(NamedTuple):
    """Under-exposed items of users, and what their lists give up for them.

    Attributes:
        items: int32, shape (n_users, most), indices of the generation; -1 = none.
        instead_of: int32, shape (n_users, most); -1 = nothing, the list has a place to spare.
    """

    items: npt.NDArray[np.int32]
    instead_of: npt.NDArray[np.int32]


def nothing_explored(n_users: int, most: int) -> Explored:
    """No items.

    Args:
        n_users: users.
        most: items of a user at most.
    """
    return Explored(*(np.full((n_users, most), PAD, dtype=np.int32) for _ in range(2)))


def save_explored(folder: Path, users: pl.Series, explored: Explored) -> None:
    """Write a row for each item of each user.

    Args:
        folder: of the generation.
        users: ids.
        explored: of these users.
    """
    rows, places = np.nonzero(explored.items >= 0)
    items, instead_of = (column[rows, places] for column in explored)
    frame = pl.DataFrame({"subject": users.gather(rows), "item": items, "instead_of": instead_of})
    frame.with_columns(pl.col("subject").cast(pl.String)).write_parquet(folder / EXPLORED_FILE)


def load_explored(folder: Path) -> pl.DataFrame | None:
    """What `save_explored` wrote; None where nobody was given anything."""
    path = folder / EXPLORED_FILE
    return pl.read_parquet(path) if path.exists() else None


def explored_of(saved: pl.DataFrame | None, users: pl.Series, most: int) -> Explored | None:
    """The items of some users, in their order.

    Args:
        saved: of a generation.
        users: ids.
        most: items of a user at most.
    """
    if saved is None:
        return None
    explored = nothing_explored(len(users), most)
    row = index_of(saved["subject"], users)
    order = np.argsort(row, kind="stable")
    order = order[row[order] >= 0]
    at = row[order], ranks_in_groups(row[order])
    explored.items[at] = saved["item"].to_numpy()[order]
    explored.instead_of[at] = saved["instead_of"].to_numpy()[order]
    return explored


def showable(
    explored: Explored, heads: npt.NDArray[np.int32], allowed: npt.NDArray[np.bool_], blocked: csr_matrix
) -> Explored:
    """Leave out what may not be shown, or is among the first places anyway.

    Args:
        explored: of n users.
        heads: int32, shape (n, first), the first places of their lists.
        allowed: bool, shape (n, most), of the items.
        blocked: CSR, shape (n, n_items); non-zero = never show.

    Returns:
        The rest, moved to the front.
    """
    items = explored.items
    is_shown = (items[:, :, None] == heads[:, None, :]).any(axis=2)
    is_kept = (items >= 0) & ~is_shown & allowed
    row, place = np.nonzero(is_kept)
    is_kept[row, place] = ~is_stored(blocked, row, items[row, place])
    order = np.argsort(~is_kept, axis=1, kind="stable")
    rest = (np.take_along_axis(np.where(is_kept, column, PAD), order, axis=1) for column in explored)
    return Explored(*(column.astype(np.int32) for column in rest))


def choose_places(
    explored: Explored, heads: npt.NDArray[np.int32], otherwise: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    """Which places the lists give up: those that were decided on, where the lists still hold what goes.

    Args:
        explored: of n users, in front.
        heads: int32, shape (n, first).
        otherwise: int16, shape (n, most), what a list gives up that has become another one since.
    """
    is_it = explored.instead_of[:, :, None] == heads[:, None, :]
    lengths, most = (heads >= 0).sum(axis=1), explored.items.shape[1]
    n_free = np.cumsum(explored.instead_of < 0, axis=1) - 1
    places = np.where(explored.instead_of >= 0, is_it.argmax(axis=2), lengths[:, None] + n_free)
    is_there = np.where(explored.instead_of >= 0, is_it.any(axis=2), places < heads.shape[1])
    is_same = (is_there | (explored.items < 0)).all(axis=1)
    return np.where(is_same[:, None], places, otherwise[:, :most]).astype(np.int16)


def is_stored(matrix: csr_matrix, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Whether each cell is stored in a matrix.

    Args:
        matrix: CSR.
        rows: shape (p,).
        columns: shape (p,).
    """
    width = np.int64(matrix.shape[1])
    cells = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * width + matrix.indices
    return np.isin(rows * width + columns, cells)
