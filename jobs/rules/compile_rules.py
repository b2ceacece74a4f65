"""Compile rules for the lists of a surface.

Two facts of the catalogue are held like rules, whether there is a file or not: the
age that an item is for, and the markets that it is sold in. Where a market is not
known (a user without one, a list that is the same for everybody) an item may be
shown if it may be shown in every market; the same way somebody without a birth
year is taken for a child, unless rules.unknown_age says otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.reranking.item_traits import item_traits
from jobs.reranking.limits import Limit
from jobs.rules.list_audiences import UNKNOWN, Audience, Distinctions, audiences_of, distinctions, known_markets
from jobs.rules.list_rules import AppliedRule, ListRules, PinnedItem
from jobs.rules.rule_set import (
    RERANKED,
    Allow,
    AtMost,
    Block,
    Boost,
    Fresh,
    MinAge,
    OutOfStock,
    Pin,
    Rule,
    RuleSet,
)
from jobs.rules.select_items import Mask, ages_in_days, ratings, selected, sold_in

AGE_RATINGS: Final = "(age ratings)"
MARKETS: Final = "(markets of items)"
TAKEN_DOWN: Final = "(taken down by hand)"
OF_CATALOGUE: Final = (AGE_RATINGS, MARKETS)


class Removal(NamedTuple):
    """What one rule takes away from an audience: its name, its kind and the items, bool (n_items,)."""

    name: str
    kind: str
    items: Mask


@dataclass(frozen=True)
class RuleBook:
    """Rules beside the catalogue and the people that they are for.

    Attributes:
        rules: the file's, and what was taken down by hand.
        items: columns of dim_items; row number = item index.
        people: dim_users.
        is_available: bool, shape (n_items,), on sale.
        run_date: the last day of the data; its lists are shown on the next day, and that is the day rules go by.
        unknown_age: how old somebody without a birth year is taken to be.
    """

    rules: RuleSet
    items: pl.DataFrame
    people: pl.DataFrame
    is_available: Mask
    run_date: date
    unknown_age: Literal["child", "adult"] = "child"

    @property
    def shown_on(self) -> date:
        """The day on which the lists are shown."""
        return self.run_date + timedelta(days=1)

    @cached_property
    def in_force(self) -> tuple[Rule, ...]:
        """The rules of that day."""
        return tuple(rule for rule in self.rules.rules if rule.is_in_force(self.shown_on))

    @cached_property
    def apart(self) -> Distinctions:
        """What audiences are told apart by."""
        return distinctions(self.in_force, self.items, self.unknown_age)

    @cached_property
    def markets(self) -> tuple[str, ...]:
        """Where somebody whose market is not known may be."""
        return known_markets(self.people, self.apart)

    @cached_property
    def masks(self) -> dict[str, Mask]:
        """The items that each rule names, by name of the rule."""
        return {rule.name: self._mask(rule) for rule in self.in_force if not isinstance(rule.action, AtMost)}

    def removals(self, surface: str, audience: Audience) -> Iterator[Removal]:
        """What is taken away from an audience, the catalogue's own facts first, then rule by rule.

        Args:
            surface: of the lists.
            audience: whose market may be unknown.
        """
        markets = self.markets if audience.market == UNKNOWN else (audience.market,)
        yield Removal(AGE_RATINGS, "min_age", self._ratings > audience.age)
        yield Removal(MARKETS, "markets", ~self._sold_in_all(markets))
        if self.rules.taken_down:
            yield Removal(TAKEN_DOWN, "block", self._taken_down)
        for rule in self.in_force:
            asked = any(rule.where.holds_for(market, audience.segment) for market in (audience.market, *markets))
            if asked and rule.where.holds_on(surface):
                removed = self._removed_by(rule, audience.age)
                if removed is not None:
                    yield Removal(rule.name, rule.kind, removed)

    def _mask(self, rule: Rule) -> Mask:
        if isinstance(rule.action, Pin):
            return np.asarray((self.items["item_id"] == rule.action.item.text).to_numpy())
        assert not isinstance(rule.action, AtMost)  # noqa: S101 - it names no items; `masks` leaves it out
        return selected(rule.action.what, self.items)

    def _removed_by(self, rule: Rule, age: int) -> Mask | None:
        """Items that a rule forbids somebody of an age; None for a rule that forbids nothing."""
        match rule.action:
            case Block() | OutOfStock():
                return self.masks[rule.name]
            case Allow():
                return ~self.masks[rule.name]
            case MinAge(_, years):
                return self.masks[rule.name] & (age < years)
            case Fresh(_, days):
                return self.masks[rule.name] & (self._ages > days)
        return None

    @cached_property
    def _ages(self) -> npt.NDArray[np.int64]:
        return ages_in_days(self.items, self.run_date)

    @cached_property
    def _ratings(self) -> npt.NDArray[np.int32]:
        return ratings(self.items)

    @cached_property
    def _taken_down(self) -> Mask:
        return self.items["item_id"].is_in(list(self.rules.taken_down)).to_numpy()

    @cached_property
    def _sold(self) -> dict[str, Mask]:
        return {}

    def _sold_in_all(self, markets: Iterable[str]) -> Mask:
        found = np.ones(len(self.items), dtype=bool)
        for market in markets:
            if market not in self._sold:
                self._sold[market] = sold_in(self.items, market)
            found &= self._sold[market]
        return found


def compile_rules(book: RuleBook, surface: str, users: pl.Series) -> ListRules:
    """Rules for lists that have a user each.

    Args:
        book: rules, catalogue and people.
        surface: of the lists.
        users: ids.
    """
    audiences, codes = audiences_of(users, book.people, book.apart, book.shown_on)
    allowed, applied = _allowed(book, surface, audiences)
    return ListRules(
        audiences=codes,
        allowed=allowed,
        boosts=_boosts(book, surface, audiences),
        limits=_limits(book, surface),
        pins=_pins(book, surface, audiences, allowed),
        applied=applied + _moved(book, surface, audiences),
        against=partial(_against, book, surface, audiences),
    )


def compile_for_all(book: RuleBook, surface: str) -> ListRules:
    """Rules for lists that are the same for everybody, and are read in every market: one audience, no users."""
    audiences = [Audience(age=book.apart.unknown_age)]
    allowed, applied = _allowed(book, surface, audiences)
    pins = _pins(book, surface, audiences, allowed)
    ones = np.ones((1, len(book.items)), dtype=np.float32)
    return ListRules(np.zeros(0, np.int32), allowed, ones, (), pins, applied + _moved(book, surface, audiences))


def allowed_to_all(book: RuleBook, surface: str, item_id: str) -> bool:
    """Whether an item may be shown to anybody at all: to every user there is, and to a reader who is not known.

    Args:
        book: rules, catalogue and people.
        surface: of the lists.
        item_id: of an item of the catalogue.
    """
    item = book.items["item_id"].index_of(item_id)
    if item is None or not book.is_available[item]:
        return False
    audiences, _ = audiences_of(book.people["user_id"], book.people, book.apart, book.shown_on)
    # Readers of whom nothing is known may be children, whatever rules.unknown_age says of their lists.
    unknown = [Audience(), Audience(age=book.apart.unknown_age)]
    return not any(
        removed[item] for audience in [*audiences, *unknown] for _, _, removed in book.removals(surface, audience)
    )


def _against(book: RuleBook, surface: str, audiences: list[Audience], audience: int, item: int) -> tuple[str, ...]:
    return tuple(name for name, _, removed in book.removals(surface, audiences[audience]) if removed[item])


def _allowed(book: RuleBook, surface: str, audiences: list[Audience]) -> tuple[Mask, tuple[AppliedRule, ...]]:
    """What each audience may see, bool (n_audiences, n_items), and what each rule took out of it."""
    allowed = np.repeat(book.is_available[None, :], len(audiences), axis=0)
    found: dict[str, tuple[str, Mask, npt.NDArray[np.int64]]] = {}
    for row, audience in enumerate(audiences):
        for name, kind, removed in book.removals(surface, audience):
            taken = removed & book.is_available
            _, items, counts = found.setdefault(
                name, (kind, np.zeros(len(taken), dtype=bool), np.zeros(len(audiences), dtype=np.int64))
            )
            items |= taken
            counts[row] = taken.sum()
            allowed[row] &= ~removed
    return allowed, tuple(AppliedRule(name, *rest) for name, rest in found.items())


def _boosts(book: RuleBook, surface: str, audiences: list[Audience]) -> npt.NDArray[np.float32]:
    """What relevance is multiplied by; where nobody has a boost the rows are one and the same."""
    shape = (len(audiences), len(book.items))
    rules = [(rule, rule.action) for rule in book.in_force if isinstance(rule.action, Boost)]
    if not rules or surface not in RERANKED:
        return np.broadcast_to(np.ones(shape[1], dtype=np.float32), shape)
    boosts = np.ones(shape, dtype=np.float32)
    for rule, boost in rules:
        if rule.where.holds_on(surface):
            boosts[np.ix_(_asked(rule, audiences), book.masks[rule.name])] *= np.float32(boost.by)
    return boosts


def _limits(book: RuleBook, surface: str) -> tuple[Limit, ...]:
    if surface not in RERANKED:
        return ()
    rules = [(rule, rule.action) for rule in book.in_force if isinstance(rule.action, AtMost)]
    traits = item_traits(book.items) if rules else None
    if traits is None:
        return ()
    codes = {"seller": traits.sellers, "brand": traits.brands, "category": traits.categories}
    return tuple(
        Limit(rule.name, codes[limit.by], limit.most, limit.first)
        for rule, limit in rules
        if rule.where.holds_on(surface)
    )


def _pins(book: RuleBook, surface: str, audiences: list[Audience], allowed: Mask) -> tuple[PinnedItem, ...]:
    found = []
    for rule in book.in_force:
        if isinstance(rule.action, Pin) and rule.where.holds_on(surface):
            for item in np.flatnonzero(book.masks[rule.name]).tolist():
                who = _asked(rule, audiences) & allowed[:, item]
                found.append(PinnedItem(rule.name, item, rule.action.position - 1, who))
    return tuple(sorted(found, key=lambda pin: pin.place))


def _moved(book: RuleBook, surface: str, audiences: list[Audience]) -> tuple[AppliedRule, ...]:
    """The rules that move items or limit places instead of taking them away."""
    found = []
    for rule in book.in_force:
        if not isinstance(rule.action, Boost | Pin | AtMost) or not rule.where.holds_on(surface):
            continue
        if isinstance(rule.action, Boost | AtMost) and surface not in RERANKED:
            continue
        mask = book.masks.get(rule.name, np.ones(len(book.items), dtype=bool))
        counts = np.where(_asked(rule, audiences), (mask & book.is_available).sum(), 0).astype(np.int64)
        found.append(AppliedRule(rule.name, rule.kind, mask, counts))
    return tuple(found)


def _asked(rule: Rule, audiences: list[Audience]) -> Mask:
    """Whom a rule that moves items is for: those of whom it is known; bool, shape (n_audiences,)."""
    return np.array([rule.where.holds_for(audience.market, audience.segment) for audience in audiences], dtype=bool)
