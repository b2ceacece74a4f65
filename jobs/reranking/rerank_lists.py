"""Choose lists out of pools of candidates."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.reranking.draft import Draft
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.limits import Limit
from reco_contracts.settings import DiversitySection


def rerank(
    pool: Draft,
    k: int,
    traits: ItemTraits,
    diversity: DiversitySection,
    limits: tuple[Limit, ...] = (),
    boosts: npt.NDArray[np.float32] | None = None,
    mixes: csr_matrix | None = None,
) -> Draft:
    """The k items of each list, in order.

    Args:
        pool: candidates, best first.
        k: list length.
        traits: of the items.
        diversity: method and strength.
        limits: what business rules allow at most.
        boosts: float32, shape of the pool, what relevance is multiplied by; None = 1.
        mixes: CSR float32, shape (n, n_categories), shares of each user's history by category; rows sum to 1 or 0.
    """
    del traits, diversity, limits, boosts, mixes
    return Draft(pool.subjects, pool.items[:, :k], pool.scores[:, :k], pool.sources[:, :k])
