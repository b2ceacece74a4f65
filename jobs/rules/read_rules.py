"""Read a rules file into rules, and say everything that is wrong with its form.

What is a name and what is a number depends on the key alone: `NO` is a market and
`007` an item, whatever YAML would make of them.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import yaml

from jobs.rules.mistakes import Mistake, raise_mistakes
from jobs.rules.read_nodes import NodeReader, line_of
from jobs.rules.rule_set import (
    RERANKED,
    Action,
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
    Selection,
    Where,
    Word,
)
from reco_contracts.errors import ConfigError
from reco_contracts.surfaces import SURFACES

_ABOUT: Final = ("name", "note", "where", "from", "until")
_SELECTS: Final = ("items", "categories", "brands", "sellers")
_FIRST: Final = 10  # places that a limit counts, unless it says so
_NOWHERE: Final = Word("", 0)


def read_rules(path: Path) -> RuleSet:
    """Read a file; one that is not there holds no rules.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; names each mistake with its line.
    """
    try:
        return parse_rules(path.read_bytes().decode(), path.name)
    except FileNotFoundError:
        return RuleSet(file=path.name)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: UTF-8 expected, byte {error.start} is none; save it as UTF-8") from error


def parse_rules(text: str, file: str = "rules.yml") -> RuleSet:
    """Read the text of a rules file.

    Args:
        text: YAML, a list of rules.
        file: its name, for messages.

    Raises:
        ConfigError: something in it is wrong; names each mistake with its line.
    """
    reader = NodeReader()
    rows = reader.rows(_compose(text, file), "a list of rules, each beginning with `- name:`,")
    rules = [rule for rule in (_rule(reader, row) for row in rows) if rule is not None]
    raise_mistakes(file, reader.mistakes + _repeated_names(rules))
    return RuleSet(file, text, sha256(text.encode()).hexdigest(), tuple(rules))


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise_mistakes(file, [Mistake(mark.line + 1 if mark else 0, "", f"this is not YAML: {error.problem}")])
        raise
    except yaml.YAMLError as error:
        raise_mistakes(file, [Mistake(0, "", f"this is not YAML: {error}")])
        raise
    return root


def _rule(reader: NodeReader, node: yaml.Node) -> Rule | None:
    """One rule; None where it is wrong, which the reader has noted."""
    reader.rule, said = _name_of(node), len(reader.mistakes)
    parts = reader.mapping(node, (*_ABOUT, *_ACTIONS), "a rule")
    if not parts:
        if len(reader.mistakes) == said:
            reader.say(node, "a rule has a name and a kind, this one is empty")
        return None
    if "name" in parts:
        reader.text(parts["name"], "name")
    else:
        reader.say(node, "`name` is missing; every rule has one, by which reports call it")
    kinds = [kind for kind in _ACTIONS if kind in parts]
    if len(kinds) != 1:
        # A misspelt kind was noted as an unknown key; that none is left need not be said again.
        if kinds or len(reader.mistakes) == said:
            got = " and ".join(kinds) or "none"
            reader.say(node, f"exactly one kind expected ({', '.join(_ACTIONS)}), got {got}")
        return None
    rule = _whole_rule(reader, parts, node, kinds[0])
    return rule if len(reader.mistakes) == said else None


def _whole_rule(reader: NodeReader, parts: dict[str, yaml.Node], node: yaml.Node, kind: str) -> Rule:
    action = _ACTIONS[kind](reader, parts[kind])
    where = _where(reader, parts["where"]) if "where" in parts else Where()
    if kind == "pin":
        where = _where_pinned(reader, parts["pin"], where)
    since, until = (reader.day(parts[key], key) if key in parts else None for key in ("from", "until"))
    if since and until and until < since:
        reader.say(parts["until"], f"until: {until} is before `from`, {since}, so the rule never holds")
    _check_where(reader, parts, kind, where)
    return Rule(reader.rule, line_of(node), kind, action, where, since, until)


def _name_of(node: yaml.Node) -> str:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((str(value.value) for key, value in pairs if key.value == "name" and value.value), "")


def _where(reader: NodeReader, node: yaml.Node) -> Where:
    parts = reader.mapping(node, ("markets", "segments", "surfaces"), "where")
    markets, segments = (reader.words(parts[key], key) if key in parts else () for key in ("markets", "segments"))
    surfaces = reader.choices(parts["surfaces"], "surfaces", tuple(SURFACES)) if "surfaces" in parts else ()
    return Where(markets, segments, surfaces)


def _where_pinned(reader: NodeReader, node: yaml.Node, where: Where) -> Where:
    """Where a pin is for: it may name its surfaces itself; without any it is home."""
    named = _part(node, "surfaces")
    if named is not None and where.surfaces:
        reader.say(named, "pin: surfaces are named in the pin and in `where`; once is enough")
    surfaces = reader.choices(named, "surfaces", tuple(SURFACES)) if named is not None else where.surfaces
    return Where(where.markets, where.segments, surfaces or RERANKED)


def _check_where(reader: NodeReader, parts: dict[str, yaml.Node], kind: str, where: Where) -> None:
    """Refuse a place where the kind of rule can do nothing."""
    others = [surface for surface in where.surfaces if surface not in RERANKED]
    if kind in ("boost", "limit") and others:
        reader.say(
            parts["where"],
            f"{kind}: the order of {', '.join(others)} lists is their own; it works on {', '.join(RERANKED)}",
        )
    if kind == "limit" and not where.is_for_everybody:
        reader.say(parts["where"], "limit: it holds for all users alike; markets and segments cannot be named")


def _selection(reader: NodeReader, node: yaml.Node, key: str, more: tuple[str, ...] = ()) -> Selection:
    parts = reader.mapping(node, (*_SELECTS, *more), key)
    if parts and not any(name in parts for name in _SELECTS):
        reader.say(node, f"{key}: name what it is about: {', '.join(_SELECTS)}")
    return Selection(*(reader.words(parts[name], name) if name in parts else () for name in _SELECTS))


def _part(node: yaml.Node, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _needed(reader: NodeReader, node: yaml.Node, name: str, kind: str) -> yaml.Node | None:
    part = _part(node, name)
    if part is None and isinstance(node, yaml.MappingNode):
        reader.say(node, f"{kind}: `{name}` is missing")
    return part


def _block(reader: NodeReader, node: yaml.Node) -> Action:
    return Block(_selection(reader, node, "block"))


def _allow(reader: NodeReader, node: yaml.Node) -> Action:
    return Allow(_selection(reader, node, "allow"))


def _out_of_stock(reader: NodeReader, node: yaml.Node) -> Action:
    return OutOfStock(Selection(items=reader.words(node, "out_of_stock")))


def _min_age(reader: NodeReader, node: yaml.Node) -> Action:
    what, years = _selection(reader, node, "min_age", ("years",)), _needed(reader, node, "years", "min_age")
    return MinAge(what, reader.whole(years, "years", 1) if years else 1)


def _fresh(reader: NodeReader, node: yaml.Node) -> Action:
    what, days = _selection(reader, node, "fresh", ("days",)), _needed(reader, node, "days", "fresh")
    return Fresh(what, reader.whole(days, "days", 1) if days else 1)


def _boost(reader: NodeReader, node: yaml.Node) -> Action:
    what, by = _selection(reader, node, "boost", ("by",)), _needed(reader, node, "by", "boost")
    return Boost(what, reader.positive(by, "by") if by else 1.0)


def _pin(reader: NodeReader, node: yaml.Node) -> Action:
    reader.mapping(node, ("item", "position", "surfaces"), "pin")
    item, position = _needed(reader, node, "item", "pin"), _needed(reader, node, "position", "pin")
    word = Word(reader.text(item, "item"), line_of(item)) if item else _NOWHERE
    return Pin(word, reader.whole(position, "position", 1) if position else 1)


def _limit(reader: NodeReader, node: yaml.Node) -> Action:
    parts = reader.mapping(node, ("by", "most", "first"), "limit")
    by, most = _needed(reader, node, "by", "limit"), _needed(reader, node, "most", "limit")
    kind = reader.choices(by, "by", ("seller", "brand", "category")) if by else ()
    first = reader.whole(parts["first"], "first", 1) if "first" in parts else _FIRST
    count = reader.whole(most, "most", 1) if most else 1
    if most and count >= first:
        reader.say(most, f"limit: {count} of the first {first} places are all of them, so nothing is limited")
    return AtMost(kind[0] if kind else "seller", count, first)  # type: ignore[arg-type]  # one of the three


_ACTIONS: Final[dict[str, Callable[[NodeReader, yaml.Node], Action]]] = {
    "block": _block,
    "allow": _allow,
    "out_of_stock": _out_of_stock,
    "min_age": _min_age,
    "fresh": _fresh,
    "boost": _boost,
    "pin": _pin,
    "limit": _limit,
}


def _repeated_names(rules: list[Rule]) -> list[Mistake]:
    first: dict[str, int] = {}
    return [
        Mistake(rule.line, rule.name, f"another rule on line {first[rule.name]} has this name")
        for rule in rules
        if first.setdefault(rule.name, rule.line) != rule.line
    ]
