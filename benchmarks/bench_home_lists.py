"""Home lists of a large shop from the model to the file, by the code that `reco rank` runs.

`python -m benchmarks.bench_home_lists`. The first row is what candidates take, the time of the model. The others add
to it all that makes lists out of candidates: diversity, reasons and the files; then business rules; then coverage.
"""

import argparse
import resource
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from benchmarks.published_size import LogSize, simulate_log
from benchmarks.report import write_report
from jobs.models.als import AlsModel, AlsParameters
from jobs.models.popularity import popularity_order, popularity_scores
from jobs.ranking.home_fillers import HomeFillers, PopularOrder
from jobs.ranking.make_home_lists import HomeWork, make_pool, user_blocks
from jobs.ranking.rank_lists import write_home_lists
from jobs.ranking.ranking_model import ranking_model
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.limits import Limit
from jobs.rules.list_rules import ListRules, PinnedItem, no_rules
from reco_contracts.list_settings import CoverageSection, DiversitySection, HomeSurface

_SEED = 20


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=41_000)
    parser.add_argument("--interactions", type=int, default=2_000_000)
    chosen = parser.parse_args()
    work = large_shop(LogSize(chosen.users, chosen.items, chosen.interactions))
    ruled, nothing_spent = replace(work, rules=shop_rules(work)), CoverageSection(share=0)
    rows = [
        {"what": "candidates", "seconds": seconds_of_candidates(ruled), "places spent": 0, "coverage": 0.0},
        measure("diverse lists with reasons", work, nothing_spent),
        measure("and rules", ruled, nothing_spent),
        measure("and coverage", ruled, CoverageSection()),
    ]
    write_report("home_lists", rows, vars(chosen), peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def large_shop(size: LogSize) -> HomeWork:
    """A fitted model and its users, all items on sale."""
    data = simulate_log(size, _SEED)
    model = AlsModel(AlsParameters(factors=64, regularization=30.0, alpha=10.0, iterations=5), seed=_SEED, threads=0)
    model.fit(data)
    items = pl.Series("item_id", [f"item-{row:06d}" for row in range(size.items)])
    users = pl.Series("user_id", [f"user-{row:07d}" for row in range(size.users)])
    on_sale, none = np.ones(size.items, dtype=bool), np.full(size.items, -1, dtype=np.int32)
    categories = data.content.categories if data.content else none
    scores = popularity_scores(data, window_days=0)
    return HomeWork(
        ranking=ranking_model(model, items, items, on_sale),
        users=users,
        model_data=data,
        data=data,
        fillers=HomeFillers(PopularOrder(popularity_order(scores), scores), {}),
        traits=ItemTraits(
            categories, tuple(map(str, range(categories.max() + 1))), np.column_stack([categories] * 3), none, none
        ),
        rules=no_rules(size.users, on_sale),
        surface=HomeSurface(new_items_share=0),
        diversity=DiversitySection(),
    )


def shop_rules(work: HomeWork) -> ListRules:
    """Three audiences, of which two may not see some items; boosts, a limit, and a pin for everybody."""
    n_users, n_items = len(work.users), len(work.traits.categories)
    rng = np.random.default_rng(_SEED)
    allowed = rng.random((3, n_items)) > np.array([[0.0], [0.01], [0.05]])
    pin = PinnedItem("pin", item=7, place=2, audiences=np.ones(3, dtype=bool))
    return ListRules(
        audiences=(np.arange(n_users) % 3).astype(np.int32),
        allowed=allowed,
        boosts=rng.choice([0.5, 1.0, 1.5], (3, n_items), p=[0.05, 0.9, 0.05]).astype(np.float32),
        limits=(Limit("seller", rng.integers(0, 2_000, n_items).astype(np.int32), most=2, first=10),),
        pins=(pin,),
    )


def seconds_of_candidates(work: HomeWork) -> float:
    """Seconds until every user has a pool."""
    started = perf_counter()
    for block in user_blocks(work):
        make_pool(work, block)
    return perf_counter() - started


def measure(name: str, work: HomeWork, coverage: CoverageSection) -> dict[str, Any]:
    """Seconds of a whole ranking, candidates included, and what it covers."""
    with TemporaryDirectory() as folder:
        started = perf_counter()
        _, measured = write_home_lists(Path(folder), replace(work, coverage=coverage))
        seconds = perf_counter() - started
    shown = measured["coverage"]["value"]
    return {"what": name, "seconds": seconds, "places spent": measured["places_spent"], "coverage": shown}


if __name__ == "__main__":
    main()
