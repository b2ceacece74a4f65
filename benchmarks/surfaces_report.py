"""What `again` and `also_bought` are worth on a log: their lists before a day, against what came after.

`python -m benchmarks.surfaces_report --data data/demo/completejourney`, on a data folder with exported marts.
`again` is held against each user's most bought items, in lists of the same lengths; `also_bought` against
other measures of the same pairs. Lists know nothing of the days that they are judged by.
"""

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.report import write_report
from jobs.evaluation.ranking_task import available_on
from jobs.ranking.count_baskets import Baskets, Pairs, count_pairs, make_baskets
from jobs.ranking.interaction_matrix import Interactions, cell_matrix, make_interactions
from jobs.ranking.make_again_lists import again_lists
from jobs.ranking.make_also_bought_lists import item_kinship
from jobs.ranking.make_similar_lists import closest_categories
from jobs.ranking.repeat_purchases import bought_pairs
from jobs.rules.list_rules import no_rules
from jobs.warehouse.read_marts import last_interaction_date, read_interactions, read_items
from reco_contracts.artifacts import Layout
from reco_contracts.list_settings import AgainSurface, AlsoBoughtSurface

_DAYS = 14
_FIRST = 10
_RESAMPLES = 1_000


class Log(NamedTuple):
    """What a folder holds: fct_interactions, dim_items, and the ids of the users."""

    history: pl.DataFrame
    items: pl.DataFrame
    users: pl.Series
    last_day: date


class Hits(NamedTuple):
    """Items listed and bought, a row a user: float64, shape (n_users,)."""

    listed: npt.NDArray[np.float64]
    bought: npt.NDArray[np.float64]


def main() -> None:
    """Judge the lists of one log and write the reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a data folder with exported marts")
    parser.add_argument("--cuts", type=int, default=6, help="days of the log that lists are made for, 14 days apart")
    arguments = parser.parse_args()
    log = _read(Layout(arguments.data.resolve()))
    parameters = {"log": arguments.data.name, "days": _DAYS, "first": _FIRST}
    _report_again(log, arguments.cuts, parameters)
    write_report("also_bought", list(_judge_pairs(log, 4 * _DAYS)), parameters)


def _report_again(log: Log, cuts: int, parameters: dict[str, Any]) -> None:
    rows, again, most = [], [], []
    for number in range(1, cuts + 1):
        cut = log.last_day - timedelta(days=_DAYS * number)
        due, usual = _judge_again(log, cut)
        again.append(due)
        most.append(usual)
        rows.append({"cut": str(cut), **_row(due, usual)})
    rows.append({"cut": "all", **_row(_sum(again), _sum(most))})
    low, high = _interval(_sum(again), _sum(most))
    write_report("again", rows, parameters, difference_of_shares_low=low, difference_of_shares_high=high)


def _judge_again(log: Log, cut: date) -> tuple[Hits, Hits]:
    """The first items of `again` on a day, and as many of what each user had bought on most days."""
    purchases = _days_with(log, pl.col("purchases") > 0, None, cut)
    later = _days_with(log, pl.col("purchases") > 0, cut, cut + timedelta(days=_DAYS))
    truth = cell_matrix(later.users, later.items, (later.n_users, later.n_items))
    kinds = item_kinship(log.items, closest_categories(log.items, "tree")).kinds
    rules = no_rules(len(log.users), available_on(log.items, cut))
    block = again_lists(purchases, log.users, kinds, rules, AgainSurface())
    if block is None:
        nothing = Hits(np.zeros(len(log.users)), np.zeros(len(log.users)))
        return nothing, nothing
    position = {user: row for row, user in enumerate(log.users)}
    rows = np.array([position[user] for user in block.subjects])
    places = np.nonzero(block.items[:, :_FIRST] >= 0)
    due = _hits(rows[places[0]], block.items[places], truth)
    pairs = bought_pairs(purchases)
    order = np.lexsort((pairs.items, pairs.last_days, -pairs.times, pairs.users))
    owners = pairs.users[order]
    is_first = np.arange(len(order)) - np.searchsorted(owners, owners) < due.listed[owners]
    return due, _hits(owners[is_first], pairs.items[order][is_first], truth)


def _hits(users: npt.NDArray[Any], items: npt.NDArray[Any], truth: Any) -> Hits:
    is_bought = np.asarray(truth[users, items]).ravel().astype(np.float64) if len(users) else np.zeros(0)
    n_users = truth.shape[0]
    return Hits(
        np.bincount(users, minlength=n_users).astype(np.float64),
        np.bincount(users, is_bought, n_users).astype(np.float64),
    )


def _row(due: Hits, usual: Hits) -> dict[str, Any]:
    return {
        "users_with_a_list": int((due.listed > 0).sum()),
        "items_listed": int(due.listed.sum()),
        "bought_of_again": int(due.bought.sum()),
        "bought_of_most_bought": int(usual.bought.sum()),
        "share_of_again": round(_share(due), 4),
        "share_of_most_bought": round(_share(usual), 4),
    }


def _share(hits: Hits) -> float:
    return float(hits.bought.sum() / max(hits.listed.sum(), 1.0))


def _sum(parts: list[Hits]) -> Hits:
    return Hits(np.sum([part.listed for part in parts], axis=0), np.sum([part.bought for part in parts], axis=0))


def _interval(due: Hits, usual: Hits) -> tuple[float, float]:
    """The difference of the shares, 95 % bootstrap interval over users."""
    rng, n = np.random.default_rng(20), len(due.listed)
    differences = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(n, size=n)
        differences.append(
            _share(Hits(due.listed[rows], due.bought[rows])) - _share(Hits(usual.listed[rows], usual.bought[rows]))
        )
    low, high = np.quantile(differences, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


def _judge_pairs(log: Log, days: int) -> Iterator[dict[str, Any]]:
    """For each item of the baskets of the last days: how many others of its basket are among its first partners."""
    cut, rules = log.last_day - timedelta(days=days), AlsoBoughtSurface()
    baskets = make_baskets(_days_with(log, pl.col("is_positive"), None, cut), rules.basket_days, 100)
    later = make_baskets(_days_with(log, pl.col("is_positive"), cut, log.last_day), rules.basket_days, 100)
    parts = list(count_pairs(baskets, rules.min_baskets, 0.0))
    pairs = Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    singles = np.asarray(baskets.cells.T @ baskets.weights).ravel()
    measures = {
        "confidence": pairs.together,
        "lift": pairs.together / singles[pairs.others],
        "root of the log-likelihood ratio": pairs.evidence,
    }
    for name, scores in measures.items():
        yield {"measure": name, **_judge_measure(pairs, scores, baskets, later, singles)}


def _judge_measure(
    pairs: Pairs, scores: npt.NDArray[np.float64], known: Baskets, later: Baskets, singles: npt.NDArray[np.float64]
) -> dict[str, Any]:
    order = np.lexsort((pairs.others, -scores, pairs.items))
    items, others = pairs.items[order], pairs.others[order]
    is_first = np.arange(len(items)) - np.searchsorted(items, items) < _FIRST
    n_items = known.cells.shape[1]
    lists = cell_matrix(items[is_first], others[is_first], (n_items, n_items))
    found = (later.cells @ lists).multiply(later.cells).sum()
    asked = later.cells[:, np.diff(lists.indptr) > 0].sum()
    return {
        "items_with_a_list": int((np.diff(lists.indptr) > 0).sum()),
        "found_a_list": round(float(found / max(asked, 1.0)), 4),
        "baskets_of_a_listed_item": float(np.median(singles[others[is_first]])) if len(others) else 0.0,
    }


def _read(layout: Layout) -> Log:
    last_day = last_interaction_date(layout)
    history = read_interactions(layout, last_day)
    return Log(history, read_items(layout), history["user_id"].unique().sort(), last_day)


def _days_with(log: Log, condition: pl.Expr, after: date | None, until: date) -> Interactions:
    rows = log.history.filter(condition, pl.col("event_date") <= until)
    if after is not None:
        rows = rows.filter(pl.col("event_date") > after)
    return make_interactions(rows, log.users, log.items["item_id"], until)


if __name__ == "__main__":
    main()
