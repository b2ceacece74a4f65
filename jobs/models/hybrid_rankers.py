"""Two ways to order candidates: a linear blend of normalised scores, and LightGBM's LambdaRank.

Sources: Burges (2010), From RankNet to LambdaRank to LambdaMART; Ke and others (2017), LightGBM.
"""

import os
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from jobs.models.hybrid_groups import Groups, OrderJudge

if TYPE_CHECKING:
    import lightgbm

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]

# A weight is tried at these multiples of itself; one that is 0, at these multiples of the largest.
_FACTORS: Final = (0.0, 0.5, 0.8, 1.25, 2.0)
_ENTRIES: Final = (0.05, 0.2, 0.5, 1.0)
_PASSES: Final = 4
# Users that weights are searched on, at most.
_BLEND_USERS: Final = 1_000
_SAMPLES: Final = 6
_SAMPLE_USERS: Final = 300
# Nearer to the average than this, the slope between two scores is that of the curve.
_LEAST_GAIN: Final = 1e-6
# Positions beyond it are not worth a pair of candidates.
_TRUNCATION: Final = 20


class Ranker(Protocol):
    """Gives each candidate a number; more is better.

    Attributes:
        needs_pairs: whether it looks at features of user and item, not at the sources alone.
    """

    needs_pairs: ClassVar[bool]

    def predict(self, values: _Floats, threads: int) -> _Floats:
        """Score candidates.

        Args:
            values: float32, shape (m, width), features.
            threads: 0 = all cores; the numbers do not depend on it.

        Returns:
            float32, shape (m,).
        """

    def split(self, values: _Floats, threads: int) -> _Doubles:
        """What each feature adds to what `predict` gives.

        Args:
            values: float32, shape (m, width), features.
            threads: 0 = all cores.

        Returns:
            float64, shape (m, width + 1), sums to the score over the last axis; what every candidate gets comes last.
        """


class LinearBlend:
    """A sum of non-negative weights times the sources' columns, which come first among the features."""

    needs_pairs: ClassVar[bool] = False

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

    def split(self, values: _Floats, threads: int = 1) -> _Doubles:  # noqa: ARG002 - quick enough
        """Weight times column; nothing for the others."""
        parts = np.zeros((len(values), values.shape[1] + 1))
        parts[:, : len(self.weights)] = self.weights.astype(np.float64) * values[:, : len(self.weights)]
        return parts


class LambdaRanker:
    """A boosted forest that was trained on pairs of candidates of one user."""

    needs_pairs: ClassVar[bool] = True

    def __init__(self, booster: "lightgbm.Booster") -> None:
        """Hold the forest."""
        self.booster = booster

    def predict(self, values: _Floats, threads: int) -> _Floats:
        """The forest's value between 0 and 1: a published score may not be negative."""
        if not len(values):
            return np.zeros(0, dtype=np.float32)
        raw = self.booster.predict(values, num_threads=threads or (os.cpu_count() or 1))
        return _squeezed(np.asarray(raw)).astype(np.float32)

    def split(self, values: _Floats, threads: int) -> _Doubles:
        """Shapley values of the features, on the scale of the score.

        They sum to the forest's own value r, counted from what it gives on average, b. The score is a
        function s of r, and along the straight way from b to r each feature adds to it in proportion:
        its value times (s(r) - s(b)) / (r - b), and s(b) is what every candidate gets.

        Source: Lundberg, Erion, Lee (2018), Consistent Individualized Feature Attribution for Tree Ensembles;
        Aumann, Shapley (1974), Values of Non-Atomic Games, for the way along a line.
        """
        if not len(values):
            return np.zeros((0, values.shape[1] + 1))
        threads = threads or (os.cpu_count() or 1)
        parts = np.asarray(self.booster.predict(values, num_threads=threads, pred_contrib=True), dtype=np.float64)
        base, gained = parts[:, -1], parts[:, :-1].sum(axis=1)
        least, score = _squeezed(base), _squeezed(base + gained)
        is_far = np.abs(gained) > _LEAST_GAIN
        slope = np.where(is_far, (score - least) / np.where(is_far, gained, 1), least * (1 - least))
        return np.column_stack((parts[:, :-1] * slope[:, None], score - gained * slope))


def _squeezed(raw: _Doubles) -> _Doubles:
    """Numbers of any size as numbers between 0 and 1."""
    between: _Doubles = 1 / (1 + np.exp(-raw))
    return between


def equal_blend(n_columns: int) -> LinearBlend:
    """Every source counts the same: what is left where there is nothing to learn from."""
    return LinearBlend(np.full(n_columns, 1 / max(n_columns, 1), dtype=np.float32))


def fit_blend(groups: Groups, n_columns: int, seed: int = 0) -> LinearBlend:
    """Find weights by coordinate search on NDCG, on several samples of users, and take their mean.

    One search fits its users' accidents, and the more sources there are, the more it finds; a mean of
    searches keeps what they agree on. Where that is worse on these groups than their best single
    column, one search on all of them is taken: it starts there and can only gain.

    Args:
        groups: labelled candidates; at least one user has a hit.
        n_columns: the sources' columns, the first ones.
        seed: of the samples.
    """
    # Users without a hit say the same of every order.
    groups = groups.with_hits()
    groups = groups.of_users(np.arange(len(groups.lengths)) < _BLEND_USERS)
    search = _BlendSearch(groups, n_columns)
    rng, n_users = np.random.default_rng(seed), len(groups.lengths)
    weights = []
    for _ in range(_SAMPLES):
        chosen = np.zeros(n_users, dtype=bool)
        chosen[rng.permutation(n_users)[: min(_SAMPLE_USERS, n_users // 2 + 1)]] = True
        weights.append(_BlendSearch(groups.of_users(chosen), n_columns).climb())
    mean = np.asarray(np.mean(weights, axis=0), dtype=np.float32)
    return LinearBlend(mean if search.quality(mean) >= search.quality(search.start()) else search.climb())


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


class _BlendSearch:
    """Coordinate search for the weights of a blend on one set of users."""

    def __init__(self, groups: Groups, n_columns: int) -> None:
        self._judge = OrderJudge(groups)
        self._columns = [self._judge.laid_out(groups.values[:, column]) for column in range(n_columns)]

    def quality(self, weights: _Floats) -> float:
        """Mean NDCG."""
        return float(self._judge.ndcg(self._weighted(weights)).mean())

    def start(self) -> _Floats:
        """The best single column, or equal weights where they are better."""
        n = len(self._columns)
        starts = [*np.eye(n, dtype=np.float32), equal_blend(n).weights]
        qualities = [self.quality(start) for start in starts]
        return np.asarray(starts[int(np.argmax(qualities))], dtype=np.float32)

    def climb(self) -> _Floats:
        """Change one weight at a time while that gains."""
        weights = self.start()
        best = self.quality(weights)
        for _ in range(_PASSES):
            before = best
            for number in range(len(weights)):
                weights, best = self._step(weights, number, best)
            if best == before:
                break
        return np.asarray(weights / weights.sum(), dtype=np.float32)

    def _step(self, weights: _Floats, number: int, best: float) -> tuple[_Floats, float]:
        rest = weights.copy()
        rest[number] = 0
        others, column = self._weighted(rest), self._columns[number]
        for value in _neighbours(weights, number):
            if not value and not rest.any():
                continue
            found = float(self._judge.ndcg(others + np.float32(value) * column if value else others).mean())
            if found > best:
                best, weights = found, rest.copy()
                weights[number] = value
        return weights, best

    def _weighted(self, weights: _Floats) -> _Floats:
        total = np.zeros_like(self._columns[0])
        for weight, column in zip(weights, self._columns, strict=True):
            if weight:
                total += weight * column
        return total


def _neighbours(weights: _Floats, column: int) -> list[float]:
    own, largest = float(weights[column]), float(weights.max())
    return [own * factor for factor in _FACTORS] if own else [largest * entry for entry in _ENTRIES]
