"""Twenty simulated days, landed in random order with copies and late rows, are the same days landed in order.

The shop comes three times: as it is written, a file a day; with copies and late rows, landed in order of day; and the
same files in random order, built in between. Marts are equal row by row over all three. What tells which file a row
came in can only be compared between the last two, and not where it depends on which came first. Marts of published
lists are apart: nothing is published here, and no event is read for them.
"""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from compare_marts import assert_same_tables, tables
from hand_made_shop import settings_for

from jobs.landing.land_inbox import run as land_inbox
from jobs.landing.ledger import read_entries
from jobs.simulation.simulate_shop import ShopSize
from jobs.simulation.simulate_shop import run as simulate
from jobs.warehouse.run_dbt import run
from reco_contracts.artifacts import replace_file
from reco_contracts.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIZE = ShopSize(users=200, items=100, days=20, seed=3, start=date(2024, 3, 1))
DUPLICATE_SHARE, LATE_SHARE, BROKEN_A_DAY = 0.05, 0.03, 2
NOW = datetime(2024, 4, 1, tzinfo=UTC)
MODELS = ["run", "--select", "tag:inputs", "--quiet"]
ACCOUNT = ("marts.rpt_data_quality", "marts.rpt_data_quality_daily")
# When a file was landed, whether its days were over by then, and which of two copies came first.
OF_ORDER = {"landed_at", "late_rows", "duplicate_rows", "kept_rows", "rows_in_marts"}
Files = dict[str, str]


def written(folder: Path) -> Files:
    """The shop as it was: path below the inbox -> text."""
    simulate(SIZE, folder)
    paths = [path for kind in ("events", "items", "users") for path in sorted((folder / kind).glob("*.csv"))]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def with_copies_and_late_rows(files: Files) -> tuple[Files, Counter[str]]:
    """The same days; rows that came with a later file, rows that came twice, and rows that are broken."""
    rng = random.Random(11)  # noqa: S311 - a repeatable draw
    days = [name for name in files if name.startswith("events/")]
    headers = {name: files[name].splitlines()[0] for name in days}
    rows: dict[str, list[str]] = {name: [] for name in days}
    counts: Counter[str] = Counter()
    for number, name in enumerate(days):
        for row in files[name].splitlines()[1:]:
            is_late = rng.random() < LATE_SHARE and name != days[-1]
            rows[rng.choice(days[number + 1 :]) if is_late else name].append(row)
            is_copied = rng.random() < DUPLICATE_SHARE
            if is_copied:
                rows[rng.choice(days[number:])].append(row)
            counts.update(rows=1, late=is_late, copies=is_copied)
        rows[name] += [f",item-001,view,,soon{',' * (headers[name].count(',') - 4)}"] * BROKEN_A_DAY
    return files | {name: "\n".join([headers[name], *rows[name]]) + "\n" for name in days}, counts


def land_in_order(settings: Settings, files: Files, order: list[str], builds_after: set[int]) -> None:
    """Land one file an hour, build when so many have come, and once at the end."""
    for number, name in enumerate(order, start=1):
        with replace_file(settings.layout.inbox / name) as path:
            path.write_text(files[name])
        land_inbox(settings, NOW + timedelta(hours=number))
        if number in builds_after or number == len(order):
            run(MODELS, settings)


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Settings]:
    """The shop as written, with copies and late rows in order, and the same in random order."""
    root = tmp_path_factory.mktemp("orders")
    clean = written(root / "log")
    dirty, counts = with_copies_and_late_rows(clean)
    assert counts["copies"] / counts["rows"] == pytest.approx(DUPLICATE_SHARE, rel=0.1)
    assert counts["late"] / counts["rows"] == pytest.approx(LATE_SHARE, rel=0.1)
    shuffled = random.Random(5).sample(list(dirty), len(dirty))  # noqa: S311 - the same
    settings = {name: settings_for(root / name) for name in ("clean", "in_order", "shuffled")}
    land_in_order(settings["clean"], clean, list(clean), set())
    land_in_order(settings["in_order"], dirty, list(dirty), set())
    land_in_order(settings["shuffled"], dirty, shuffled, {9, 21})
    return settings


@pytest.fixture(scope="module")
def marts(shops: dict[str, Settings]) -> dict[str, dict[str, pl.DataFrame]]:
    return {
        name: {mart: table for mart, table in tables(settings).items() if mart.startswith("marts.")}
        for name, settings in shops.items()
    }


@pytest.mark.parametrize("name", ["in_order", "shuffled"])
def test_every_mart_is_the_same_row_by_row(name: str, marts: dict[str, dict[str, pl.DataFrame]]) -> None:
    """The account of the files is apart: copies, late and broken rows are what it counts."""

    def of_shop(name: str) -> dict[str, pl.DataFrame]:
        return {mart: table for mart, table in marts[name].items() if mart not in ACCOUNT and "quarantine" not in mart}

    assert len(of_shop("clean")) == 14
    assert of_shop("clean")["marts.fct_impressions"].height > 500
    assert_same_tables(of_shop("clean"), of_shop(name))


def test_the_account_of_each_file_is_the_same_but_for_which_copy_came_first(
    marts: dict[str, dict[str, pl.DataFrame]],
) -> None:
    in_order, shuffled = marts["in_order"], marts["shuffled"]
    for mart in ACCOUNT:
        kept = [name for name in in_order[mart].columns if name not in OF_ORDER]
        assert len(kept) >= 8
        assert_same_tables(*({mart: shop[mart].select(kept).sort(pl.all())} for shop in (in_order, shuffled)))
        assert in_order[mart]["duplicate_rows"].to_list() != shuffled[mart]["duplicate_rows"].to_list()
    reasons = "marts.rpt_quarantine_reasons"
    assert in_order[reasons]["quarantined_rows"].sum() == BROKEN_A_DAY * SIZE.days
    assert_same_tables({reasons: in_order[reasons]}, {reasons: shuffled[reasons]})


def test_the_sums_over_all_files_are_the_same(marts: dict[str, dict[str, pl.DataFrame]]) -> None:
    """However copies lose, as many do; by day too, for a copy lies on the day of its original."""
    daily = "marts.rpt_data_quality_daily"
    summed = ["lines_in", "landed_rows", "quarantined_rows", "duplicate_rows", "kept_rows", "rows_in_marts"]

    def sums(name: str) -> pl.DataFrame:
        days = marts[name][daily].filter(pl.col("kind") == "events")
        return days.group_by("event_date").agg(pl.col(summed).sum()).sort("event_date")

    assert_same_tables({daily: sums("in_order")}, {daily: sums("shuffled")})
    kept = ["event_date", "kept_rows", "rows_in_marts"]
    dated = sums("in_order").filter(pl.col("event_date").is_not_null())
    assert_same_tables({daily: sums("clean").select(kept)}, {daily: dated.select(kept)})
    assert dated["duplicate_rows"].sum() > 50


def test_rows_came_late_in_both_orders(shops: dict[str, Settings]) -> None:
    for name in ("in_order", "shuffled"):
        assert sum(entry.late_rows for entry in read_entries(shops[name].layout)) > 50, name
