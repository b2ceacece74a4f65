"""The warehouse's documentation as one HTML page with lineage, and how much of it there is.

It is built from an empty warehouse in a temporary folder: it needs no landed
file, waits for nobody who writes, and is the same on every machine.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from jobs.warehouse.run_dbt import run as run_dbt
from jobs.warehouse.run_dbt import target_folder
from reco_contracts.artifacts import replace_file
from reco_contracts.errors import ContractError
from reco_contracts.settings import PathsSection, Settings

_PAGE: Final = "static_index.html"
_DESCRIBED: Final = ("model", "source", "exposure")


def run(settings: Settings, out: Path | None = None) -> dict[str, Any]:
    """Write the page and measure tests and documentation.

    Args:
        settings: of the product.
        out: the HTML file, replaced as a whole; by default below the data folder.

    Returns:
        The page, and the coverage that `measure_coverage` gives.

    Raises:
        ContractError: dbt could not build or describe the models.
    """
    page = out or settings.layout.docs
    with tempfile.TemporaryDirectory(prefix="reco-docs-") as folder:
        empty = settings.model_copy(update={"paths": PathsSection(data=Path(folder))})
        run_dbt(["run", "--quiet"], empty)
        run_dbt(["docs", "generate", "--static", "--quiet"], empty)
        target = target_folder(empty.layout)
        manifest, catalog = _read(target / "manifest.json"), _read(target / "catalog.json")
        with replace_file(page) as temporary:
            # dbt writes down where it compiled; a page for everybody names no folder of this machine.
            temporary.write_bytes((target / _PAGE).read_bytes().replace(folder.encode(), b"data"))
    return {"page": page, **measure_coverage(manifest, catalog)}


def measure_coverage(manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> dict[str, Any]:
    """Count what is described and what is tested.

    Args:
        manifest: dbt's manifest.json: what the YAML says.
        catalog: dbt's catalog.json: the tables and columns that there are.

    Returns:
        Counts as `<part> of <whole>`, and by name what has no description or no test.
    """
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values(), *manifest["exposures"].values()]
    described = [node for node in nodes if node["resource_type"] in _DESCRIBED]
    columns = _column_descriptions(manifest, catalog)
    tested = _tested(manifest)
    models = [node for node in described if node["resource_type"] == "model"]
    silent = [node["name"] for node in described if not node.get("description", "").strip()]
    silent += [name for name, description in columns.items() if not description]
    untested = [node["name"] for node in models if node["unique_id"] not in tested]
    return {
        "described": _share(sum(bool(node.get("description", "").strip()) for node in described), len(described)),
        "columns_described": _share(sum(map(bool, columns.values())), len(columns)),
        "models_tested": _share(len(models) - len(untested), len(models)),
        "data_tests": sum(_rules_of(node) for node in nodes if node["resource_type"] == "test"),
        "unit_tests": len(manifest["unit_tests"]),
        "not_described": sorted(silent),
        "not_tested": sorted(untested),
    }


def _column_descriptions(manifest: Mapping[str, Any], catalog: Mapping[str, Any]) -> dict[str, str]:
    """`<table>.<column>` -> what the YAML says of it, for the columns that there are."""
    relations = [*catalog["nodes"].items(), *catalog["sources"].items()]
    documented = {**manifest["nodes"], **manifest["sources"]}
    return {
        f"{documented[unique_id]['name']}.{column}": (
            documented[unique_id]["columns"].get(column, {}).get("description", "").strip()
        )
        for unique_id, relation in relations
        for column in relation["columns"]
    }


def _tested(manifest: Mapping[str, Any]) -> set[str]:
    """The models that a test of theirs, a test of its own, or a unit test looks at."""
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    looked_at = [
        [node["attached_node"]] if node.get("attached_node") else node["depends_on"]["nodes"] for node in tests
    ]
    looked_at += [test["depends_on"]["nodes"] for test in manifest["unit_tests"].values()]
    return {unique_id for nodes in looked_at for unique_id in nodes}


def _rules_of(test: Mapping[str, Any]) -> int:
    """How many rules a data test holds: a test of a model's rules has many, any other is one."""
    metadata = test.get("test_metadata") or {}
    if metadata.get("name") != "keeps_its_rules":
        return 1
    return sum(len(rules) for rules in metadata["kwargs"].values() if isinstance(rules, list | dict))


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ContractError(f"dbt left no {path.name}; its own message is above")
    content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return content
