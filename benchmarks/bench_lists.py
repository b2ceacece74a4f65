"""Time and memory of what turns scored candidates into lists, at 100,000 users with 200 candidates each.

`python -m benchmarks.bench_lists`. Each step is measured on the same simulated pools in a
process of its own, so that its peak of memory is its own; `pools` is what the pools
themselves take, and what the other peaks begin with.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from benchmarks.report import write_report
from benchmarks.simulated_pools import Pools, PoolSize, simulate_pools
from jobs.reranking.draft import Draft
from jobs.reranking.rerank_lists import rerank
from reco_contracts.list_settings import DiversitySection

Step = Callable[[Pools, int, int], object]

_SEED = 20
# Half of the first ten of different categories, and what a shop might add.
_LIMITED = {"min_categories": 5, "max_per_category": 3}


def _reranked(by_rules: bool = False, **settings: Any) -> Step:
    """A step that chooses lists; with limits and boosts of rules where so said."""
    diversity = DiversitySection(**({"min_categories": 0} | settings))

    def step(pools: Pools, k: int, threads: int) -> Draft:
        limits, boosts = (pools.limits, pools.boosts) if by_rules else ((), None)
        return rerank(pools.pool, k, pools.traits, diversity, limits, boosts, pools.mixes, threads)

    return step


def _nothing(pools: Pools, k: int, threads: int) -> None:
    """What is there before the first step."""
    del pools, k, threads


# Name of a line -> what it does. A step gets the pools, the list length and the threads.
STEPS: dict[str, Step] = {
    "pools": _nothing,
    "none": _reranked(method="none"),
    "limits": _reranked(method="none", **_LIMITED),
    "mmr": _reranked(method="mmr"),
    "calibrated": _reranked(method="calibrated"),
    "dpp": _reranked(method="dpp"),
    "calibrated, limits, boosts": _reranked(by_rules=True, method="calibrated", **_LIMITED),
    "dpp, limits, boosts": _reranked(by_rules=True, method="dpp", **_LIMITED),
}


def main() -> None:
    """Run the benchmark, or one step of it where a parent asks for it."""
    arguments = _arguments()
    size = PoolSize(arguments.users, arguments.items, arguments.candidates)
    if arguments.only:
        print(json.dumps(_measure(arguments.only, simulate_pools(size, _SEED), arguments)))
        return
    rows = [_in_a_process(name) for name in STEPS]
    parameters = {
        "users": size.users,
        "items": size.items,
        "candidates": size.candidates,
        "k": arguments.k,
        "rounds": arguments.rounds,
    }
    write_report("lists", rows, parameters)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = PoolSize()
    parser.add_argument("--users", type=int, default=size.users)
    parser.add_argument("--items", type=int, default=size.items)
    parser.add_argument("--candidates", type=int, default=size.candidates, help="items in a pool")
    parser.add_argument("--k", type=int, default=50, help="items in a list")
    parser.add_argument("--rounds", type=int, default=3, help="of each step; the quickest counts")
    parser.add_argument("--threads", type=int, default=0, help="0 = all cores")
    parser.add_argument("--only", choices=list(STEPS), help="one step; prints a line of JSON")
    return parser.parse_args()


def _in_a_process(step: str) -> dict[str, Any]:
    """Measure a step, and read the line that it prints last."""
    command = [sys.executable, "-m", "benchmarks.bench_lists", *sys.argv[1:], "--only", step]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return result


def _measure(name: str, pools: Pools, arguments: argparse.Namespace) -> dict[str, Any]:
    rounds = [_seconds(STEPS[name], pools, arguments) for _ in range(arguments.rounds)]
    wall, processor = min(rounds)
    return {
        "step": name,
        "seconds": round(wall, 2),
        "processor_seconds": round(processor, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000),
    }


def _seconds(step: Step, pools: Pools, arguments: argparse.Namespace) -> tuple[float, float]:
    """On the clock, and of all processors together: on a busy machine only the second can be compared."""
    began, used = perf_counter(), process_time()
    step(pools, arguments.k, arguments.threads)
    return perf_counter() - began, process_time() - used


if __name__ == "__main__":
    main()
