"""The columns of reco_contracts, of dbt's YAML and of Feast's views are the same, both ways.

dbt's side is its own manifest, so that doc blocks and folder configuration count as dbt counts them.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.evaluation.ranking_metrics import definitions
from jobs.features.feast_environment import REPOSITORY_FOLDER
from jobs.landing.landed_schema import LANDED_TABLES
from jobs.landing.ledger import LedgerEntry
from jobs.warehouse.run_dbt import run, target_folder
from reco_contracts.columns import (
    FEATURE_TIMESTAMP,
    FEATURE_VIEWS,
    LANDED_EVENTS,
    LANDED_ITEMS,
    LANDED_USERS,
    MARTS_TO_EXPORT,
    QUARANTINE,
    REPLAYED_ROWS,
    DType,
    Table,
)
from reco_contracts.settings import PathsSection, load_settings

DBT_TYPES = {
    DType.STRING: "varchar",
    DType.STRINGS: "varchar[]",
    DType.INT32: "integer",
    DType.INT64: "bigint",
    DType.FLOAT64: "double",
    DType.BOOL: "boolean",
    DType.DATE: "date",
    DType.TIMESTAMP: "timestamp with time zone",
    DType.DECIMAL: "decimal(18,4)",
}
FEAST_TYPES = {DType.STRING: "String", DType.INT64: "Int64", DType.FLOAT64: "Float64"}
LANDED_SOURCES = (LANDED_EVENTS, LANDED_ITEMS, LANDED_USERS, QUARANTINE, REPLAYED_ROWS)
PARTITION = {"event_date": "date"}  # in the path of a landed file, not in the file
# Marts that stay in the warehouse: dbt's YAML is their contract, and no program of ours reads their columns.
DBT_ONLY = {
    "dim_generations", "fct_impressions", "fct_list_items", "fct_sessions", "rpt_catalogue_coverage",
    "rpt_category_mix", "rpt_daily_engagement", "rpt_experiment_daily", "rpt_funnel", "rpt_item_performance",
    "rpt_user_retention",
}  # fmt: skip
# Read by one module each, which names their columns in SQL.
DATA_QUALITY = {"rpt_data_quality", "rpt_data_quality_daily", "rpt_quarantine_reasons"}


def differences(expected: Mapping[str, str], found: Mapping[str, str], there: str) -> list[str]:
    """What has to change, a line each: missing, unexpected, and differently typed columns, and the order."""
    lines = [f"{name} ({dtype}) is missing in {there}" for name, dtype in expected.items() if name not in found]
    lines += [f"{name} is in {there} and not in reco_contracts" for name in found if name not in expected]
    lines += [
        f"{name}: {dtype} in reco_contracts, {found[name]} in {there}"
        for name, dtype in expected.items()
        if name in found and found[name] != dtype
    ]
    if not lines and list(expected) != list(found):
        lines.append(f"order: {list(expected)} in reco_contracts, {list(found)} in {there}")
    return lines


def contract_types(table: Table, types: Mapping[DType, str]) -> dict[str, str]:
    return {column.name: types[column.dtype] for column in table.columns}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Dbt's manifest of the project."""
    settings = load_settings(paths=PathsSection(data=tmp_path_factory.mktemp("manifest")))
    run(["parse", "--quiet", "--warn-error"], settings)
    manifest: dict[str, Any] = msgspec.json.decode((target_folder(settings.layout) / "manifest.json").read_bytes())
    return manifest


def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def dbt_types(node: dict[str, Any]) -> dict[str, str]:
    return {name: column["data_type"] for name, column in node["columns"].items()}


@pytest.mark.parametrize("mart", MARTS_TO_EXPORT, ids=lambda mart: mart.name)
def test_a_mart_has_the_contracts_columns(manifest: dict[str, Any], mart: Table) -> None:
    node = models(manifest)[mart.name]
    found = differences(contract_types(mart, DBT_TYPES), dbt_types(node), f"{mart.name}.yml")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("mart", MARTS_TO_EXPORT, ids=lambda mart: mart.name)
def test_a_mart_forbids_the_nulls_that_the_contract_forbids(manifest: dict[str, Any], mart: Table) -> None:
    columns = models(manifest)[mart.name]["columns"]
    expected = {column.name: "null" if column.nullable else "not null" for column in mart.columns}
    found = {
        name: "not null" if any(rule["type"] == "not_null" for rule in column["constraints"]) else "null"
        for name, column in columns.items()
    }
    wrong = differences(expected, found, f"{mart.name}.yml")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mart", MARTS_TO_EXPORT, ids=lambda mart: mart.name)
def test_the_key_of_a_mart_is_tested(manifest: dict[str, Any], mart: Table) -> None:
    node = models(manifest)[mart.name]["unique_id"]
    tests = [test["test_metadata"] for test in manifest["nodes"].values()
             if test["resource_type"] == "test" and test.get("attached_node") == node]  # fmt: skip
    (rules,) = (test["kwargs"] for test in tests if test["name"] == "keeps_its_rules")
    unique = {(key,) if isinstance(key, str) else tuple(key) for key in rules["unique"]}
    assert set(mart.key) <= set(rules["not_null"])
    assert mart.key in unique


@pytest.mark.parametrize("table", LANDED_SOURCES, ids=lambda table: table.name)
def test_a_source_has_the_columns_that_landing_writes(manifest: dict[str, Any], table: Table) -> None:
    node = manifest["sources"][f"source.reco.reco.{table.name}"]
    expected = contract_types(table, DBT_TYPES) | (PARTITION if table.name in LANDED_TABLES else {})
    found = differences(expected, dbt_types(node), f"source {table.name}")
    assert not found, "\n".join(found)


def test_the_ledger_source_reads_fields_that_the_ledger_has(manifest: dict[str, Any]) -> None:
    columns = manifest["sources"]["source.reco.reco.ledger"]["columns"]
    unknown = [name for name in columns if name not in LedgerEntry.__struct_fields__]
    assert not unknown, f"source ledger reads {unknown}, which no ledger entry has"


def test_every_mart_has_its_contract_enforced(manifest: dict[str, Any]) -> None:
    marts = {name: node for name, node in models(manifest).items() if node["schema"] == "marts"}
    assert set(marts) >= {mart.name for mart in MARTS_TO_EXPORT}
    loose = [name for name, node in marts.items() if not node["config"]["contract"]["enforced"]]
    assert not loose, f"contract not enforced on {loose}"


def test_every_mart_is_either_exported_or_known_to_stay(manifest: dict[str, Any]) -> None:
    """A new mart has to be put somewhere; one that left reco_contracts has to leave dbt too."""
    marts = {name for name, node in models(manifest).items() if node["schema"] == "marts"}
    exported = {mart.name for mart in MARTS_TO_EXPORT}
    assert not exported & DBT_ONLY
    unknown, gone = marts - exported - DBT_ONLY - DATA_QUALITY, (exported | DBT_ONLY) - marts
    assert not unknown, f"neither in reco_contracts.MARTS_TO_EXPORT nor in DBT_ONLY: {sorted(unknown)}"
    assert not gone, f"named here and in no YAML: {sorted(gone)}"


def test_a_column_has_one_type_wherever_it_stands(manifest: dict[str, Any]) -> None:
    """One word per idea: what reco_contracts spells has its type in every mart, and marts agree on the rest."""
    spelled: dict[str, set[str]] = {}
    for table in (*MARTS_TO_EXPORT, *LANDED_SOURCES):
        for name, dtype in contract_types(table, DBT_TYPES).items():
            spelled.setdefault(name, set()).add(dtype)
    for node in models(manifest).values():
        if node["schema"] == "marts":
            for name, dtype in dbt_types(node).items():
                spelled.setdefault(name, set()).add(dtype)
    torn = [f"{name} is {' and '.join(sorted(types))}" for name, types in sorted(spelled.items()) if len(types) > 1]
    assert len(spelled) > 100
    assert not torn, "\n".join(torn)


def test_money_and_weights_of_a_mart_are_decimals(manifest: dict[str, Any]) -> None:
    """A parallel sum of doubles differs from run to run."""
    sums = {(name, column): dtype for name, node in models(manifest).items() if node["schema"] == "marts"
            for column, dtype in dbt_types(node).items() if column in ("weight", "revenue", "units")}  # fmt: skip
    assert len(sums) >= 5
    assert set(sums.values()) == {"decimal(18,4)"}


def test_every_exported_mart_has_a_reader_that_is_written_down(manifest: dict[str, Any]) -> None:
    read = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    unread = [mart.name for mart in MARTS_TO_EXPORT if f"model.reco.{mart.name}" not in read]
    assert not unread, f"exported, and in no exposure: {unread}"
    assert {"training", "feast_features", "lookup_api"} <= {node["name"] for node in manifest["exposures"].values()}


def test_dbt_and_the_evaluation_define_a_metric_in_the_same_words(manifest: dict[str, Any]) -> None:
    words = definitions(10)
    for metric in ("coverage", "diversity"):
        written = " ".join(manifest["docs"][f"doc.reco.{metric}"]["block_contents"].split())
        assert written.lower().rstrip(".") == words[metric].lower(), f"{metric}: {written!r} is not {words[metric]!r}"


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    nodes = [*models(manifest).values(), *manifest["sources"].values(), *manifest["exposures"].values()]
    silent = [node["name"] for node in nodes if not node["description"].strip()]
    silent += [
        f"{node['name']}.{name}"
        for node in nodes
        for name, column in node.get("columns", {}).items()
        if not column["description"].strip()
    ]
    assert len(nodes) > 20
    assert not silent, f"no description: {silent}"


def test_the_grain_comes_first(manifest: dict[str, Any]) -> None:
    others = [name for name, node in models(manifest).items() if not node["description"].startswith("One row for each")]
    assert not others, f"the description does not begin with the grain: {others}"


@pytest.fixture
def feast_views(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The definitions, imported as Feast imports them: top-level modules."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(REPOSITORY_FOLDER))
    import reco_views

    yield {view.name: view for view in (reco_views.user_features, reco_views.item_features)}
    for name in set(sys.modules) - before:
        if name.startswith("reco_") and "." not in name and not name.startswith("reco_contracts"):
            del sys.modules[name]


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_a_feast_view_has_the_contracts_columns(feast_views: dict[str, Any], view: Table) -> None:
    definition = feast_views[view.name]
    expected = {name: dtype for name, dtype in contract_types(view, FEAST_TYPES | {DType.TIMESTAMP: ""}).items()
                if name != FEATURE_TIMESTAMP}  # fmt: skip
    found = {field.name: str(field.dtype) for field in definition.schema}
    wrong = differences(dict(sorted(expected.items())), dict(sorted(found.items())), f"Feast's {view.name}")
    assert not wrong, "\n".join(wrong)
    assert definition.batch_source.timestamp_field == FEATURE_TIMESTAMP
    assert [column.name for column in definition.entity_columns] == [view.key[0]]
    assert Path(definition.batch_source.path).is_absolute()


def test_feast_has_every_view_of_the_contract_and_no_other(feast_views: dict[str, Any]) -> None:
    assert set(feast_views) == {view.name for view in FEATURE_VIEWS}


def test_a_difference_is_printed() -> None:
    found = differences({"a": "x", "b": "x", "c": "x"}, {"a": "y", "c": "x", "d": "x"}, "there")
    assert found == [
        "b (x) is missing in there",
        "d is in there and not in reco_contracts",
        "a: x in reco_contracts, y in there",
    ]
