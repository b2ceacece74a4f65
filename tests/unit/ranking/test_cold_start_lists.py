"""Users who did nothing yet, and items that nobody has seen yet, in the lists of a generation."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from small_shop import COLD, GONE, RUN_DATE, interaction, items_frame, shop_rows
from test_rank_lists import Lists, read_lists

from jobs.evaluation import evaluate_models
from jobs.ranking import train_model
from jobs.ranking.find_new_items import not_seen_enough
from jobs.ranking.home_fillers import load_fillers
from jobs.ranking.rank_lists import run
from jobs.validate_outputs import validate_lists
from reco_contracts.list_settings import HomeSurface
from reco_contracts.reasons import Reason

IS_NEW = (Reason.NEW, Reason.NEW_IN_CATEGORY)
SILENT = ("silent-0", "silent-1", "silent-x")
RANKED = {"home": {"k": 8, "new_items_share": 0.125}, "similar": {"k": 6}, "popular": {"k": 10}}
CONTENT = {"als": {"factors": [4], "regularization": [1.0], "alpha": [3.0], "half_life_days": [0.0]}}
# Everything else has been on sale for long; this one came yesterday.
OLD = {f"item-{n:02d}": {"available_from": datetime(2025, 1, 1, tzinfo=UTC)} for n in range(39)}
YESTERDAY = datetime.combine(RUN_DATE - timedelta(days=1), time(0), tzinfo=UTC)
ITEMS = OLD | {
    GONE: {"available_until": datetime.combine(RUN_DATE, time(9), tzinfo=UTC)},
    COLD: {"available_from": YESTERDAY},
}


@pytest.fixture
def rank() -> Callable[..., tuple[dict, Lists]]:
    def run_all(shop) -> tuple[dict, Lists]:
        evaluate_models.run(RUN_DATE, shop.settings)
        train_model.run(RUN_DATE, shop.settings)
        summary = run(RUN_DATE, shop.settings)
        return summary, read_lists(shop, summary["generation"])

    return run_all


def favourites(shop, parity: int) -> list[str]:
    """Available items by the users of one segment within the last 30 days."""
    recent = shop.interactions.filter(pl.col("event_date") > RUN_DATE - timedelta(days=30))
    own = recent.filter(pl.col("user_id").str.slice(-1).cast(pl.Int32) % 2 == parity, pl.col("item_id") != GONE)
    counts = own.group_by("item_id").agg(pl.col("user_id").n_unique().alias("users"))
    return counts.sort("users", descending=True)["users"].to_list()


def test_a_user_of_a_snapshot_gets_what_the_own_segment_likes(make_shop, rank) -> None:
    shop = make_shop(silent=SILENT, validate={"data_docs": False})
    summary, lists = rank(shop)
    for user, parity in (("silent-0", 0), ("silent-1", 1)):
        entries = lists["home"][user]
        assert len(entries) == 8
        assert {reason for _, _, reason, _ in entries} == {Reason.POPULAR_IN_SEGMENT}
        assert {int(item[-2:]) % 2 for item, *_ in entries} == {parity}
        assert [int(score) for _, score, _, _ in entries] == favourites(shop, parity)[:8]
    assert validate_lists(summary["generation"], RUN_DATE, shop.settings)["failed"] == []


def test_a_user_without_a_segment_gets_what_everybody_likes(make_shop, rank) -> None:
    _, lists = rank(make_shop(silent=SILENT))
    entries = lists["home"]["silent-x"]
    assert [item for item, *_ in entries] == [item for item, *_ in lists["popular"]["30|"]][:8]
    assert {reason for _, _, reason, _ in entries} == {Reason.POPULAR}


def test_a_segment_of_few_people_says_nothing(make_shop, rank) -> None:
    few = [interaction(RUN_DATE, f"user-{n:02d}", f"item-{n % 2 + 2:02d}") for n in range(12)]
    _, lists = rank(make_shop(few, silent=SILENT))
    assert {reason for _, _, reason, _ in lists["home"]["silent-0"]} == {Reason.POPULAR}


def test_silent_users_can_be_left_to_the_popular_list(make_shop, rank) -> None:
    home = {"k": 8, "new_items_share": 0.0, "silent_users": False}
    _, lists = rank(make_shop(silent=SILENT, surfaces=RANKED | {"home": home}))
    assert not set(SILENT) & set(lists["home"])


def test_a_new_item_gets_its_share_with_those_who_like_its_shelf_first(make_shop, rank) -> None:
    shop = make_shop(items=items_frame(ITEMS), surfaces=RANKED, train=CONTENT, validate={"data_docs": False})
    summary, lists = rank(shop)
    reasons = {user: {entry[0]: entry[2] for entry in entries} for user, entries in lists["home"].items()}
    assert all({item for item in own if own[item] in IS_NEW} <= {COLD} for own in reasons.values())
    # It is the only new item, so whoever does not see it among the first anyway has it in the reserved place.
    assert all(COLD in own for own in reasons.values())
    earned = [user for user, own in reasons.items() if own[COLD] not in IS_NEW]
    assert earned
    assert {int(user[-1]) % 2 for user in earned} == {1}
    assert all(GONE not in own for own in reasons.values())
    assert validate_lists(summary["generation"], RUN_DATE, shop.settings)["failed"] == []


def test_new_items_take_no_first_place_and_stay_explained(make_shop, rank) -> None:
    _, lists = rank(make_shop(items=items_frame(ITEMS), surfaces=RANKED))
    for entries in lists["home"].values():
        assert entries[0][2] not in IS_NEW
        assert len({item for item, *_ in entries}) == len(entries) == 8
    assert sum(entry[2] in IS_NEW for entries in lists["home"].values() for entry in entries) == len(lists["home"])


def test_a_new_item_that_was_shown_enough_is_on_its_own(make_shop, rank) -> None:
    _, lists = rank(make_shop(items=items_frame(ITEMS), surfaces=RANKED, shown={COLD: 1_000}))
    assert not any(entry[2] in IS_NEW for entries in lists["home"].values() for entry in entries)


def test_a_new_item_that_has_gone_from_sale_is_in_no_list(make_shop, rank) -> None:
    gone = ITEMS | {COLD: {"available_from": YESTERDAY, "available_until": YESTERDAY + timedelta(hours=30)}}
    _, lists = rank(make_shop(items=items_frame(gone), surfaces=RANKED, train=CONTENT))
    shown = {entry[0] for surface in lists.values() for entries in surface.values() for entry in entries}
    assert not {GONE, COLD} & shown


def test_ranking_again_gives_the_same_bytes_with_new_items_too(make_shop, rank) -> None:
    shop = make_shop(items=items_frame(ITEMS), surfaces=RANKED, train=CONTENT, silent=SILENT)
    first, _ = rank(shop)
    second = run(RUN_DATE, shop.settings)
    one, two = (
        shop.settings.layout.list_file(summary["generation"], "home", "default").read_bytes()
        for summary in (first, second)
    )
    assert one == two


def test_the_fillers_of_a_generation_are_read_as_they_were(make_shop, rank) -> None:
    shop = make_shop(items=items_frame(ITEMS), surfaces=RANKED)
    summary, lists = rank(shop)
    fillers = load_fillers(shop.settings.layout.lists / summary["generation"], summary["items"])
    ids = pl.read_parquet(shop.settings.layout.catalogue_file(summary["generation"]))["item_id"]
    assert ids.gather(fillers.popular.order[:10]).to_list() == [item for item, *_ in lists["popular"]["30|"]]
    assert set(fillers.segments) == {"even", "odd"}
    assert fillers.new is not None
    assert fillers.new.names == (COLD,)


RULES = HomeSurface(new_item_days=30, new_item_until_impressions=100, new_item_until_users=3)


def new_of(items: dict[str, dict], shown: dict[str, int], rows: list[dict] | None = None) -> list[str]:
    frame = items_frame(OLD | {COLD: OLD["item-01"]} | items)
    history = pl.DataFrame(rows or shop_rows()).select("user_id", "item_id", "weight")
    impressions = pl.DataFrame({"item_id": list(shown), "impressions": list(shown.values())}, schema=_EXPOSURE)
    found = not_seen_enough(frame, np.ones(len(frame), dtype=bool), impressions, history, RUN_DATE, RULES)
    return frame["item_id"].gather(found).to_list()


_EXPOSURE = {"item_id": pl.String, "impressions": pl.Int64}


@pytest.mark.parametrize(
    ("dates", "shown", "expected"),
    [
        ({"available_from": YESTERDAY}, 0, [COLD]),
        ({"available_from": YESTERDAY}, 99, [COLD]),
        ({"available_from": YESTERDAY}, 100, []),
        ({"available_from": YESTERDAY - timedelta(days=40)}, 0, []),
        ({"available_from": None, "first_seen_date": RUN_DATE - timedelta(days=29)}, 5, [COLD]),
        ({"available_from": None, "first_seen_date": RUN_DATE - timedelta(days=30)}, 5, []),
        ({"available_from": None, "first_seen_date": None}, 0, [COLD]),
        ({"available_from": YESTERDAY, "first_seen_date": date(2025, 1, 1)}, 0, [COLD]),
    ],
)
def test_an_item_is_new_while_it_is_young_and_not_shown_enough(dates: dict, shown: int, expected: list[str]) -> None:
    assert new_of({COLD: dates}, {COLD: shown}) == expected


def test_an_item_that_enough_people_chose_is_not_new() -> None:
    rows = [interaction(RUN_DATE, f"user-{n}", COLD) for n in range(3)]
    assert new_of({COLD: {"available_from": YESTERDAY}}, {}, rows[:2]) == [COLD]
    assert new_of({COLD: {"available_from": YESTERDAY}}, {}, rows) == []
