"""Every line that ever came is accounted for in rpt_data_quality: repaired, late, duplicate, or taken out."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hand_made_shop import settings_for

from jobs.landing.import_log import run_import
from jobs.landing.list_files import run as list_files
from jobs.landing.read_quarantine import Choice, run_show
from jobs.landing.replay_rows import run as replay
from jobs.landing.unland_files import run as unland
from jobs.warehouse.export_marts import landing_totals, open_warehouse
from jobs.warehouse.run_dbt import run
from reco_contracts.settings import Settings

Query = Callable[[Settings, str], list[tuple[Any, ...]]]
MODELS = ["--select", "+rpt_data_quality", "+fct_interactions"]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "user_id,item_id,event_type,occurred_at\n"
MONDAY = ["u1,i1,view,2026-02-01", "u1,i1,view,2026-02-01", ",i2,view,2026-02-01", "u2,i2,click,2026-02-02",
          "u3,i3,view,soon", "u4"]  # fmt: skip
TUESDAY = ["u1,i1,view,2026-02-01", "u5,i5,view,2026-01-31", "u6,i6,dismiss,2026-02-03"]


@pytest.fixture(scope="module")
def repaired_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two deliveries, of which one is repaired; built with all its tests."""
    folder = tmp_path_factory.mktemp("repaired")
    settings = settings_for(folder / "data")
    for hours, (name, lines) in enumerate((("monday.csv", MONDAY), ("tuesday.csv", TUESDAY))):
        (folder / name).write_text(HEADER + "\n".join(lines) + "\n")
        run_import(folder / name, "auto", {}, settings, NOW + timedelta(hours=hours))
    rows = folder / "rows.jsonl"
    run_show(settings, Choice(), None, rows)
    nobody, somebody = '"user_id":null,"item_id":"i2"', '"user_id":"u9","item_id":"i2"'
    rows.write_text(rows.read_text().replace('"soon"', '"2026-01-15"').replace(nobody, somebody))
    assert replay(rows, settings, NOW + timedelta(hours=2))["landed"] == 2
    run(["build", *MODELS, "--exclude-resource-type", "unit_test", "--warn-error", "--quiet"], settings)
    return settings


def test_each_file_and_day_says_what_became_of_its_lines(repaired_shop: Settings, query: Query) -> None:
    found = query(
        repaired_shop,
        """
        select file_name, event_date, lines_in, landed_rows, quarantined_rows, replayed_rows, late_rows, duplicate_rows
        from marts.rpt_data_quality_daily order by file_name, event_date nulls last
        """,
    )
    day = date
    assert found == [
        ("monday.csv", day(2026, 2, 1), 3, 2, 0, 1, 0, 1),
        ("monday.csv", day(2026, 2, 2), 1, 1, 0, 0, 0, 0),
        ("monday.csv", None, 2, 0, 1, 1, 0, 0),
        ("monday.csv (repaired)", day(2026, 1, 15), 1, 1, 0, 0, 1, 0),
        ("monday.csv (repaired)", day(2026, 2, 1), 1, 1, 0, 0, 1, 0),
        ("tuesday.csv", day(2026, 1, 31), 1, 1, 0, 0, 1, 0),
        ("tuesday.csv", day(2026, 2, 1), 1, 1, 0, 0, 0, 1),
        ("tuesday.csv", day(2026, 2, 3), 1, 1, 0, 0, 0, 0),
    ]


def test_the_lines_of_the_sources_add_up_over_all_files(repaired_shop: Settings, query: Query) -> None:
    totals = query(
        repaired_shop,
        """
        select sum(lines_in) filter (where replays is null), sum(landed_rows), sum(quarantined_rows),
            sum(duplicate_rows), sum(kept_rows)
        from marts.rpt_data_quality
        """,
    )
    assert totals == [(len(MONDAY) + len(TUESDAY), 8, 1, 2, 6)]
    with open_warehouse(repaired_shop.layout) as warehouse:
        counted = landing_totals(warehouse)["events"]
    listed = list_files(repaired_shop)
    for name in ("lines_in", "landed", "quarantined"):
        assert counted[name] == listed[name], name


def test_a_copy_takes_the_place_of_what_is_taken_out(repaired_shop: Settings, query: Query) -> None:
    """The last test of the module: it changes the shop."""
    ask = "select user_id, item_id, event_date, views, clicks, dismissals from marts.fct_interactions order by all"
    of_monday = [("u2", "i2", date(2026, 2, 2), 0, 1, 0), ("u3", "i3", date(2026, 1, 15), 1, 0, 0),
                 ("u9", "i2", date(2026, 2, 1), 1, 0, 0)]  # fmt: skip
    of_tuesday = [("u1", "i1", date(2026, 2, 1), 1, 0, 0), ("u5", "i5", date(2026, 1, 31), 1, 0, 0),
                  ("u6", "i6", date(2026, 2, 3), 0, 0, 1)]  # fmt: skip
    assert query(repaired_shop, ask) == sorted(of_monday + of_tuesday)
    unland("monday.csv", repaired_shop, NOW)
    run(["run", *MODELS, "--quiet"], repaired_shop)
    assert query(repaired_shop, ask) == of_tuesday
    ask_files = "select file_name, state, duplicate_rows, kept_rows from marts.rpt_data_quality order by file_name"
    assert query(repaired_shop, ask_files) == [
        ("monday.csv", "unlanded", 0, 0),
        ("monday.csv (repaired)", "unlanded", 0, 0),
        ("tuesday.csv", "landed", 0, 3),
    ]
