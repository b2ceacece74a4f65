"""Business rules as they stand in the file: who, what, where and when; nothing is looked up yet."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from reco_contracts.surfaces import HOME

# Lists of these are made out of pools of candidates, so that an order can be bent and places limited.
RERANKED: Final = (HOME,)


class Word(NamedTuple):
    """A name in the file, and the line that it stands on."""

    text: str
    line: int


class Selection(NamedTuple):
    """Items that have any of these.

    Attributes:
        items: ids.
        categories: of any level, or tags.
        brands: names.
        sellers: names.
    """

    items: tuple[Word, ...] = ()
    categories: tuple[Word, ...] = ()
    brands: tuple[Word, ...] = ()
    sellers: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """These items are not shown."""

    what: Selection


@dataclass(frozen=True, slots=True)
class Allow:
    """Only these items are shown."""

    what: Selection


@dataclass(frozen=True, slots=True)
class OutOfStock:
    """These items cannot be had at the moment."""

    what: Selection


@dataclass(frozen=True, slots=True)
class MinAge:
    """These items are for people of so many years, whatever the catalogue says of them."""

    what: Selection
    years: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """These items are shown in their first days only; the day when they came is the first."""

    what: Selection
    days: int


@dataclass(frozen=True, slots=True)
class Boost:
    """The relevance of these items is multiplied; by less than 1 it is damped."""

    what: Selection
    by: float


@dataclass(frozen=True, slots=True)
class Pin:
    """An item stands at a place of every list, 1 = first."""

    item: Word
    position: int


@dataclass(frozen=True, slots=True)
class AtMost:
    """Among the first places stand at most so many items of one kind."""

    by: Literal["seller", "brand", "category"]
    most: int
    first: int


Action = Block | Allow | OutOfStock | MinAge | Fresh | Boost | Pin | AtMost


@dataclass(frozen=True, slots=True)
class Where:
    """Which lists a rule is for; an empty part means all.

    Attributes:
        markets: of the users.
        segments: of the users.
        surfaces: of the lists.
    """

    markets: tuple[Word, ...] = ()
    segments: tuple[Word, ...] = ()
    surfaces: tuple[str, ...] = ()

    @property
    def is_for_everybody(self) -> bool:
        """Whether it does not ask who the user is."""
        return not (self.markets or self.segments)

    def holds_on(self, surface: str) -> bool:
        """Whether lists of a surface are meant."""
        return not self.surfaces or surface in self.surfaces

    def holds_for(self, market: str, segment: str) -> bool:
        """Whether users of a market and segment are meant; "" = none is known."""
        return (not self.markets or market in _texts(self.markets)) and (
            not self.segments or segment in _texts(self.segments)
        )

    def meets(self, other: "Where") -> bool:
        """Whether some list can be meant by both."""
        return all(
            not ours or not theirs or ours & theirs for ours, theirs in zip(*map(_parts, (self, other)), strict=True)
        )

    def covers(self, other: "Where") -> bool:
        """Whether every list that the other means is meant by this one."""
        return all(
            not ours or (theirs and theirs <= ours) for ours, theirs in zip(*map(_parts, (self, other)), strict=True)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file.

    Attributes:
        name: unique in its file.
        line: where it begins.
        kind: the key that says what it does, such as "block".
        action: what it does.
        where: which lists it is for.
        since: the first day on which lists with it are shown; None = always was.
        until: the last one; None = for ever.
    """

    name: str
    line: int
    kind: str
    action: Action
    where: Where = Where()
    since: date | None = None
    until: date | None = None

    def is_in_force(self, day: date) -> bool:
        """Whether lists that are shown on a day follow it."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)

    def is_in_force_with(self, other: "Rule") -> bool:
        """Whether there can be a day on which both are in force."""
        begins = max(self.since or date.min, other.since or date.min)
        return begins <= min(self.until or date.max, other.until or date.max)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A file of rules.

    Attributes:
        file: its name, for messages.
        text: its content; "" = there is none.
        checksum: of the content, SHA-256; "" = there is none.
        rules: in its order.
        taken_down: ids of items that somebody took down by hand, beside the file.
    """

    file: str = "rules.yml"
    text: str = ""
    checksum: str = ""
    rules: tuple[Rule, ...] = ()
    taken_down: tuple[str, ...] = ()


def _texts(words: tuple[Word, ...]) -> set[str]:
    return {word.text for word in words}


def _parts(where: Where) -> tuple[set[str], set[str], set[str]]:
    return _texts(where.markets), _texts(where.segments), set(where.surfaces)
