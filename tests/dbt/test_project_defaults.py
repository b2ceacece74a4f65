"""A plain `dbt build` does what `reco dbt build` does with the default settings."""

import re
from pathlib import Path

import yaml

from jobs.warehouse.run_dbt import PROJECT_FOLDER, dbt_command, dbt_environment, dbt_variables
from reco_contracts.reasons import REASONS
from reco_contracts.settings import (
    CatalogueSection,
    EngagementSection,
    InteractionsSection,
    WarehouseSection,
    load_settings,
)
from reco_contracts.surfaces import SURFACES, SubjectKind


def test_the_projects_variables_are_the_settings_defaults() -> None:
    project = yaml.safe_load((PROJECT_FOLDER / "dbt_project.yml").read_text())
    defaults = load_settings(
        interactions=InteractionsSection(), engagement=EngagementSection(), catalogue=CatalogueSection()
    )
    assert project["vars"] == dbt_variables(defaults)


def test_the_profiles_defaults_are_the_settings_defaults() -> None:
    profile = (PROJECT_FOLDER / "profiles.yml").read_text()
    defaults = dict(re.findall(r"env_var\('(\w+)', '([^']*)'\)", profile))
    warehouse = WarehouseSection()
    assert defaults == {
        "RECO_PATHS__DATA": "data",
        "RECO_WAREHOUSE__THREADS": str(warehouse.threads),
        "RECO_WAREHOUSE__MEMORY_LIMIT": warehouse.memory_limit,
    }


def test_every_variable_of_the_profile_is_set_by_the_wrapper() -> None:
    texts = [path.read_text() for path in (*PROJECT_FOLDER.glob("*.yml"), *PROJECT_FOLDER.glob("macros/*.sql"))]
    named = {name for text in texts for name in re.findall(r"env_var\(['\"](\w+)['\"]", text)}
    assert named <= set(dbt_environment(load_settings()))


def test_two_data_folders_share_nothing_of_dbt(tmp_path: Path) -> None:
    first, second = (dbt_environment(load_settings(paths={"data": tmp_path / name})) for name in ("a", "b"))
    for variable in ("DBT_TARGET_PATH", "DBT_LOG_PATH", "RECO_PATHS__DATA"):
        assert first[variable].startswith(str(tmp_path / "a"))
        assert second[variable].startswith(str(tmp_path / "b"))


def test_no_statistics_leave_the_machine() -> None:
    assert dbt_environment(load_settings())["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_reasons_have_the_names_that_the_api_shows() -> None:
    macro = (PROJECT_FOLDER / "macros" / "reason_of_code.sql").read_text()
    assert re.findall(r"when (\d+) then '(\w+)'", macro) == [
        (str(reason.value), text.code) for reason, text in REASONS.items()
    ]


def test_surfaces_have_the_subjects_that_the_api_asks_for() -> None:
    macro = (PROJECT_FOLDER / "macros" / "subject_kind_of.sql").read_text()
    kinds = {
        surface: kind
        for surfaces, kind in re.findall(r"in \(([^)]*)\) then '(\w+)'", macro)
        for surface in re.findall(r"\w+", surfaces)
    }
    assert kinds == {name: kind for name, kind in SURFACES.items() if kind is not SubjectKind.USER}


def test_the_rules_of_list_items_know_every_reason_and_which_ones_name_an_item() -> None:
    properties = (PROJECT_FOLDER / "models/marts/outcomes/fct_list_items.yml").read_text()
    seeded = re.search(r"seed_item_id is not null\) = \(reason in \(([^)]*)\)", properties)
    known = re.search(r"values:\n((?: +- \w+\n)+)", properties)
    assert seeded is not None
    assert known is not None
    assert set(re.findall(r"\w+", seeded[1])) == {text.code for text in REASONS.values() if text.has_seed}
    assert re.findall(r"\w+", known[1]) == [text.code for text in REASONS.values()]


def test_the_callers_arguments_come_first() -> None:
    command = dbt_command(["build", "--select", "tag:inputs"], {"a": 1})
    start = command.index("build")
    assert command[start : start + 4] == ["build", "--select", "tag:inputs", "--project-dir"]
    assert command[-2:] == ["--vars", '{"a":1}']
