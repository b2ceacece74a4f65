"""The rules that a generation was made with, read back from its folder."""

import msgspec

from jobs.rules.read_rules import parse_rules
from jobs.rules.rule_set import RuleSet
from reco_contracts.artifacts import Layout


class _Report(msgspec.Struct):
    """What is needed of rules.json."""

    taken_down: tuple[str, ...] = ()


def rules_of_generation(layout: Layout, generation: str) -> RuleSet:
    """The rules as they were when a generation was ranked; none where it was made before there were rules.

    Args:
        layout: the data folder.
        generation: name of a folder of data/lists.
    """
    try:
        text = layout.generation_rules(generation).read_text()
    except FileNotFoundError:
        text = ""
    try:
        down = msgspec.json.decode(layout.rules_report(generation).read_bytes(), type=_Report).taken_down
    except FileNotFoundError:
        down = ()
    rules = parse_rules(text) if text else RuleSet()
    return RuleSet(rules.file, rules.text, rules.checksum, rules.rules, down)
