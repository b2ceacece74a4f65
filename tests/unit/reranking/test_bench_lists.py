"""The benchmark of lists measures lists: every step gives full ones, of distinct items."""

import numpy as np
import pytest

from benchmarks.bench_lists import STEPS
from benchmarks.simulated_pools import Pools, PoolSize, simulate_pools


@pytest.fixture(scope="module")
def pools() -> Pools:
    return simulate_pools(PoolSize(users=60, items=4_000, candidates=80), seed=1)


def test_pools_hold_distinct_items_best_first(pools: Pools) -> None:
    assert all(len(set(items)) == 80 for items in pools.pool.items.tolist())
    assert (np.diff(pools.pool.scores[:, :72], axis=1) <= 0).all()
    assert pools.mixes.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("step", [name for name in STEPS if name != "pools"])
def test_every_step_gives_full_lists(pools: Pools, step: str) -> None:
    lists = STEPS[step](pools, 50, 1)
    assert all(len(set(items) - {-1}) == 50 for items in lists.items.tolist())
