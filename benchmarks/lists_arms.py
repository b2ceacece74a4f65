"""Ways of making the same lists, and what each of them gives and costs: the points of docs/lists.md."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.evaluation.list_metrics import gini
from jobs.evaluation.ranking_metrics import accuracy, bootstrap_means, diversity_of, interval
from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import fit_model
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.explored_items import nothing_explored
from jobs.ranking.home_fillers import HomeFillers, PopularOrder, popular_by_segment
from jobs.ranking.make_home_lists import HomeWork, home_lists, make_pool, user_blocks
from jobs.ranking.rank_lists import write_home_lists
from jobs.ranking.ranking_model import ranking_model
from jobs.reranking.item_traits import item_traits
from jobs.rules.list_rules import no_rules
from reco_contracts.list_settings import CoverageSection, DiversitySection
from reco_contracts.settings import Settings

K: Final = 10
DIVERSE: Final = 0.5
MODEL: Final = "als"
STRENGTHS: Final = {
    "mmr": (0.1, 0.3, 0.5, 0.7),
    "calibrated": (0.1, 0.2, 0.3, 0.5, 0.7),
    "dpp": (0.02, 0.05, 0.1, 0.3),
}
LIMITS: Final = (5, 6, 7, 8, 9, 10)
SHARES: Final = (0.05, 0.1, 0.2)
RANDOM: Final = "drawn users"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of making lists.

    Attributes:
        line: which curve its point is on.
        value: strength, number of categories, or share of places.
        diversity: how lists are chosen.
        coverage: what is spent on under-exposed items.
        is_random: who explores them is drawn.
    """

    line: str
    value: float
    diversity: DiversitySection
    coverage: CoverageSection
    is_random: bool = False


def arms(chosen: Settings) -> list[Arm]:
    """All points; the first is the model's own order, the last the settings in force.

    Args:
        chosen: [diversity] and [coverage] as they are to be.
    """
    plain, nothing = DiversitySection(method="none", min_categories=0), CoverageSection(share=0)
    found = [Arm("model alone", 0, plain, nothing)]
    found += [Arm("limit", value, plain.model_copy(update={"min_categories": value}), nothing) for value in LIMITS]
    found += [
        Arm(method, strength, plain.model_copy(update={"method": method, "strength": strength}), nothing)
        for method, strengths in STRENGTHS.items()
        for strength in strengths
    ]
    for line, diversity, is_random in (
        ("coverage alone", plain, False),
        ("coverage and diversity", chosen.diversity, False),
        (RANDOM, plain, True),
    ):
        spent = [chosen.coverage.model_copy(update={"share": share, "goal": 1.0}) for share in SHARES]
        if diversity is not plain:
            found.append(Arm(line, 0, diversity, nothing))
        found += [Arm(line, rules.share, diversity, rules, is_random) for rules in spent]
    return [*found, Arm("defaults", 0, chosen.diversity, chosen.coverage)]


def home_work(task: RankingTask, items: pl.DataFrame, parameters: dict[str, Any], settings: Settings) -> HomeWork:
    """Fit the model on what a task lets it know, and set up the lists of all users.

    Args:
        task: a period.
        items: dim_items, sorted by id.
        parameters: of the model.
        settings: of the log.
    """
    model = fit_model(MODEL, parameters, task, settings)
    ids, days = items["item_id"], settings.surfaces.popular.windows_days[0]
    users = pl.Series("user_id", [f"{row:08d}" for row in range(task.known.n_users)])
    scores = popularity_scores(task.known, days)
    # Places for new items are left out: which items were new on the day of the cut is not told by a log without dates
    # of sale. Lists are as long as what is measured.
    surface = settings.surfaces.home.model_copy(update={"k": K, "new_items_share": 0.0})
    return HomeWork(
        ranking=ranking_model(model, ids, ids, task.candidates),
        users=users,
        model_data=task.known,
        data=task.known,
        fillers=HomeFillers(
            PopularOrder(popularity_order(scores, task.candidates), scores),
            popular_by_segment(task.known, task.candidates, days, K),
        ),
        traits=item_traits(items),
        rules=no_rules(len(users), task.candidates),
        surface=surface,
        diversity=DiversitySection(),
    )


def points(work: HomeWork, task: RankingTask, ways: list[Arm], settings: Settings) -> Iterator[dict[str, Any]]:
    """What each way gives: a dictionary a point, the first being what the others are compared with.

    Args:
        work: of the period.
        task: what is right.
        ways: see `arms`.
        settings: [evaluate] and [train].seed.
    """
    eligible = can_be_diverse(work)
    base: npt.NDArray[np.float64] | None = None
    first: npt.NDArray[np.int32] | None = None
    for arm in ways:
        lists = make_random_lists(work, arm, first) if arm.is_random and first is not None else make_lists(work, arm)
        ndcg = accuracy(lists[task.rows], task.truth)[:, 0]
        base, first = (ndcg if base is None else base), (lists if first is None else first)
        yield {
            "line": arm.line,
            "value": arm.value,
            **describe(lists, work, task, eligible),
            **loss(base, ndcg, settings),
        }


def make_lists(work: HomeWork, arm: Arm) -> npt.NDArray[np.int32]:
    """The first places of all users' lists, as `reco rank` writes them, int32, shape (n_users, K); -1 pads."""
    with TemporaryDirectory() as folder:
        write_home_lists(Path(folder), replace(work, diversity=arm.diversity, coverage=arm.coverage))
        written = pl.read_parquet(Path(folder) / "home" / "default.parquet", columns=["item_indices"])
    lists = np.full((len(written), K), -1, dtype=np.int32)
    for row, items in enumerate(written["item_indices"].to_list()):
        lists[row, : len(items)] = items
    return lists


def make_random_lists(work: HomeWork, arm: Arm, lists: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The same budget without an assignment: items that nobody is shown, at the last places of drawn users.

    Args:
        work: of the period.
        arm: how much is spent.
        lists: int32, shape (n_users, K), without explored items.
    """
    rng = np.random.default_rng(work.ranking.model.parameters.get("factors", 0))
    most, shown = arm.coverage.most_per_list, np.bincount(lists[lists >= 0], minlength=work.rules.allowed.shape[1])
    unseen = rng.permutation(np.flatnonzero(work.rules.allowed[0] & (shown == 0))).astype(np.int32)
    slots = rng.permutation(lists.shape[0] * most)[: min(len(unseen), int(arm.coverage.share * lists.size))]
    explored = nothing_explored(len(lists), most)
    explored.items[slots // most, slots % most] = unseen[: len(slots)]
    explored.instead_of[:] = lists[:, ::-1][:, :most]
    made = home_lists(replace(work, diversity=arm.diversity, coverage=arm.coverage, explored=explored))
    return np.concatenate([block.items for block in made])


def can_be_diverse(work: HomeWork) -> npt.NDArray[np.bool_]:
    """Whose candidates have half as many categories as a list has places, bool, shape (n_users,)."""
    found = []
    for block in user_blocks(work):
        pool = make_pool(work, block).items
        codes = np.sort(np.where(pool >= 0, work.traits.categories[pool], -1), axis=1)
        found.append((np.diff(codes, axis=1, prepend=-1) != 0).sum(axis=1) >= DIVERSE * K)
    return np.concatenate(found)


def describe(
    lists: npt.NDArray[np.int32], work: HomeWork, task: RankingTask, eligible: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """Diversity, coverage and evenness of all users' lists."""
    available, places = int(task.candidates.sum()), lists.shape[0] * K
    countable = min(available, places / 4)
    varied = diversity_of(lists, work.traits.categories)
    is_list = (lists >= 0).any(axis=1)
    return {
        "diversity": float(varied.mean()),
        "diverse_share": float((varied[eligible[is_list]] >= DIVERSE).mean()) if eligible.any() else None,
        "eligible": int(eligible.sum()),
        "users": len(lists),
        "coverage": len(np.unique(lists[lists >= 0])) / countable,
        "countable": round(countable),
        "available": available,
        "gini": gini(lists, task.candidates),
    }


def loss(base: npt.NDArray[np.float64], ndcg: npt.NDArray[np.float64], settings: Settings) -> dict[str, Any]:
    """NDCG, and the part of it that is lost, with its interval; the same users are drawn for both."""
    rules = settings.evaluate
    draws = bootstrap_means(np.column_stack((base, ndcg)), rules.bootstrap_samples, settings.train.seed)
    low, high = interval(1 - draws[:, 1] / draws[:, 0])
    return {"ndcg": float(ndcg.mean()), "loss": float(1 - ndcg.mean() / base.mean()), "low": low, "high": high}
