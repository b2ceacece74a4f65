"""A rules file is read as it was written, and everything that is wrong with it is said at once."""

from datetime import date

import pytest

from jobs.rules.read_rules import parse_rules, read_rules
from jobs.rules.rule_set import Allow, AtMost, Block, Boost, Fresh, MinAge, OutOfStock, Pin
from reco_contracts.errors import ConfigError

KINDS = ("block", "allow", "out_of_stock", "min_age", "fresh", "boost", "pin", "limit")


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse_rules(text)
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


def test_no_file_is_no_rules(tmp_path) -> None:
    assert read_rules(tmp_path / "rules.yml").rules == ()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]\n"])
def test_an_empty_file_is_no_rules(text: str) -> None:
    assert parse_rules(text).rules == ()


def test_every_kind_is_read() -> None:
    rules = parse_rules(
        """
- name: recall
  block: {items: [A1], brands: Bad}
- name: books only
  allow: {categories: [Books]}
  where: {segments: [readers], surfaces: [home, popular]}
- name: sold out
  out_of_stock: [A2, A3]
- name: adults
  min_age: {categories: [Spirits], years: 18}
- name: news
  fresh: {categories: [News], days: 7}
- name: more
  boost: {sellers: [Us], by: 1.5}
  from: 2026-01-01
  until: 2026-02-01
- name: first
  pin: {item: A4, position: 1, surfaces: [home]}
- name: sellers
  limit: {by: seller, most: 2, first: 12}
"""
    ).rules
    kinds = [type(rule.action) for rule in rules]
    assert kinds == [Block, Allow, OutOfStock, MinAge, Fresh, Boost, Pin, AtMost]
    assert [rule.line for rule in rules] == [2, 4, 7, 9, 11, 13, 17, 19]
    block, allow, _, adults, news, more, first, sellers = rules
    assert [word.text for word in (*block.action.what.items, *block.action.what.brands)] == ["A1", "Bad"]
    assert allow.where.surfaces == ("home", "popular")
    assert (adults.action.years, news.action.days, more.action.by) == (18, 7, 1.5)
    assert (more.since, more.until) == (date(2026, 1, 1), date(2026, 2, 1))
    assert (first.action.item.text, first.action.position, first.where.surfaces) == ("A4", 1, ("home",))
    assert (sellers.action.by, sellers.action.most, sellers.action.first) == ("seller", 2, 12)


def test_names_stay_what_was_written_whatever_yaml_would_make_of_them() -> None:
    (rule,) = parse_rules("- {name: n, block: {items: [007, 1e3, yes]}, where: {markets: [NO]}}").rules
    assert [word.text for word in rule.action.what.items] == ["007", "1e3", "yes"]
    assert rule.where.markets[0].text == "NO"


def test_every_mistake_is_said_with_its_line() -> None:
    assert mistakes_of(
        """- name: a
  blok: {items: [x]}
- name: b
  boost: {categories: [News], by: -2}
- name: a2
  block: {item: [x]}
- block: {items: [x]}
- name: d
  pin: {item: x, position: 0}
- name: e
  limit: {by: shop, most: 20}
- name: f
  fresh: {categories: [News]}
- name: g
  block: {items: []}
  until: yesterday
- name: h
  boost: {brands: [B], by: 2}
  where: {surfaces: [similar]}
- name: i
  block: {items: [x]}
  allow: {items: [y]}
"""
    ) == [
        "rules.yml:2: rule 'a': a rule: unknown key 'blok'; did you mean 'block'?",
        "rules.yml:4: rule 'b': by: a number above 0 expected (2 = twice as relevant, 0.5 = half), got '-2'",
        "rules.yml:6: rule 'a2': block: unknown key 'item'; did you mean 'items'?",
        "rules.yml:7: `name` is missing; every rule has one, by which reports call it",
        "rules.yml:9: rule 'd': position: a whole number of at least 1 expected, got '0'",
        "rules.yml:11: rule 'e': by: there is no 'shop'; expected one of seller, brand, category",
        "rules.yml:11: rule 'e': limit: 20 of the first 10 places are all of them, so nothing is limited",
        "rules.yml:13: rule 'f': fresh: `days` is missing",
        "rules.yml:15: rule 'g': items: names expected, got an empty list; leave the key out, or the rule",
        "rules.yml:16: rule 'g': until: a day as YYYY-MM-DD expected, got 'yesterday'",
        "rules.yml:19: rule 'h': boost: the order of similar lists is their own; it works on home",
        "rules.yml:20: rule 'i': exactly one kind expected (" + ", ".join(KINDS) + "), got block and allow",
    ]


def test_a_name_stands_for_one_rule() -> None:
    text = "- {name: a, block: {items: [x]}}\n- {name: a, block: {items: [y]}}\n"
    assert mistakes_of(text) == ["rules.yml:2: rule 'a': another rule on line 1 has this name"]


def test_what_is_not_yaml_is_said_with_its_line() -> None:
    (mistake,) = mistakes_of("- name: a\n  block: {items: [x}\n")
    assert mistake.startswith("rules.yml:2: this is not YAML")


def test_a_mapping_of_rules_is_not_a_list() -> None:
    (mistake,) = mistakes_of("rules:\n  - name: a\n")
    assert mistake == "rules.yml:1: a list of rules, each beginning with `- name:`, expected, got keys with values"


def test_a_date_that_ends_before_it_begins_is_refused() -> None:
    (mistake,) = mistakes_of("- {name: a, block: {items: [x]}, from: 2026-02-01, until: 2026-01-01}")
    assert "until: 2026-01-01 is before `from`, 2026-02-01" in mistake
