"""Audiences: users for whom the same rules hold, told apart only as far as some rule or item does."""

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.interaction_matrix import index_of
from jobs.rules.rule_set import MinAge, Rule

UNKNOWN: Final = ""
# All markets that no rule and no item names are one. The line break keeps it apart from names.
OTHER_MARKET: Final = "any other\n"
_ADULT: Final = 1_000


class Audience(NamedTuple):
    """What rules know of a user.

    Attributes:
        market: "" = not known.
        segment: "" = not known, or one that no rule names.
        age: the highest age rating that they may see, years.
    """

    market: str = UNKNOWN
    segment: str = UNKNOWN
    age: int = 0

    def __str__(self) -> str:
        """For messages."""
        market, age = self.market.strip() or "not known", "grown up" if self.age >= _ADULT else f"{self.age} or more"
        return f"market {market}, segment {self.segment or 'any other'}, age {age}"


class Distinctions(NamedTuple):
    """What audiences are told apart by.

    Attributes:
        markets: that a rule or an item names.
        segments: that a rule names.
        ages: age ratings of items and rules, rising; 0 first.
        unknown_age: the rating that somebody without a birth year, or a list without a user, may see.
    """

    markets: frozenset[str]
    segments: frozenset[str]
    ages: tuple[int, ...]
    unknown_age: int


def distinctions(rules: Iterable[Rule], items: pl.DataFrame, unknown: Literal["child", "adult"]) -> Distinctions:
    """Find what has to be told apart.

    Args:
        rules: in force.
        items: columns of dim_items.
        unknown: how old somebody without a birth year is taken to be.
    """
    found = list(rules)
    markets = {word.text for rule in found for word in rule.where.markets}
    markets |= set(items["markets"].explode().drop_nulls().unique())
    ages = {rule.action.years for rule in found if isinstance(rule.action, MinAge)}
    ages |= set(items["min_age"].drop_nulls().unique())
    segments = frozenset(word.text for rule in found for word in rule.where.segments)
    rising = (0, *sorted(age for age in ages if age > 0))
    return Distinctions(frozenset(markets), segments, rising, 0 if unknown == "child" else _ADULT)


def known_markets(people: pl.DataFrame, apart: Distinctions) -> tuple[str, ...]:
    """The markets that somebody whose market is not known may be in.

    Args:
        people: dim_users.
        apart: what audiences are told apart by.
    """
    of_users = set(people["market"].drop_nulls().unique())
    return (*sorted(apart.markets), *((OTHER_MARKET,) if of_users - apart.markets else ()))


def audiences_of(
    users: pl.Series, people: pl.DataFrame, apart: Distinctions, day: date
) -> tuple[list[Audience], npt.NDArray[np.int32]]:
    """The audiences that some users belong to.

    An age is that of the year before: who was born in a year may still have the birthday to come.

    Args:
        users: ids.
        people: dim_users; who is not in it is known by nothing.
        apart: what audiences are told apart by.
        day: when the lists are shown.

    Returns:
        The audiences in order, and the position of each user's, int32, shape (len(users),).
    """
    facts = people.select(
        market=_one_of("market", apart.markets, OTHER_MARKET),
        segment=_one_of("segment", apart.segments, UNKNOWN),
        age=(day.year - 1 - pl.col("birth_year")).fill_null(apart.unknown_age),
    )
    bands = np.array(apart.ages)
    ages = np.asarray(facts["age"].to_numpy(), dtype=np.int64)
    at = np.maximum(np.searchsorted(bands, ages, side="right") - 1, 0)
    banded = np.where(people["birth_year"].is_null().to_numpy(), apart.unknown_age, bands[at])
    facts = facts.with_columns(age=pl.Series(banded, dtype=pl.Int64))
    nobody = pl.DataFrame([Audience(age=apart.unknown_age)._asdict()], schema=facts.schema)
    # The row of everybody of whom nothing is known stands last, where index -1 finds it.
    facts = pl.concat([facts, nobody])
    mine = facts[index_of(users, people["user_id"]).astype(np.int64) % len(facts)]
    unique = mine.unique().sort("market", "segment", "age").with_row_index("audience")
    codes = mine.join(unique, on=["market", "segment", "age"], how="left", maintain_order="left")["audience"]
    return [Audience(*row) for row in unique.drop("audience").iter_rows()], codes.to_numpy().astype(np.int32)


def _one_of(column: str, known: frozenset[str], otherwise: str) -> pl.Expr:
    name = pl.col(column)
    other = pl.when(name.is_in(sorted(known))).then(name).otherwise(pl.lit(otherwise))
    return pl.when(name.is_null()).then(pl.lit(UNKNOWN)).otherwise(other)
