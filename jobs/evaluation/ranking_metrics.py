"""How good lists are: NDCG, recall, hit rate, MAP, MRR, coverage, diversity, and how sure we are.

All at k, the length of the lists that are passed in; `definitions` says what
each number means in the words that reports print.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.reranking.list_measures import countable_items, distinct_categories

ACCURACY = ("ndcg", "recall", "hit_rate", "map", "mrr")
_Floats = npt.NDArray[np.float64]
# Drawn user indices held at once: 64 MB.
_DRAWS = 8_000_000


def definitions(k: int) -> dict[str, str]:
    """What the numbers of a report mean, for a reader who has only the report."""
    return {
        "ndcg": (
            f"sum over hits of 1 / log2(rank + 1), / the same sum for min({k}, relevant items) hits at the top; "
            "mean over users"
        ),
        "recall": f"hits in the first {k} / relevant items of the user, however many; mean over users",
        "hit_rate": f"share of users with at least one hit in the first {k}",
        "map": f"sum over hits of the share of hits up to there, / min({k}, relevant items); mean over users",
        "mrr": f"1 / rank of the first hit in the first {k}, 0 without one; mean over users",
        "coverage": (
            f"distinct items in all users' first {k} / available items, or / (users * {k} / 4) where that is smaller"
        ),
        "diversity": f"distinct categories in the first {k} / length of the list; mean over users",
        "novelty": "mean over listed items of -log2((users with the item before the cut + 1) / (users + 1)), bits",
        "gini": "inequality of how often the available items are listed: 0 = all alike, 1 = one item only",
        "cold_share": "share of listed items that nobody had before the cut",
        "interval": "95 %, bootstrap over users; differences are paired: the same users are drawn for both models",
        "warm_user": "has history before the cut and something relevant, not removed by exclude_seen, after it",
    }


def hit_matrix(items: npt.NDArray[np.int32], truth: csr_matrix) -> npt.NDArray[np.bool_]:
    """Whether each place of each list holds a relevant item.

    Args:
        items: int32, shape (n, k), best first; -1 pads.
        truth: CSR, shape (n, n_items), non-zero = relevant.

    Returns:
        bool, shape (n, k).
    """
    n_items = np.int64(truth.shape[1])
    relevant = np.repeat(np.arange(truth.shape[0]), np.diff(truth.indptr)) * n_items + truth.indices
    listed = np.arange(len(items))[:, None] * n_items + items
    return np.isin(listed, relevant) & (items >= 0)


def accuracy(items: npt.NDArray[np.int32], truth: csr_matrix) -> _Floats:
    """NDCG, recall, hit rate, average precision and reciprocal rank of each user.

    Args:
        items: int32, shape (n, k), best first; -1 pads.
        truth: CSR, shape (n, n_items); every row has a relevant item.

    Returns:
        float64, shape (n, 5), columns in the order of ACCURACY.
    """
    hits = hit_matrix(items, truth)
    n_relevant = np.diff(truth.indptr)
    k = items.shape[1]
    ranks = np.arange(1, k + 1)
    discounts = 1.0 / np.log2(ranks + 1)
    best = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(n_relevant, k)]
    precision = np.cumsum(hits, axis=1) / ranks
    has_hit = hits.any(axis=1)
    return np.column_stack(
        (
            (hits @ discounts) / best,
            hits.sum(axis=1) / n_relevant,
            has_hit.astype(float),
            (hits * precision).sum(axis=1) / np.minimum(n_relevant, k),
            np.where(has_hit, 1.0 / (hits.argmax(axis=1) + 1), 0.0),
        )
    )


def coverage(items: npt.NDArray[np.int32], n_available: int) -> dict[str, float | int | bool]:
    """Share of the available items that appear in any list.

    Args:
        items: int32, shape (n, k); -1 pads.
        n_available: items that may be recommended.

    Returns:
        The value, what was divided by what, and whether users * k / 4 was the
        denominator because so few users cannot show more.
    """
    distinct = len(np.unique(items[items >= 0]))
    denominator = countable_items(n_available, items.size)
    return {
        "value": distinct / denominator if denominator else 0.0,
        "distinct_items": distinct,
        "denominator": denominator,
        "is_bounded_by_users": denominator < n_available,
    }


def diversity(items: npt.NDArray[np.int32], categories: npt.NDArray[np.int32]) -> float | None:
    """Mean over lists of distinct categories / length.

    Args:
        items: int32, shape (n, k); -1 pads.
        categories: int32, shape (n_items,), category code of an item; -1 = none, which adds no category.

    Returns:
        None where the catalogue has no categories at all, or there is no list.
    """
    if not (categories >= 0).any() or not (items >= 0).any():
        return None
    return float(diversity_of(items, categories).mean())


def diversity_of(items: npt.NDArray[np.int32], categories: npt.NDArray[np.int32]) -> _Floats:
    """Distinct categories / length of each list that holds anything.

    Args:
        items: int32, shape (n, k); -1 pads.
        categories: int32, shape (n_items,); -1 = none, which adds no category.
    """
    lengths = (items >= 0).sum(axis=1)
    return np.asarray(distinct_categories(items, categories)[lengths > 0] / lengths[lengths > 0])


def bootstrap_means(values: _Floats, samples: int, seed: int) -> _Floats:
    """Means over users drawn with replacement; columns share the draws, which pairs them.

    Args:
        values: float64, shape (n, m).
        samples: number of resamples.
        seed: of the draws.

    Returns:
        float64, shape (samples, m).
    """
    rng = np.random.default_rng(seed)
    n = len(values)
    means = np.empty((samples, values.shape[1]))
    step = max(1, _DRAWS // max(n, 1))
    for start in range(0, samples, step):
        size = min(step, samples - start)
        drawn = rng.integers(0, n, size=(size, n))
        for column in range(values.shape[1]):
            means[start : start + size, column] = values[:, column][drawn].mean(axis=1)
    return means


def interval(means: _Floats) -> tuple[float, float]:
    """The middle 95 % of bootstrap means, shape (samples,)."""
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def verdict(low: float, high: float) -> str:
    """Judge a difference by its interval: "beats", "loses", or "tied" where the interval contains 0."""
    if low > 0:
        return "beats"
    return "loses" if high < 0 else "tied"
