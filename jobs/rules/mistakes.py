"""What is wrong with a rules file: all of it at once, each with its line."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from reco_contracts.errors import ConfigError

# Names that a misspelt one is compared with; more of them take seconds.
_MOST_COMPARED: Final = 20_000


class Mistake(NamedTuple):
    """One thing that is wrong.

    Attributes:
        line: 1-based; 0 = of the file as a whole.
        rule: name of the rule; "" = it has none, or it is not about one.
        text: what is wrong, and what was expected.
    """

    line: int
    rule: str
    text: str


def raise_mistakes(file: str, mistakes: Iterable[Mistake]) -> None:
    """Refuse a file that has any.

    Raises:
        ConfigError: names every mistake with its line.
    """
    found = sorted(set(mistakes))
    if not found:
        return
    lines = [
        f"  {file}{f':{mistake.line}' if mistake.line else ''}: "
        f"{f'rule {mistake.rule!r}: ' if mistake.rule else ''}{mistake.text}"
        for mistake in found
    ]
    count = "1 mistake" if len(found) == 1 else f"{len(found)} mistakes"
    raise ConfigError(
        f"the business rules in {file} have {count}, so nothing is made or published with them. "
        "Correct the file, then ask `reco rules check`:\n" + "\n".join(lines)
    )


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: the ones that look like it, if any do.

    Args:
        name: as it was written.
        known: those that there are.
    """
    compared = known
    if len(known) > _MOST_COMPARED:
        alike = [other for other in known if abs(len(other) - len(name)) <= 1 and other[:1] == name[:1]]
        compared = alike[:_MOST_COMPARED]
    # Names that differ in case alone are the likeliest to be meant.
    folded = [other for other in compared if other.casefold() == name.casefold()]
    close = folded or get_close_matches(name, compared, n=2, cutoff=0.75)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
