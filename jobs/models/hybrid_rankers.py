"""Two ways to order candidates: a linear blend of normalised scores, and LightGBM's LambdaRank.

Sources: Burges (2010), From RankNet to LambdaRank to LambdaMART; Ke and others (2017), LightGBM.
"""

import os
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from jobs.models.hybrid_groups import Groups, OrderJudge

if TYPE_CHECKING:
    import lightgbm

_Floats = npt.NDArray[np.float32]

# A weight is tried at these multiples of itself; one that is 0, at these multiples of the largest.
_FACTORS: Final = (0.0, 0.5, 0.8, 1.25, 2.0)
_ENTRIES: Final = (0.05, 0.2, 0.5, 1.0)
_PASSES: Final = 4
_BLEND_USERS: Final = 1_500
# Positions beyond it are not worth a pair of candidates.
_TRUNCATION: Final = 20


class Ranker(Protocol):
    """Gives each candidate a number; more is better."""

    def predict(self, values: _Floats, threads: int) -> _Floats:
        """Score candidates.

        Args:
            values: float32, shape (m, width), features.
            threads: 0 = all cores; the numbers do not depend on it.

        Returns:
            float32, shape (m,).
        """


class LinearBlend:
    """A sum of non-negative weights times the sources' columns, which come first among the features."""

    def __init__(self, weights: _Floats) -> None:
        """Hold the weights, float32, shape (number of the sources' columns,)."""
        self.weights = np.asarray(weights, dtype=np.float32)

    def predict(self, values: _Floats, threads: int = 1) -> _Floats:  # noqa: ARG002 - quick enough
        """The weighted sum, added up column by column, so that its bits are always the same."""
        total = np.zeros(len(values), dtype=np.float32)
        for column, weight in enumerate(self.weights):
            if weight:
                total += weight * values[:, column]
        return total


class LambdaRanker:
    """A boosted forest that was trained on pairs of candidates of one user."""

    def __init__(self, booster: "lightgbm.Booster") -> None:
        """Hold the forest."""
        self.booster = booster

    def predict(self, values: _Floats, threads: int) -> _Floats:
        """The forest's value between 0 and 1: a published score may not be negative."""
        if not len(values):
            return np.zeros(0, dtype=np.float32)
        raw = self.booster.predict(values, num_threads=threads or (os.cpu_count() or 1))
        scores: _Floats = (1 / (1 + np.exp(-np.asarray(raw)))).astype(np.float32)
        return scores


def equal_blend(n_columns: int) -> LinearBlend:
    """Every source counts the same: what is left where there is nothing to learn from."""
    return LinearBlend(np.full(n_columns, 1 / max(n_columns, 1), dtype=np.float32))


def fit_blend(groups: Groups, n_columns: int) -> LinearBlend:
    """Find weights by coordinate search on NDCG.

    It starts from the best single column and from equal weights, whichever is better, and takes a step
    only if that is better still: on these groups the blend is never worse than its best source.

    Args:
        groups: labelled candidates.
        n_columns: the sources' columns, the first ones.
    """
    if len(groups.lengths) > _BLEND_USERS:
        groups = groups.of_users(np.arange(len(groups.lengths)) < _BLEND_USERS)
    judge = OrderJudge(groups)

    def quality(weights: _Floats) -> float:
        return float(judge.ndcg(LinearBlend(weights).predict(groups.values)).mean())

    starts = [*np.eye(n_columns, dtype=np.float32), equal_blend(n_columns).weights]
    qualities = [quality(start) for start in starts]
    best = int(np.argmax(qualities))
    return LinearBlend(_climb(starts[best], qualities[best], quality))


def fit_lambdarank(
    groups: Groups, trees: int, leaves: int, learning_rate: float, seed: int, threads: int
) -> LambdaRanker:
    """Boost a forest on the groups that have a hit.

    Args:
        groups: labelled candidates.
        trees: number of trees.
        leaves: of a tree.
        learning_rate: share of each tree that counts.
        seed: the only source of chance.
        threads: 0 = all cores; the forest does not depend on it.
    """
    import lightgbm

    groups = groups.with_hits()
    parameters: dict[str, Any] = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": _TRUNCATION,
        "num_leaves": leaves,
        "learning_rate": learning_rate,
        "min_data_in_leaf": max(5, min(50, len(groups.labels) // 200)),
        "feature_fraction": 0.7,
        "lambda_l2": 1.0,
        "max_bin": 127,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads or (os.cpu_count() or 1),
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        groups.values, label=groups.labels.astype(np.int8), group=groups.lengths, free_raw_data=True
    )
    return LambdaRanker(lightgbm.train(parameters, data, num_boost_round=trees))


def _climb(weights: _Floats, best: float, quality: Any) -> _Floats:
    for _ in range(_PASSES):
        before = best
        for column in range(len(weights)):
            for value in _neighbours(weights, column):
                trial = weights.copy()
                trial[column] = value
                if not trial.any():
                    continue
                found = quality(trial)
                if found > best:
                    weights, best = trial, found
        if best == before:
            break
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _neighbours(weights: _Floats, column: int) -> list[float]:
    own, largest = float(weights[column]), float(weights.max())
    return [own * factor for factor in _FACTORS] if own else [largest * entry for entry in _ENTRIES]
