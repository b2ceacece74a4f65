"""What is bought together, and not in each other's place."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_shop import items_frame

from jobs.ranking import count_baskets
from jobs.ranking.count_baskets import count_pairs, likelihood_ratio, make_baskets
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.make_also_bought_lists import also_bought_lists, item_kinship
from jobs.ranking.make_similar_lists import closest_categories
from reco_contracts.list_settings import AlsoBoughtSurface
from reco_contracts.reasons import Reason

PRINTERS, CARTRIDGES, PAPER, N_ITEMS = range(5), range(5, 10), 10, 40
RULES = AlsoBoughtSurface(k=5)


def log_of(baskets: list[tuple[int, int, set[int]]], n_items: int = N_ITEMS) -> Interactions:
    """A log of (user, age in days, items), as `make_interactions` gives it."""
    rows = sorted((user, item, -age) for user, age, items in baskets for item in items)
    users, items, ages = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    n = len(rows)
    return Interactions(users, items, -ages, np.ones(n), np.ones(n, dtype=bool), int(users.max()) + 1, n_items)


def office() -> list[tuple[int, int, set[int]]]:
    """Who buys printer p buys its cartridge, now or a week later, and some compare two printers; all buy paper."""
    rng = np.random.default_rng(3)
    baskets: list[tuple[int, int, set[int]]] = []
    for user in range(200):
        printer = user % 5
        basket = {printer, CARTRIDGES[printer]} if user % 2 else {printer, (printer + 1) % 5}
        baskets.append((user, int(rng.integers(30)), basket | ({PAPER} if user % 3 else set())))
        baskets.append((user, 40 + int(rng.integers(20)), {PAPER, int(rng.integers(11, N_ITEMS))}))
    return baskets


def office_items() -> pl.DataFrame:
    changes = {
        f"item-{number:02d}": {"title": f"Printer model {number}", "categories": ["office", "printers"]}
        for number in PRINTERS
    } | {
        f"item-{number:02d}": {"title": f"Cartridge black {number}", "categories": ["office", "cartridges"]}
        for number in CARTRIDGES
    }
    return items_frame(changes, N_ITEMS)


def lists_of(
    log: Interactions,
    items: pl.DataFrame | None = None,
    rules: AlsoBoughtSurface = RULES,
    available: np.ndarray | None = None,
) -> dict[str, list[int]]:
    items = office_items() if items is None else items
    kinship = item_kinship(items, closest_categories(items, "tree"))
    is_available = np.ones(len(items), dtype=bool) if available is None else available
    block = also_bought_lists(log, items["item_id"], kinship, is_available, rules)
    if block is None:
        return {}
    for row, name in enumerate(block.subjects):
        used = block.items[row] >= 0
        assert set(block.reasons[row][used]) == {Reason.BOUGHT_TOGETHER}
        assert set(block.seeds[row][used]) == {int(name[-2:])}
        assert (np.diff(block.scores[row]) <= 0).all()
    return {
        name: [int(item) for item in row if item >= 0] for name, row in zip(block.subjects, block.items, strict=True)
    }


def test_a_printer_leads_to_its_cartridge_and_not_to_another_printer_or_to_what_all_buy() -> None:
    lists = lists_of(log_of(office()))
    for number in PRINTERS:
        assert lists[f"item-{number:02d}"][0] == CARTRIDGES[number]
        assert lists[f"item-{CARTRIDGES[number]:02d}"] == [number]
        assert not set(lists[f"item-{number:02d}"]) & set(PRINTERS)


def test_without_damping_substitutes_that_are_bought_together_are_listed() -> None:
    lists = lists_of(log_of(office()), rules=RULES.model_copy(update={"substitutes_damping": 0.0}))
    assert set(lists["item-00"]) & set(PRINTERS)


def test_what_is_not_on_sale_is_no_partner_but_has_partners() -> None:
    available = np.ones(N_ITEMS, dtype=bool)
    available[CARTRIDGES[0]] = False
    lists = lists_of(log_of(office()), available=available)
    assert CARTRIDGES[0] not in lists.get("item-00", [])
    assert lists[f"item-{CARTRIDGES[0]:02d}"] == [0]


def test_a_wider_period_fills_lists_behind_the_baskets() -> None:
    """Items 0 and 1 share baskets; 0 and 3 are bought by the same people a week apart."""
    baskets = [(user, 3, {0, 1}) for user in range(20)] + [(user, 10, {3}) for user in range(20)]
    log, items = log_of([*baskets, *((user, 50, {20 + user % 7}) for user in range(20, 200))]), items_frame()
    assert lists_of(log, items)["item-00"] == [1, 3]
    assert lists_of(log, items, RULES.model_copy(update={"wider_days": 1}))["item-00"] == [1]


def test_the_habit_of_one_user_is_nobody_elses_business() -> None:
    log = log_of([*((0, age, {0, 1}) for age in range(50)), *((user, 5, {20 + user % 9}) for user in range(1, 300))])
    assert lists_of(log) == {}


def test_a_basket_of_ten_thousand_items_is_left_out() -> None:
    """Ten of them would be a billion pairs."""
    many = 10_000
    flood = [(300 + user, 3, set(range(many))) for user in range(10)]
    log, flooded = log_of(office(), many), log_of([*office(), *flood], many)
    assert make_baskets(flooded, 1, 100).cells.nnz == make_baskets(log, 1, 100).cells.nnz
    items = pl.concat([office_items(), items_frame(n_items=many).slice(N_ITEMS)])
    assert lists_of(flooded, items) == lists_of(log, items)


def test_the_size_of_a_block_changes_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lists_of(log_of(office()))
    monkeypatch.setattr(count_baskets, "_BLOCK_CELLS", 3)
    assert lists_of(log_of(office())) == whole


def test_ties_are_broken_by_item() -> None:
    log = log_of([*((user, 3, {0, 3, 2, 1}) for user in range(9)), *((user, 3, {30}) for user in range(9, 99))])
    items = items_frame(n_items=N_ITEMS).with_columns(categories=pl.lit([], dtype=pl.List(pl.String)))
    assert lists_of(log, items)["item-02"] == [0, 1, 3]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.sets(st.integers(0, 5), min_size=1)), min_size=1),
    st.integers(1, 3),
)
def test_pairs_are_those_of_a_plain_count(baskets: list[tuple[int, int, set[int]]], days: int) -> None:
    log = log_of(list({(user, age): (user, age, items) for user, age, items in baskets}.values()), 6)
    found = {
        (int(item), int(other)): float(evidence)
        for pairs in count_pairs(make_baskets(log, days, 100), 1, 0)
        for item, other, _, evidence in zip(*pairs, strict=True)
    }
    assert found == pytest.approx(plain_pairs(log, days), abs=1e-6)


def plain_pairs(log: Interactions, days: int) -> dict[tuple[int, int], float]:
    """The same by hand, for users with few baskets."""
    held: dict[tuple[int, int], set[int]] = {}
    owned: dict[int, set[int]] = {}
    for user, item, age in zip(log.users.tolist(), log.items.tolist(), log.age_days.tolist(), strict=True):
        held.setdefault((user, age // days), set()).add(item)
        owned.setdefault(user, set()).add(item)
    total = len(held)
    singles = Counter(item for items in held.values() for item in items)
    together = Counter(pair for items in held.values() for pair in combinations(sorted(items), 2))
    result = {}
    for (one, other), count in together.items():
        people = sum(1 for items in owned.values() if {one, other} <= items)
        if people < 2 or count <= singles[one] * singles[other] / total:
            continue
        table = [
            [count, singles[one] - count],
            [singles[other] - count, total - singles[one] - singles[other] + count],
        ]
        ratio = 2 * sum(
            seen * math.log(seen * total / (sum(row) * (table[0][column] + table[1][column])))
            for row in table
            for column, seen in enumerate(row)
            if seen
        )
        result[one, other] = result[other, one] = math.sqrt(max(ratio, 0))
    return result


def test_the_likelihood_ratio_is_dunnings() -> None:
    """The table of his example "the swiss", 110 and 2,442 and 111 and 29,114: 270.72."""
    one, other, together = np.array([110.0 + 2442.0]), np.array([110.0 + 111.0]), np.array([110.0])
    assert likelihood_ratio(together, one, other, 110.0 + 2442 + 111 + 29114) == pytest.approx([270.72], abs=0.01)
