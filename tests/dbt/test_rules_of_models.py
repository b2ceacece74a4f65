"""A test of a model's rules fails for each kind of rule, and names the one that is broken."""

import shutil

import duckdb
import pytest
from hand_made_shop import settings_for

from jobs.warehouse.run_dbt import run
from reco_contracts.errors import ValidationFailedError
from reco_contracts.settings import Settings

TESTS = (
    "int_events_deduplicated_keeps_its_rules", "fct_sessions_keeps_its_rules", "int_events_keyed_keeps_its_rules",
    "marts_name_users_and_items_that_there_are",
)  # fmt: skip
BROKEN = {
    "event_id: unique": "insert into {events} from {events} limit 1",
    "user_id is not null": "insert into {events} (event_id, item_id, event_type) values ('x', 'i', 'view')",
    "event_type has a value that is accepted": (
        "insert into {events} (event_id, user_id, item_id, event_type) values ('y', 'u', 'i', 'stare')"
    ),
    "last_as_long_as_their_ends_say": "update marts.fct_sessions set duration_ms = -1",
    "file_sha, line_number: unique": "update intermediate.int_events_keyed set file_sha = 'one', line_number = 1",
}


@pytest.fixture(scope="module")
def broken_shop(tmp_path_factory: pytest.TempPathFactory, shop: Settings) -> Settings:
    """The hand-made shop, rows of which were changed behind dbt's back."""
    folder = tmp_path_factory.mktemp("broken") / "data"
    shutil.copytree(shop.layout.root, folder, ignore=shutil.ignore_patterns("dbt"))
    settings = settings_for(folder)
    with duckdb.connect(settings.layout.warehouse) as connection:
        connection.execute("update marts.feat_user_daily set user_id = 'nobody'")
        for statement in BROKEN.values():
            connection.execute(statement.format(events="intermediate.int_events_deduplicated"))
    return settings


def test_each_broken_rule_is_named_with_its_rows(broken_shop: Settings) -> None:
    with pytest.raises(ValidationFailedError) as failure:
        run(["test", "--select", *TESTS, "--quiet"], broken_shop, all_dates=True)
    said = str(failure.value)
    assert [rule for rule in BROKEN if f"rule = {rule}, failing_rows = " not in said] == []
    assert "mart = feat_user_daily, unknown_id = nobody, failing_rows = " in said
    assert said.count("rule = ") == len(BROKEN), "a rule that holds was named too:\n" + said


def test_a_rule_is_held_against_the_dates_that_changed_alone(broken_shop: Settings) -> None:
    """Nothing was built since the tests passed: what was broken by hand is found when all dates are asked for."""
    assert run(["test", "--select", *TESTS, "--quiet"], broken_shop)["tests"] == len(TESTS)
