"""The example of docs/rules.md is a file that is read without a mistake, with every kind in it."""

import re
from pathlib import Path
from typing import get_args

from jobs.rules.read_rules import parse_rules
from jobs.rules.rule_set import Action

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def test_the_example_is_right_and_shows_every_kind() -> None:
    ((_, example),) = BLOCK.findall((DOCS / "rules.md").read_text())
    rules = parse_rules(example).rules
    assert {type(rule.action) for rule in rules} == set(get_args(Action))


def test_the_runbook_shows_a_rule() -> None:
    ((indent, example),) = BLOCK.findall((DOCS / "runbooks" / "take-an-item-down.md").read_text())
    assert parse_rules(example.replace("\n" + indent, "\n").removeprefix(indent)).rules[0].kind == "block"
