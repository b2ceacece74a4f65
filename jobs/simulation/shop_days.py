"""One simulated day at a time: sessions of lists, views, clicks, carts and purchases, and what follows days later."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.simulation.shop_lists import ShownItems, liking_of, show_lists
from jobs.simulation.shop_tastes import TASTE_STRENGTH, ShopSize, Truth
from reco_contracts.events import EventType

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

CURRENCY: Final = "EUR"
MEAN_EXTRA_VIEWS: Final = 5.0
RETURN_SHARE: Final = 0.04
RATING_SHARE: Final = 0.04
_BLOCK_USERS: Final = 512  # users whose chances over all items are held at once
_DAY_MS: Final = 86_400_000
_LIST_LEAD_MS: Final = 4_000  # a list is seen so long before the session's first view


@dataclass(frozen=True, slots=True)
class _Views:
    """Looks at items, in order of session; all arrays have one entry a view."""

    user: Indices
    item: Indices
    affinity: Floats
    is_from_list: Bools


@dataclass(frozen=True, slots=True)
class _Rows:
    """Events of one type on one day; `at_ms` since midnight, `in_list` true where a list led to them."""

    kind: EventType
    user: Indices
    item: Indices
    at_ms: Indices
    value: Floats | None = None
    in_list: Bools | None = None
    position: Indices | None = None
    propensity: Floats | None = None


class ShopDays:
    """Draws the days of a shop, in order.

    Memory: a block of users times all items, the day's events, and the pairs
    that were bought so far.
    """

    def __init__(
        self, size: ShopSize, truth: Truth, prices: Floats, is_personal: Bools, rng: np.random.Generator
    ) -> None:
        """Start before the first day.

        Args:
            size: numbers of users, items and days.
            truth: who likes what.
            prices: shape (n_items,), EUR.
            is_personal: shape (n_users,), whether a user's lists are personal.
            rng: the random generator.
        """
        self._size = size
        self._truth = truth
        self._prices = prices
        self._is_personal = is_personal
        self._rng = rng
        self._bought = np.empty(0, dtype=np.int64)  # user * n_items + item, in order
        self._later: defaultdict[int, list[_Rows]] = defaultdict(list)

    def __iter__(self) -> Iterator[tuple[date, pl.DataFrame]]:
        """Each date with its events, in order of time.

        Columns: user and item index, event_type, value, price, at_ms, in_list, position, propensity.
        """
        for number in range(self._size.days):
            rows = [*self._sessions(number), *self._later.pop(number, [])]
            yield self._size.day(number), self._frame(rows)

    def _sessions(self, number: int) -> list[_Rows]:
        present = self._truth.joins_on <= number
        active = np.flatnonzero(present & (self._rng.random(self._size.users) < self._truth.activity))
        on_sale = (self._truth.arrives_on <= number) & (self._truth.leaves_on > number)
        if not len(active):
            return []
        views, shown = self._draw_views(active, on_sale)
        clicked, carted, purchased = self._funnel(views)
        begins, viewed_at, session_end, dwell = self._times(views)
        clicked_at = viewed_at + self._rng.integers(1_000, 5_000, len(viewed_at))
        carted_at = clicked_at + self._rng.integers(1_000, 4_000, len(viewed_at))
        bought_at = session_end + self._rng.integers(0, 2_000, len(viewed_at))
        units = self._rng.geometric(0.9, len(viewed_at)).astype(np.float64)
        self._schedule(number, views, purchased, units)
        return [
            _impressions(active, shown, np.maximum(begins - _LIST_LEAD_MS, 0)),
            _Rows(EventType.VIEW, views.user, views.item, viewed_at, dwell),
            _answers(EventType.CLICK, views, clicked, clicked_at),
            _answers(EventType.ADD_TO_CART, views, carted, carted_at),
            _answers(EventType.PURCHASE, views, purchased, bought_at, units),
        ]

    def _draw_views(self, active: Indices, on_sale: Bools) -> tuple[_Views, ShownItems]:
        """What is seen: items clicked in a list first, then others, each once; and the lists themselves."""
        popularity = np.where(on_sale, self._truth.popularity, np.float32(0))
        views, lists, start = [], [], 0
        for block in np.array_split(active, max(1, -(-len(active) // _BLOCK_USERS))):
            taste = self._truth.user_vectors[block] @ self._truth.item_vectors.T
            shown = show_lists(taste, popularity, self._is_personal[block], self._rng)
            row, item = self._draw_items(taste, popularity)
            row = np.concatenate((shown.row[shown.is_clicked], row))
            item = np.concatenate((shown.item[shown.is_clicked], item))
            is_from_list = np.arange(len(row)) < np.count_nonzero(shown.is_clicked)
            order = np.argsort(row, kind="stable")
            first = order[np.sort(np.unique(row[order] * self._size.items + item[order], return_index=True)[1])]
            row, item = row[first], item[first]
            views.append(_Views(block[row], item, taste[row, item].astype(np.float64), is_from_list[first]))
            lists.append(replace(shown, row=shown.row + start))
            start += len(block)
        return _Views(*_joined(views)), ShownItems(*_joined(lists))

    def _draw_items(
        self, taste: npt.NDArray[np.float32], popularity: npt.NDArray[np.float32]
    ) -> tuple[Indices, Indices]:
        """User rows and items by popularity * exp(strength * taste), by inverting each user's distribution."""
        users = len(taste)
        chances = np.cumsum(np.exp(TASTE_STRENGTH * taste) * popularity, axis=1, dtype=np.float64)
        row = np.repeat(np.arange(users), 1 + self._rng.poisson(MEAN_EXTRA_VIEWS, users))
        edges = (chances / chances[:, -1:] + np.arange(users)[:, None]).ravel()
        drawn = np.searchsorted(edges, self._rng.random(len(row)) + row, side="right")
        return row, np.minimum(drawn - row * self._size.items, self._size.items - 1)

    def _funnel(self, views: _Views) -> tuple[Bools, Bools, Bools]:
        """Who clicks, of those who puts it into the cart, of those who buys; nobody buys the same thing twice."""
        liking = liking_of(views.affinity)
        clicked = views.is_from_list | (self._rng.random(len(liking)) < 0.15 + 0.45 * liking)
        carted = clicked & (self._rng.random(len(liking)) < 0.10 + 0.35 * liking)
        purchased = carted & (self._rng.random(len(liking)) < 0.65)
        pairs = views.user * self._size.items + views.item
        purchased &= ~np.isin(pairs, self._bought)
        self._bought = np.union1d(self._bought, pairs[purchased])
        return clicked, carted, purchased

    def _times(self, views: _Views) -> tuple[Indices, Indices, Indices, Floats]:
        """Milliseconds since midnight of each session's start, each view and its session's end, and dwell seconds."""
        dwell = np.round(10 + self._rng.exponential(20, len(views.user)) + 30 * np.maximum(views.affinity, 0), 1)
        starts = np.flatnonzero(np.r_[True, views.user[1:] != views.user[:-1]])
        session = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(views.user)]))
        passed = np.cumsum(dwell * 1000).astype(np.int64)
        before = np.r_[0, passed[:-1]]
        hour = np.clip(self._rng.normal(16.5, 4.0, len(starts)), 0, 22.5)
        begins = (hour * 3_600_000).astype(np.int64) + self._rng.integers(0, 1000, len(starts))
        ends = passed[np.r_[starts[1:], len(passed)] - 1] - before[starts] + begins
        latest = _DAY_MS - 10_000
        viewed_at = np.minimum(before - before[starts][session] + begins[session], latest)
        return begins, viewed_at, np.minimum(ends, latest)[session], dwell

    def _schedule(self, number: int, views: _Views, purchased: Bools, units: Floats) -> None:
        """Some purchases are rated, and some are sent back, a few days later."""
        bought = np.flatnonzero(purchased)
        liking = views.affinity[bought]
        stars = np.clip(np.round(2.5 + 2.5 * liking + self._rng.normal(0, 0.7, len(bought))), 1, 5)
        followups = (
            (EventType.RATING, RATING_SHARE, stars, 1, 6),
            (EventType.RETURN, RETURN_SHARE, units[bought], 2, 9),
        )
        for kind, share, value, soonest, latest in followups:
            chosen = self._rng.random(len(bought)) < share
            wait = self._rng.integers(soonest, latest, len(bought))
            at_ms = self._rng.integers(8 * 3_600_000, 22 * 3_600_000, len(bought))
            for days in np.unique(wait[chosen]).tolist():
                those = chosen & (wait == days)
                rows = _Rows(kind, views.user[bought[those]], views.item[bought[those]], at_ms[those], value[those])
                self._later[number + days].append(rows)

    def _frame(self, rows: list[_Rows]) -> pl.DataFrame:
        priced = (EventType.ADD_TO_CART, EventType.PURCHASE, EventType.RETURN)
        frames = [_part_frame(part, self._prices if part.kind in priced else None) for part in rows]
        return pl.concat([pl.DataFrame(schema=_SCHEMA), *frames]).sort("at_ms", "user", "item", "event_type")


_SCHEMA: Final = {
    "user": pl.Int64,
    "item": pl.Int64,
    "at_ms": pl.Int64,
    "value": pl.Float64,
    "price": pl.Float64,
    "in_list": pl.Boolean,
    "position": pl.Int64,
    "propensity": pl.Float64,
    "event_type": pl.String,
}


def _part_frame(part: _Rows, prices: Floats | None) -> pl.DataFrame:
    columns = {
        "user": part.user,
        "item": part.item,
        "at_ms": part.at_ms,
        "value": part.value,
        "price": None if prices is None else prices[part.item],
        "in_list": part.in_list,
        "position": part.position,
        "propensity": part.propensity,
    }
    present = {name: values for name, values in columns.items() if values is not None}
    absent = [pl.lit(None).alias(name) for name in columns if name not in present]
    frame = pl.DataFrame(present).with_columns(*absent, event_type=pl.lit(part.kind.value))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def _impressions(active: Indices, shown: ShownItems, seen_at: Indices) -> _Rows:
    in_list = np.ones(len(shown.row), dtype=np.bool_)
    return _Rows(
        EventType.IMPRESSION, active[shown.row], shown.item, seen_at[shown.row], None, in_list, shown.position,
        shown.propensity,
    )  # fmt: skip


def _answers(kind: EventType, views: _Views, chosen: Bools, at_ms: Indices, value: Floats | None = None) -> _Rows:
    """Events on some of the views, which say whether a list led to them."""
    return _Rows(
        kind, views.user[chosen], views.item[chosen], at_ms[chosen], None if value is None else value[chosen],
        views.is_from_list[chosen],
    )  # fmt: skip


def _joined(parts: list[Any]) -> list[npt.NDArray[Any]]:
    """Each field of the parts, one after the other."""
    return [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(parts[0])]
