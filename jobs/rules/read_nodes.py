"""Read values out of YAML nodes, which know their lines, and note what is wrong instead of stopping at it."""

from collections.abc import Sequence
from datetime import date
from math import isfinite

import yaml

from jobs.rules.mistakes import Mistake, did_you_mean
from jobs.rules.rule_set import Word

_NULL = "tag:yaml.org,2002:null"


class NodeReader:
    """Reads one file, rule by rule.

    Attributes:
        rule: name of the rule that is being read, for messages.
        mistakes: what was wrong so far.
    """

    def __init__(self) -> None:
        """Begin a file."""
        self.rule = ""
        self.mistakes: list[Mistake] = []

    def say(self, node: yaml.Node, text: str) -> None:
        """Note what is wrong with a node."""
        self.mistakes.append(Mistake(line_of(node), self.rule, text))

    def rows(self, node: yaml.Node | None, expected: str) -> list[yaml.Node]:
        """The nodes of a sequence; none of an empty file."""
        if node is None or node.tag == _NULL:
            return []
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        self.say(node, f"{expected} expected, got {_described(node)}")
        return []

    def mapping(self, node: yaml.Node, known: Sequence[str], what: str) -> dict[str, yaml.Node]:
        """The values of a mapping by key; unknown and repeated keys are noted and left out."""
        if not isinstance(node, yaml.MappingNode):
            self.say(node, f"{what}: keys with values expected ({', '.join(known)}), got {_described(node)}")
            return {}
        values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                self.say(key, f"{what}: unknown key {name!r}{_hint(name, known)}")
            elif name in values:
                self.say(key, f"{what}: {name!r} is there twice")
            else:
                values[name] = value
        return values

    def text(self, node: yaml.Node, key: str) -> str:
        """A name, as it was written; "" where there is none."""
        if isinstance(node, yaml.ScalarNode) and node.tag != _NULL and node.value.strip():
            return str(node.value)
        self.say(node, f"{key}: a name expected, got {_described(node)}")
        return ""

    def words(self, node: yaml.Node, key: str) -> tuple[Word, ...]:
        """Names: a list of them, or a single one."""
        nodes = list(node.value) if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.say(node, f"{key}: names expected, got an empty list; leave the key out, or the rule")
        return tuple(Word(self.text(one, key), line_of(one)) for one in nodes)

    def whole(self, node: yaml.Node, key: str, lowest: int) -> int:
        """A whole number of at least so much; the lowest where it is none."""
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= lowest:
            return int(text)
        self.say(node, f"{key}: a whole number of at least {lowest} expected, got {_described(node)}")
        return lowest

    def positive(self, node: yaml.Node, key: str) -> float:
        """A number above 0; 1 where it is none."""
        try:
            value = float(node.value) if isinstance(node, yaml.ScalarNode) else 0.0
        except ValueError:
            value = 0.0
        if value > 0 and isfinite(value):
            return value
        self.say(node, f"{key}: a number above 0 expected (2 = twice as relevant, 0.5 = half), got {_described(node)}")
        return 1.0

    def day(self, node: yaml.Node, key: str) -> date | None:
        """A date."""
        try:
            return date.fromisoformat(node.value if isinstance(node, yaml.ScalarNode) else "")
        except ValueError:
            self.say(node, f"{key}: a day as YYYY-MM-DD expected, got {_described(node)}")
            return None

    def choices(self, node: yaml.Node, key: str, known: Sequence[str]) -> tuple[str, ...]:
        """Names out of a few."""
        words = self.words(node, key)
        for word in words:
            if word.text and word.text not in known:
                text = f"{key}: there is no {word.text!r}{_hint(word.text, known)}"
                self.mistakes.append(Mistake(word.line, self.rule, text))
        return tuple(word.text for word in words if word.text in known)


def line_of(node: yaml.Node) -> int:
    """The line where a node begins, 1-based."""
    return int(node.start_mark.line) + 1


def _hint(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known) or f"; expected one of {', '.join(known)}"


def _described(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if node.tag == _NULL or not node.value else repr(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "keys with values"
