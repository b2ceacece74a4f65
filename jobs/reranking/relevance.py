"""How much each candidate suits its user, on one scale for all models and lists."""

import numpy as np
import numpy.typing as npt

from jobs.reranking.draft import Draft, Source


def relevance(pool: Draft, boosts: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
    """Relevance of candidates within their own list.

    The model's items are spread by their scores, from 1 for the best down to what the filled items leave them: of n
    items those that the model did not bring have the lowest steps of 1 / (n + 1), in the order of the pool. So every
    candidate has more than 0, and a boost moves the last ones too.

    Args:
        pool: candidates, best first.
        boosts: float32, shape of the pool, what relevance is multiplied by; None = 1.

    Returns:
        float32, shape of the pool, 0..1 before the boosts; 0 where padded.
    """
    is_item, is_model = pool.items >= 0, pool.sources == Source.PERSONAL
    steps = np.float32(1) / (is_item.sum(axis=1, keepdims=True, dtype=np.float32) + 1)
    is_filled = is_item & ~is_model
    n_filled = is_filled.sum(axis=1, keepdims=True)
    of_filled = (n_filled + 1 - np.cumsum(is_filled, axis=1)) * steps
    least = (n_filled + 1) * steps
    of_model = least + (1 - least) * _spread(pool.scores, is_model)
    result = np.where(is_model, of_model, np.where(is_item, of_filled, 0)).astype(np.float32)
    return result if boosts is None else result * boosts


def _spread(scores: npt.NDArray[np.float32], is_used: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Scores between the least and the largest used one of their row, 0..1; 1 where a row does not vary."""
    low = np.min(scores, axis=1, keepdims=True, where=is_used, initial=np.inf)
    high = np.max(scores, axis=1, keepdims=True, where=is_used, initial=-np.inf)
    varies = np.isfinite(high) & (high > low)
    width = np.subtract(high, low, out=np.ones_like(high), where=varies)
    above = np.subtract(scores, low, out=np.ones_like(scores), where=varies)
    return np.asarray(np.clip(above / width, 0, 1))
