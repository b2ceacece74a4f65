"""Choose and fit the ranker of a hybrid: whichever orders held-out users better."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.hybrid_candidates import union_of
from jobs.models.hybrid_groups import Groups, OrderJudge
from jobs.models.hybrid_holdout import Holdout, users_with
from jobs.models.hybrid_parameters import HybridParameters
from jobs.models.hybrid_rankers import LambdaRanker, LinearBlend, Ranker, equal_blend, fit_blend, fit_lambdarank
from jobs.models.hybrid_sources import Sources
from jobs.ranking.interaction_matrix import Interactions

# Lists that may hold what the user has consumed, and lists that may not.
AGAIN: Final = "again"
NEW: Final = "new"
# Where less than this share of what happens is a repetition, nothing is learned of lists for buying again.
_MIN_REPEAT_SHARE: Final = 0.02
_BLOCK_USERS: Final = 512
# Fewer users than this teach nothing: all sources count the same.
MIN_USERS: Final = 30
_FOLDS: Final = 2


@dataclass(frozen=True, slots=True)
class TrainedRanker:
    """A ranker, and how it was chosen.

    Attributes:
        ranker: in force.
        blend: the linear blend, also where the forest is in force: it says which source speaks for an item.
        report: plain values: the choice, NDCG of both on held-out users, how many users, and whether the data
            had features.
    """

    ranker: Ranker
    blend: LinearBlend
    report: dict[str, Any]

    def for_data(self, data: Interactions) -> Ranker:
        """The ranker for some users: the blend where the forest would miss features that it has learned from."""
        misses = self.report.get("has_features", False) and data.features is None
        return self.blend if self.ranker.needs_pairs and misses else self.ranker


def train_rankers(
    sources: Sources, holdout: Holdout, parameters: HybridParameters, seed: int, threads: int
) -> dict[str, TrainedRanker]:
    """Fit sources on what lies before a cut, and rankers on what came after it.

    Args:
        sources: not fitted yet.
        holdout: the cut.
        parameters: of the hybrid.
        seed: of the sample of users, the folds and the forest.
        threads: 0 = all cores; the result does not depend on it.

    Returns:
        A ranker for lists of new items; and one for lists that may hold consumed ones, where such
        things are chosen again.
    """
    n_columns = 2 * len(sources.names)
    tasks = {NEW: (holdout.new_truth, holdout.consumed)}
    if holdout.repeat_share >= _MIN_REPEAT_SHARE:
        tasks[AGAIN] = (holdout.truth, None)
    samples = {kind: _sample(users_with(truth), parameters.ranker_users, seed) for kind, (truth, _) in tasks.items()}
    if all(len(sample) < MIN_USERS for sample in samples.values()):
        return {NEW: _equal_ranker(n_columns, len(samples[NEW]))}
    sources.fit(holdout.known)
    rankers = {}
    for kind, (truth, blocked) in tasks.items():
        with_pairs = parameters.ranker != "linear"
        groups = label_groups(sources, holdout.known, samples[kind], truth, blocked, parameters.candidates, with_pairs)
        trained = train_ranker(groups, n_columns, parameters, seed, threads)
        rankers[kind] = replace(trained, report=trained.report | {"has_features": holdout.known.features is not None})
    return rankers


def label_groups(
    sources: Sources,
    known: Interactions,
    users: npt.NDArray[np.int64],
    truth: csr_matrix,
    blocked: csr_matrix | None,
    k: int,
    with_pairs: bool,
) -> Groups:
    """Candidates of some users as they are when lists are made, and which of them happened.

    Args:
        sources: fitted on `known`.
        known: what lies before the cut.
        users: int64, rows of `known`.
        truth: CSR, shape (n_users, n_items), what came after it.
        blocked: CSR, shape (n_users, n_items), what lists may not hold; None = they may hold all.
        k: items of each source.
        with_pairs: with features of user and item, which a forest looks at.
    """
    values, labels, lengths = [], [], []
    for start in range(0, len(users), _BLOCK_USERS):
        rows = users[start : start + _BLOCK_USERS]
        people = known.of_users(rows)
        lists = sources.lists(people, k, None if blocked is None else blocked[rows])
        cells, happened = union_of(lists), truth[rows].tocoo()
        values.append(sources.values(cells, lists, people, with_pairs))
        labels.append(np.isin(cells, happened.row.astype(np.int64) * known.n_items + happened.col))
        lengths.append(np.bincount(cells // known.n_items, minlength=len(rows)))
    n_relevant = np.diff(truth.indptr)[users]
    return Groups(np.concatenate(values), np.concatenate(labels), np.concatenate(lengths), n_relevant.astype(np.int64))


def train_ranker(
    groups: Groups, n_columns: int, parameters: HybridParameters, seed: int, threads: int
) -> TrainedRanker:
    """Fit what the setting asks for; "auto" takes the better of both on users that neither has seen.

    Args:
        groups: labelled candidates.
        n_columns: the sources' columns, the first ones.
        parameters: of the hybrid.
        seed: of the folds and the forest.
        threads: 0 = all cores.
    """
    n_users = len(groups.lengths)
    if len(groups.with_hits().lengths) < MIN_USERS:
        return _equal_ranker(n_columns, n_users)
    report: dict[str, Any] = {"ranker": parameters.ranker, "users": n_users}
    if parameters.ranker == "auto":
        ndcg = _held_out_ndcg(groups, n_columns, parameters, seed, threads)
        report |= {"ndcg": ndcg, "ranker": max(ndcg, key=lambda name: ndcg[name])}
    blend = fit_blend(groups, n_columns, seed)
    if report["ranker"] == "linear":
        return TrainedRanker(blend, blend, report)
    return TrainedRanker(_forest(groups, parameters, seed, threads), blend, report)


def _equal_ranker(n_columns: int, n_users: int) -> TrainedRanker:
    blend = equal_blend(n_columns)
    why = f"{n_users} users are too few to learn from, {MIN_USERS} with a hit are needed"
    return TrainedRanker(blend, blend, {"ranker": "linear", "users": n_users, "why": why})


def _sample(users: npt.NDArray[np.int64], size: int, seed: int) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(users)[:size])


def _held_out_ndcg(
    groups: Groups, n_columns: int, parameters: HybridParameters, seed: int, threads: int
) -> dict[str, float]:
    """Mean NDCG over all users, each scored by rankers that were fitted on the others; ties go to the blend."""
    fold: npt.NDArray[np.int64] = np.random.default_rng(seed).permutation(len(groups.lengths)) % _FOLDS
    found: dict[str, list[npt.NDArray[np.float64]]] = {"linear": [], "lambdarank": []}
    for number in range(_FOLDS):
        seen, unseen = groups.of_users(fold != number), groups.of_users(fold == number)
        judge = OrderJudge(unseen)
        rankers: dict[str, Ranker] = {
            "linear": fit_blend(seen, n_columns, seed),
            "lambdarank": _forest(seen, parameters, seed, threads),
        }
        for name, ranker in rankers.items():
            found[name].append(judge.ndcg(judge.laid_out(ranker.predict(unseen.values, threads))))
    return {name: float(np.concatenate(parts).mean()) for name, parts in found.items()}


def _forest(groups: Groups, parameters: HybridParameters, seed: int, threads: int) -> LambdaRanker:
    return fit_lambdarank(groups, parameters.trees, parameters.leaves, parameters.learning_rate, seed, threads)
