"""What mix of categories each user's own history has."""

import numpy as np
from scipy.sparse import csr_matrix, diags

from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from jobs.reranking.item_traits import ItemTraits


def category_mixes(data: Interactions, traits: ItemTraits) -> csr_matrix:
    """Share of each category in what a user's interactions weigh together; items without a category do not count.

    Args:
        data: interactions, the items those of the traits.
        traits: of the items.

    Returns:
        CSR float32, shape (n_users, n_categories), sorted columns; a row sums to 1, or to 0 without a history.
    """
    of_item = traits.categories
    known = np.flatnonzero(of_item >= 0)
    cells = (np.ones(len(known), dtype=np.float64), (known, of_item[known]))
    membership = csr_matrix(cells, shape=(len(of_item), len(traits.category_names)))
    totals = weight_matrix(data).astype(np.float64) @ membership
    sums = np.asarray(totals.sum(axis=1)).ravel()
    mixes = csr_matrix(diags(np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0)) @ totals, dtype=np.float32)
    mixes.sort_indices()
    return mixes
