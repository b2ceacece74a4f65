"""How likely a user is to buy an item again within some days, by the rhythm of both.

Purchases of a pair of user and item are taken for a Poisson process whose rate differs
from user to user around that of the item (gamma), and the item's around that of its
category. What is not like that, such as milk that nobody buys on two days running, is
learned from the log: how often pairs that were so far overdue were bought in the last
period, against what the process expects.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.ranking.interaction_matrix import Interactions
from reco_contracts.list_settings import AgainSurface

# Purchases that a pair is given at its item's rate, and an item at its category's.
_PRIOR_PURCHASES = 1.0
_PRIOR_REPEATS = 2.0
# Buyers that an item is given of its category's share of those who buy again.
_PRIOR_BUYERS = 5.0
# Where the middle of the horizon falls, in usual gaps since the last purchase.
_DUE_STEPS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0])
# Purchases that each step is given as expected and as seen.
_PRIOR_SEEN = 5.0


@dataclass(frozen=True, slots=True)
class BoughtPairs:
    """What each user bought, a row for a user and an item, sorted by both.

    Attributes:
        users: int32.
        items: int32.
        times: int64, days on which it was bought.
        first_days: int64, days since the first of them.
        last_days: int64, days since the last of them.
    """

    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64]
    first_days: npt.NDArray[np.int64]
    last_days: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RepeatChances:
    """The pairs of users and items, and what is expected of them.

    Attributes:
        pairs: what was bought.
        chances: float64, shape (n pairs,), probability of a purchase within the horizon.
        is_repeated: bool, shape (n_items,), the log shows that this item is bought again.
    """

    pairs: BoughtPairs
    chances: npt.NDArray[np.float64]
    is_repeated: npt.NDArray[np.bool_]


def repeat_chances(purchases: Interactions, kinds: npt.NDArray[np.int32], rules: AgainSurface) -> RepeatChances:
    """Estimate the chance of another purchase for every pair.

    Args:
        purchases: days on which users bought items.
        kinds: int32, shape (n_items,), code of the category that few purchases are pooled with; -1 = none.
        rules: of the surface.

    Source:
        Bhagat, Muralidharan, Lobzhanidze, Vishwanath (2018), Buy It Again: Modeling Repeat Purchase
        Recommendations.
    """
    now = bought_pairs(purchases)
    chances, gaps_since = _by_rate(now, kinds, rules.horizon_days)
    factors = _due_factors(purchases, kinds, rules.horizon_days)
    return RepeatChances(
        pairs=now,
        chances=np.minimum(chances * factors[np.digitize(gaps_since, _DUE_STEPS)], 1.0),
        is_repeated=_is_repeated(now, kinds, rules),
    )


def bought_pairs(purchases: Interactions, before_days: int = 0) -> BoughtPairs:
    """Gather the purchases of each pair, as known some days before the run date.

    Args:
        purchases: rows sorted by user, item and falling age.
        before_days: how long before; ages count from there.
    """
    rows = purchases.age_days >= before_days
    users, items = purchases.users[rows], purchases.items[rows]
    ages = purchases.age_days[rows].astype(np.int64) - before_days
    starts = np.flatnonzero(np.diff(users.astype(np.int64) * purchases.n_items + items, prepend=-1))
    ends = np.append(starts, len(users))[1:] - 1
    return BoughtPairs(users[starts], items[starts], ends - starts + 1, ages[starts], ages[ends])


def _by_rate(
    pairs: BoughtPairs, kinds: npt.NDArray[np.int32], horizon: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The chance by the rate alone, and the usual gaps from the last purchase to the middle of the horizon."""
    rates = _item_rates(pairs, kinds)[pairs.items]
    purchases = pairs.times - 1 + _PRIOR_PURCHASES
    days = pairs.first_days + _PRIOR_PURCHASES / rates
    none = np.power(days / (days + horizon), purchases)
    return 1.0 - none, (pairs.last_days + horizon / 2) * purchases / days


def _item_rates(pairs: BoughtPairs, kinds: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Repeat purchases a day of each item's buyers, pooled with its category's and everybody's where they are few."""
    repeats, days = (pairs.times - 1).astype(np.float64), pairs.first_days.astype(np.float64)
    overall = (repeats.sum() + 1e-9) / max(days.sum(), 1.0)
    codes = kinds + 1  # 0: without a category
    of_kind = codes[pairs.items]
    n_kinds = int(codes.max(initial=0)) + 1
    kind_rates = _pooled(_sums(of_kind, repeats, n_kinds), _sums(of_kind, days, n_kinds), overall)
    n_items = len(kinds)
    return _pooled(_sums(pairs.items, repeats, n_items), _sums(pairs.items, days, n_items), kind_rates[codes])


def _pooled(
    repeats: npt.NDArray[np.float64], days: npt.NDArray[np.float64], prior: npt.NDArray[np.float64] | float
) -> npt.NDArray[np.float64]:
    rates: npt.NDArray[np.float64] = (repeats + _PRIOR_REPEATS) / (days + _PRIOR_REPEATS / prior)
    return rates


def _sums(codes: npt.NDArray[np.int32], values: npt.NDArray[np.float64], n_codes: int) -> npt.NDArray[np.float64]:
    return np.bincount(codes, values, n_codes).astype(np.float64)


def _due_factors(purchases: Interactions, kinds: npt.NDArray[np.int32], horizon: int) -> npt.NDArray[np.float64]:
    """What the last period saw, against what the rates expected of it, by how far a pair was overdue.

    Returns:
        float64, shape (len(_DUE_STEPS) + 1,); near 1 where the log is too short to tell.
    """
    then = bought_pairs(purchases, horizon)
    if not len(then.users):
        return np.ones(len(_DUE_STEPS) + 1)
    chances, gaps_since = _by_rate(then, kinds, horizon)
    since = purchases.age_days < horizon
    bought = purchases.users[since].astype(np.int64) * purchases.n_items + purchases.items[since]
    is_bought = np.isin(then.users.astype(np.int64) * purchases.n_items + then.items, bought)
    step, n_steps = np.digitize(gaps_since, _DUE_STEPS), len(_DUE_STEPS) + 1
    seen, expected = np.bincount(step, is_bought, n_steps), np.bincount(step, chances, n_steps)
    factors: npt.NDArray[np.float64] = (seen + _PRIOR_SEEN) / (expected + _PRIOR_SEEN)
    return factors


def _is_repeated(pairs: BoughtPairs, kinds: npt.NDArray[np.int32], rules: AgainSurface) -> npt.NDArray[np.bool_]:
    """Which items enough people bought on two days, and enough of their buyers."""
    n_items, again = len(kinds), (pairs.times > 1).astype(np.float64)
    repeaters, buyers = np.bincount(pairs.items, again, n_items), np.bincount(pairs.items, minlength=n_items)
    codes, of_kind = kinds + 1, (kinds + 1)[pairs.items]
    n_kinds = int(codes.max(initial=0)) + 1
    kind_share = np.bincount(of_kind, again, n_kinds) / np.maximum(np.bincount(of_kind, minlength=n_kinds), 1)
    share = (repeaters + _PRIOR_BUYERS * kind_share[codes]) / (buyers + _PRIOR_BUYERS)
    is_repeated: npt.NDArray[np.bool_] = (repeaters >= rules.min_repeat_users) & (share >= rules.min_repeat_share)
    return is_repeated
