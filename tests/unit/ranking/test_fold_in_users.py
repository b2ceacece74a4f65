"""Lists without training: equal to a full ranking, from marts, files and clicks, complete or absent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from small_shop import COLD, N_USERS, RUN_DATE, interaction, items_frame, shop_rows, users_frame
from test_cold_start_lists import CONTENT, ITEMS, RANKED, SILENT
from typer.testing import CliRunner

from jobs.cli.main import app
from jobs.evaluation import evaluate_models
from jobs.ranking import fold_in_users, make_home_lists, rank_lists, train_model
from jobs.ranking.fold_in_users import fold_in_lists, load_home_ranking
from jobs.ranking.weigh_events import HISTORY_SCHEMA
from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.reasons import Reason
from reco_contracts.settings import get_settings

GENERATION = "20260331-001"
NOW = datetime(2026, 4, 2, tzinfo=UTC)
NEXT_DAY = RUN_DATE + timedelta(days=1)


@pytest.fixture
def shop(make_shop):
    """A ranked generation with silent users and a new item."""
    made = make_shop(items=items_frame(ITEMS), surfaces=RANKED, train=CONTENT, silent=SILENT)
    evaluate_models.run(RUN_DATE, made.settings)
    train_model.run(RUN_DATE, made.settings)
    rank_lists.run(RUN_DATE, made.settings)
    return made


@pytest.fixture
def fold_in(shop) -> Callable[..., pl.DataFrame]:
    def run(**arguments: Any) -> pl.DataFrame:
        fold_in_users.run(shop.settings, NOW, generation=GENERATION, **arguments)
        return pl.read_parquet(shop.settings.layout.overlay_file(GENERATION, arguments.get("name", "folded_in")))

    return run


def home_of(shop) -> pl.DataFrame:
    return pl.read_parquet(shop.settings.layout.list_file(GENERATION, "home", "default"))


def assert_same_lists(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Every column equal; scores as far as float32 goes, since a product of one row is not summed like one of many."""
    assert found.drop("scores").equals(expected.drop("scores"))
    for one, other in zip(found["scores"], expected["scores"], strict=True):
        assert one.to_list() == pytest.approx(other.to_list(), rel=1e-5, abs=1e-6)


def write_events(path: Path, rows: list[tuple[str, str, str, str, Any]]) -> Path:
    columns = ("user_id", "item_id", "event_type", "occurred_at", "value")
    pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").write_csv(path)
    return path


def test_folding_everybody_in_gives_the_lists_of_the_full_ranking(shop, fold_in, monkeypatch) -> None:
    full = home_of(shop)
    monkeypatch.setattr(make_home_lists, "BLOCK_USERS", 7)
    assert fold_in(users=full["subject"].to_list()).equals(full)
    reasons = set(full["reasons"].explode())
    assert {Reason.BECAUSE_BOUGHT, Reason.NEW, Reason.POPULAR_IN_SEGMENT} <= reasons


def test_a_user_alone_gets_the_same_list_and_the_order_of_names_does_not_matter(shop, fold_in) -> None:
    full = home_of(shop)
    for users in (["user-07"], ["silent-1", "user-33", "user-08"]):
        assert_same_lists(fold_in(users=users), full.filter(pl.col("subject").is_in(users)))


def test_newest_events_give_the_list_that_ranking_them_all_would_give(shop, fold_in, make_shop, tmp_path) -> None:
    at = f"{NEXT_DAY}T08:00:00Z"
    events = [
        ("newcomer", "item-01", "purchase", at, "1"),
        ("newcomer", "item-03", "purchase", at, "1"),
        ("user-05", "item-07", "purchase", at, "2"),
        ("user-05", "item-09", "impression", at, None),
    ]
    folded = fold_in(events=write_events(tmp_path / "events.csv", events))
    assert folded["subject"].to_list() == ["newcomer", "user-05"]
    bought = [interaction(NEXT_DAY, user, item) for user, item, kind, *_ in events if kind == "purchase"]
    home = load_home_ranking(shop.settings.layout, GENERATION, threads=1)
    people = users_frame(["newcomer"])
    rows = pl.DataFrame([*shop_rows(), *bought]).with_columns(pl.col("weight").cast(pl.Float64)).select(*HISTORY_SCHEMA)
    everybody = pl.Series([f"user-{n:02d}" for n in range(N_USERS)] + ["newcomer"])
    full = {
        subject: items.tolist()
        for block in fold_in_lists(home, everybody, rows, shop.items, people)
        for subject, items in zip(block.subjects, block.items, strict=True)
    }
    for subject, items in folded.select("subject", "item_indices").iter_rows():
        assert items == full[subject]
    ids = home.item_ids.to_list()
    assert "item-07" not in {ids[item] for item in folded["item_indices"][1]}


def test_three_clicks_turn_a_newcomers_list(shop, fold_in) -> None:
    ids = items_frame(ITEMS)["item_id"].to_list()
    before = fold_in(users=["newcomer"], name="before")
    after = fold_in(users=["newcomer"], items=["item-01", "item-03", "item-05"], name="after")
    assert set(before["reasons"][0]) == {Reason.POPULAR, Reason.NEW}
    own = [
        ids[item]
        for item, why in zip(*after.select("item_indices", "reasons").row(0), strict=True)
        if why != Reason.NEW
    ]
    assert {int(item[-2:]) % 2 for item in own[:5]} == {1}


def test_what_the_marts_hold_is_not_counted_twice(shop, fold_in, tmp_path) -> None:
    known = write_events(tmp_path / "known.csv", [("user-07", "item-02", "purchase", f"{RUN_DATE}T23:00:00Z", "1")])
    summary = fold_in_users.run(shop.settings, NOW, generation=GENERATION, users=["user-07"], events=known)
    assert (summary["events"], summary["events_in_marts"], summary["events_rejected"]) == (0, 1, 0)
    assert_same_lists(pl.read_parquet(summary["file"]), home_of(shop).filter(pl.col("subject") == "user-07"))


def test_an_item_gone_from_sale_is_never_folded_in(shop, fold_in) -> None:
    gone = items_frame(ITEMS)["item_id"].to_list().index("item-00")
    lists = fold_in(users=["someone"], items=["item-02", "item-04", "item-00"])
    assert gone not in lists["item_indices"][0].to_list()


def test_rules_are_those_of_the_generation_whatever_the_settings_say_now(shop, make_shop, fold_in) -> None:
    changed = make_shop(
        items=items_frame(ITEMS), train=CONTENT, silent=SILENT, surfaces={"home": {"k": 3, "exclude_seen": "off"}}
    )
    summary = fold_in_users.run(changed.settings, NOW, generation=GENERATION, users=["user-07"])
    assert_same_lists(pl.read_parquet(summary["file"]), home_of(shop).filter(pl.col("subject") == "user-07"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "whose lists"),
        ({"users": ["a", "b"], "items": ["item-01"]}, "2 are named"),
        ({"users": ["a"], "items": ["item-01", "item-77"]}, "item-77 not in"),
        ({"users": ["a"], "name": "../lists"}, "plain file name"),
        ({"users": ["a"], "name": ""}, "plain file name"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(shop, arguments: dict, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        fold_in_users.run(shop.settings, NOW, generation=GENERATION, **arguments)
    assert not (shop.settings.layout.root / "overlays").exists()


def test_a_file_without_a_valid_event_or_an_unknown_generation_is_refused(shop, tmp_path) -> None:
    bad = write_events(tmp_path / "bad.csv", [("a", "item-01", "purchase", "soon", "1")])
    with pytest.raises(ContractError, match="no valid event"):
        fold_in_users.run(shop.settings, NOW, generation=GENERATION, events=bad)
    with pytest.raises(EmptyPartitionError, match="20200101-001"):
        fold_in_users.run(shop.settings, NOW, generation="20200101-001", users=["a"])


def test_the_new_item_is_scored_for_a_newcomer_too(shop, fold_in) -> None:
    index = items_frame(ITEMS)["item_id"].to_list().index(COLD)
    many = fold_in(users=[f"guest-{n}" for n in range(40)])
    assert all(index in items.to_list() for items in many["item_indices"])


def test_the_command_ends_with_where_the_lists_are(shop) -> None:
    get_settings.cache_clear()
    command = ["fold-in", "--generation", GENERATION, "--user", "newcomer", "--items", "item-01, item-03", "--json"]
    try:
        result = CliRunner().invoke(app, command)
    finally:
        get_settings.cache_clear()
    assert result.exit_code == 0, result.output
    summary = msgspec.json.decode(result.stdout.splitlines()[-1])
    assert (summary["generation"], summary["users"], summary["without_history"]) == (GENERATION, 1, 0)
    assert pl.read_parquet(summary["file"])["subject"].to_list() == ["newcomer"]


@pytest.mark.slow
def test_a_hybrid_folds_in_with_the_features_of_the_whole_log(make_shop) -> None:
    shop = make_shop(
        items=items_frame(ITEMS),
        surfaces=RANKED,
        silent=SILENT,
        train={**CONTENT, "model": "hybrid"},
        tune={"trials": 1},
    )
    evaluate_models.run(RUN_DATE, shop.settings)
    train_model.run(RUN_DATE, shop.settings)
    rank_lists.run(RUN_DATE, shop.settings)
    users = ["silent-0", "user-07", "user-12", "user-33"]
    summary = fold_in_users.run(shop.settings, NOW, generation=GENERATION, users=users)
    expected = home_of(shop).filter(pl.col("subject").is_in(users))
    assert_same_lists(pl.read_parquet(summary["file"]), expected)
