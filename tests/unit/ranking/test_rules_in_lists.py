"""Business rules in the lists of a whole ranking: who may see what, where things stand, and what is counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from small_shop import GONE, RUN_DATE, interaction, items_frame
from test_rank_lists import read_lists

from jobs.evaluation import evaluate_models
from jobs.operations.report_run import describe_run
from jobs.ranking import train_model
from jobs.ranking.fold_in_users import fold_in_lists, load_home_ranking
from jobs.ranking.rank_lists import run
from jobs.rules.describe_rules import report_of
from jobs.rules.taken_down import TakenDown, changing_taken_down
from jobs.warehouse.read_marts import read_interactions, read_users
from reco_contracts.artifacts import complete_versions
from reco_contracts.columns import DIM_USERS
from reco_contracts.errors import ConfigError
from reco_contracts.reasons import Reason

ITEMS = [f"item-{number:02d}" for number in range(40)]
GONE_AT = {"available_until": datetime(2026, 3, 31, 9, tzinfo=UTC)}
# Markets by the tens, years of birth by the last but one digit: user-00 to user-09 are of no market.
PEOPLE = {
    f"user-{number:02d}": {
        "market": (None, "SE", "NO", "DK")[number // 10 % 4],
        "birth_year": (None, 2000, 2014)[number % 3],
    }
    for number in range(80)
}


@pytest.fixture
def rank(make_shop) -> Callable[..., tuple[Any, Any]]:
    """Ranks a shop with a rules file, items and people as said; gives the shop and the lists by surface."""

    def run_all(
        text: str,
        items: dict[str, dict[str, Any]] | None = None,
        rows: list[dict[str, Any]] | None = None,
        **sections: Any,
    ) -> tuple[Any, Any]:
        shop = make_shop(rows, items=items_frame({GONE: GONE_AT} | (items or {})), **sections)
        path = shop.settings.layout.export(DIM_USERS.name)
        people = pl.read_parquet(path)
        facts = pl.DataFrame([{"user_id": user, **facts} for user, facts in PEOPLE.items()])
        people.update(facts.cast({"birth_year": pl.Int32}), on="user_id").write_parquet(path)
        shop.settings.rules_file.write_text(text)
        if not complete_versions(shop.settings.layout.models):
            evaluate_models.run(RUN_DATE, shop.settings)
            train_model.run(RUN_DATE, shop.settings)
        generation = run(RUN_DATE, shop.settings)["generation"]
        return shop, read_lists(shop, generation)

    return run_all


def shown(lists, surface: str = "home") -> dict[str, list[str]]:
    return {subject: [entry[0] for entry in entries] for subject, entries in lists[surface].items()}


def everything(lists) -> set[str]:
    return {item for surface in lists for items in shown(lists, surface).values() for item in items}


def of_market(market: str | None) -> set[str]:
    return {user for user, facts in PEOPLE.items() if facts["market"] == market}


def test_what_is_blocked_is_in_no_list_of_any_surface(rank) -> None:
    shop, lists = rank(
        """
- name: recall
  block: {items: [item-02], brands: [Bad]}
- name: sold out
  out_of_stock: [item-05]
""",
        {"item-07": {"brand": "Bad"}, "item-08": {"brand": "Bad"}},
    )
    assert not everything(lists) & {"item-02", "item-05", "item-07", "item-08"}
    assert {len(items) for items in shown(lists).values()} == {8}
    report = describe_run(RUN_DATE, shop.settings.layout)["rules"]
    assert report["home.recall"] == "block, 3 items, 80 home lists: 240 times an item kept out of the candidates"
    assert report["popular.sold out"].startswith("out_of_stock, 1 items, ")


def test_surfaces_beside_home_follow_the_rules_of_whoever_reads_them(rank) -> None:
    """Everybody buys two items again and again; one of them is kept from Sweden, and so from lists for all."""
    rows = [
        interaction(RUN_DATE - timedelta(days=age), user, item)
        for user in PEOPLE
        for item in ("item-02", "item-04")
        for age in range(0, 60, 5)
    ]
    surfaces = {"home": {"k": 8}, "also_bought": {"min_evidence": 0.0}, "again": {"min_probability": 0.0}}
    shop, lists = rank("- {name: law, block: {items: [item-04]}, where: {markets: [SE]}}", rows=rows, surfaces=surfaces)
    again = shown(lists, "again")
    assert {"item-02"} == set().union(*(again[user] for user in of_market("SE")))
    assert {"item-02", "item-04"} == set().union(*(again[user] for user in of_market("NO")))
    shared = {surface: lists[surface] for surface in lists if surface not in ("home", "again")}
    assert "item-02" in everything(shared)
    assert "item-04" not in everything(shared)
    counted = {row["surface"]: row for row in report_of(shop.settings, None)["rules"] if row["rule"] == "law"}
    # Who is not known to live anywhere may live in Sweden.
    assert counted["again"]["lists"] == len(of_market("SE") | of_market(None))


def test_an_allow_list_is_all_that_its_segment_sees(rank) -> None:
    _, lists = rank("- {name: evens, allow: {categories: [even low]}, where: {segments: [even]}}")
    low = set(ITEMS[0:20:2]) - {GONE}
    for user, items in shown(lists).items():
        assert (set(items) <= low) == (int(user[-1]) % 2 == 0)
    assert not everything({"popular": lists["popular"]}) <= low, "a list for everybody is of no segment"


def test_a_market_decides_and_who_has_none_sees_what_every_market_may_see(rank) -> None:
    _, lists = rank(
        "- {name: law, block: {items: [item-11]}, where: {markets: [SE]}}",
        {"item-09": {"markets": ["NO", "DK"]}, "item-13": {"markets": ["SE", "NO", "DK"]}},
        surfaces={"home": {"k": 39, "new_items_share": 0.0, "exclude_seen": "off"}},
    )
    home = shown(lists)
    seen = {market: set.intersection(*(set(home[user]) for user in of_market(market))) for market in ("SE", "NO", None)}
    ever = {market: set.union(*(set(home[user]) for user in of_market(market))) for market in ("SE", "NO", None)}
    assert {"item-09", "item-11"} & ever["SE"] == set()
    assert {"item-09", "item-11"} <= seen["NO"]
    assert {"item-09", "item-11"} & ever[None] == set()
    assert "item-13" in seen["SE"] & seen["NO"] & seen[None]
    for surface in ("similar", "popular"):
        assert not everything({surface: lists[surface]}) & {"item-09", "item-11"}


@pytest.mark.parametrize("unknown_age", ["child", "adult"])
def test_an_age_rating_holds_for_the_years_surely_lived(rank, unknown_age: str) -> None:
    """Lists of 31 March 2026 are shown in April: born in 2014 is 11 or 12, and has surely lived 11 years."""
    _, lists = rank(
        "- {name: spirits, min_age: {items: [item-06], years: 18}}",
        {"item-10": {"min_age": 12}, "item-14": {"min_age": 11}, "item-18": {"min_age": 0}},
        surfaces={"home": {"k": 39, "new_items_share": 0.0, "exclude_seen": "off"}},
        rules={"unknown_age": unknown_age},
    )
    home = shown(lists)
    rated = {"item-06", "item-10", "item-14", "item-18"}
    of_year = {None: rated if unknown_age == "adult" else {"item-18"}, 2000: rated, 2014: {"item-14", "item-18"}}
    for user, facts in PEOPLE.items():
        assert rated & set(home[user]) == of_year[facts["birth_year"]]
    assert rated & everything({"popular": lists["popular"]}) == of_year[None]


def test_the_catalogues_own_facts_hold_without_a_file(rank) -> None:
    shop, lists = rank("", {"item-10": {"min_age": 99}})
    assert "item-10" not in everything(lists)
    assert "home.(age ratings)" in describe_run(RUN_DATE, shop.settings.layout)["rules"]


def test_news_goes_after_its_days(rank) -> None:
    def came(days_before: int) -> dict[str, Any]:
        return {"available_from": datetime(2026, 3, 31, 8, tzinfo=UTC) - timedelta(days=days_before)}

    _, lists = rank(
        "- {name: news, fresh: {categories: [odd high], days: 7}}",
        {"item-21": came(0), "item-23": came(6), "item-25": came(7), "item-26": came(300)}
        | {item: came(50) for item in ITEMS[27::2]},
        surfaces={"home": {"k": 39, "new_items_share": 0.0, "exclude_seen": "off"}},
    )
    assert {item for item in everything(lists) if item in ITEMS[21::2]} == {"item-21", "item-23"}
    assert "item-26" in everything(lists)


def test_rules_hold_on_their_days_and_lists_are_shown_on_the_day_after_the_run(rank) -> None:
    _, lists = rank(
        """
- {name: until the run, block: {items: [item-02]}, until: 2026-03-31}
- {name: from the day after, block: {items: [item-03]}, from: 2026-04-01}
- {name: later, block: {items: [item-04]}, from: 2026-04-02}
"""
    )
    assert {"item-02", "item-03", "item-04"} & everything(lists) == {"item-02", "item-04"}


def test_pins_stand_at_their_places_except_for_who_has_the_item(rank) -> None:
    shop, lists = rank(
        """
- {name: lead, pin: {item: item-20, position: 1}}
- {name: third, pin: {item: item-21, position: 3, surfaces: [home, popular, similar]}}
- {name: odd ones, pin: {item: item-39, position: 4}, where: {segments: [odd]}}
"""
    )
    bought = shop.interactions.group_by("user_id").agg("item_id")
    has = {user: set(items) for user, items in bought.iter_rows()}
    for user, entries in lists["home"].items():
        items = [entry[0] for entry in entries]
        pinned = [entry[0] for entry in entries if entry[2] == Reason.PINNED]
        expected = ["item-20", "item-21", *(["item-39"] if int(user[-1]) % 2 else [])]
        assert pinned == [item for item in expected if item not in has[user]]
        assert len(set(items)) == len(items) == 8
        if not has[user] & set(expected):
            assert (items[0], items[2]) == ("item-20", "item-21")
            assert (items[3] == "item-39") == (int(user[-1]) % 2 == 1)
    assert shown(lists, "popular")["30|"][2] == "item-21"
    assert "item-21" not in shown(lists, "popular")["30|even"]
    assert shown(lists, "similar")["item-04"][2] == "item-21"
    assert "item-21" not in shown(lists, "similar")["item-21"]
    counted = {row["rule"]: row for row in report_of(shop.settings, None)["rules"] if row["surface"] == "home"}
    assert counted["odd ones"]["lists"] == 40
    assert counted["lead"]["places"] == sum("item-20" not in items for items in has.values())


def test_what_was_taken_down_by_hand_is_out_of_the_next_lists(rank) -> None:
    shop, _ = rank("")
    with changing_taken_down(shop.settings.layout) as items:
        items["item-04"] = TakenDown("2026-04-01T08:00:00+00:00")
    shop, lists = rank("")
    assert "item-04" not in everything(lists)
    assert report_of(shop.settings, None)["taken_down"] == ["item-04"]


def test_users_who_are_folded_in_get_the_lists_of_the_generations_rules(rank) -> None:
    shop, lists = rank(
        """
- {name: law, block: {items: [item-11]}, where: {markets: [SE]}}
- {name: lead, pin: {item: item-20, position: 1}}
""",
        {"item-10": {"min_age": 12}},
    )
    shop.settings.rules_file.unlink()
    layout = shop.settings.layout
    home = load_home_ranking(layout, complete_versions(layout.lists)[-1], threads=1)
    everybody = pl.Series("user_id", list(PEOPLE))
    history = read_interactions(layout, RUN_DATE)
    blocks = list(fold_in_lists(home, everybody, history, shop.items, read_users(layout)))
    folded = np.concatenate([block.items for block in blocks])
    assert [[ITEMS[item] for item in row] for row in folded] == list(shown(lists).values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: a, block: {items: [item-40]}}", "rules.yml:1: rule 'a': unknown item 'item-40' (40 are known)"),
        (
            "- name: a\n  pin: {item: item-20, position: 2}\n- name: b\n  pin: {item: item-21, position: 2}\n",
            "rules.yml:3: rule 'b': pins 'item-21' to position 2, where rule 'a' on line 1 pins 'item-20'",
        ),
        ("\n- {name: none, allow: {items: [item-00]}}", "rules.yml:2: rule 'none': allow: leaves 0 of 39 items"),
    ],
)
def test_bad_rules_stop_the_run_before_anything_is_made(rank, make_shop, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rank(text)
    assert said in str(refused.value)
    assert complete_versions(make_shop().settings.layout.lists) == []
