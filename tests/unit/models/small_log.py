"""A small random log with ages, weights, words and segments; the last item belongs to nobody."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix

from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.item_content import ItemContent

N_USERS, N_ITEMS = 60, 40


def purchases(seed: int = 1) -> Interactions:
    rng = np.random.default_rng(seed)
    cells = random_matrix(N_USERS, N_ITEMS - 1, density=0.2, format="csr", rng=rng).tocoo()
    order = np.lexsort((cells.col, cells.row))
    size = cells.nnz
    return Interactions(
        users=cells.row[order].astype(np.int32),
        items=cells.col[order].astype(np.int32),
        age_days=np.arange(size, dtype=np.int32) % 50,
        weights=1.0 + 9.0 * cells.data[order],
        is_consumed=np.ones(size, dtype=bool),
        n_users=N_USERS,
        n_items=N_ITEMS,
        segments=np.array(["", "new", "loyal"])[np.arange(N_USERS) % 3],
        content=descriptions(rng),
    )


def descriptions(rng: np.random.Generator) -> ItemContent:
    """Words of titles, some twice, and a category each; the first item has neither."""
    words = rng.integers(0, 3, (N_ITEMS, 12)).astype(np.float32)
    kinds = np.arange(N_ITEMS) % 4
    words[:, 8:] = np.eye(4)[kinds]
    words[0] = 0
    vocabulary = [f"word{number}" for number in range(8)] + [f"category:{kind}" for kind in range(4)]
    return ItemContent(csr_matrix(words), tuple(vocabulary), np.where(words.any(axis=1), kinds, -1).astype(np.int32))
