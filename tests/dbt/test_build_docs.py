"""`reco docs` writes one page, and counts what is described and tested as it is."""

from pathlib import Path
from typing import Any

from hand_made_shop import settings_for

from jobs.warehouse.build_docs import measure_coverage, run


def node(kind: str, name: str, description: str = "", columns: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A node of a manifest; described columns are called so."""
    described = {column: {"description": column if column.startswith("described") else " "} for column in columns}
    return {"unique_id": f"{kind}.reco.{name}", "resource_type": kind, "name": name, "description": description,
            "columns": described, **more}  # fmt: skip


def manifest_of(*nodes: dict[str, Any], unit_tests: tuple[str, ...] = ()) -> dict[str, Any]:
    by_kind: dict[str, dict[str, Any]] = {"nodes": {}, "sources": {}, "exposures": {}}
    for one in nodes:
        folder = {"source": "sources", "exposure": "exposures"}.get(one["resource_type"], "nodes")
        by_kind[folder][one["unique_id"]] = one
    return {**by_kind, "unit_tests": {name: {"depends_on": {"nodes": [name]}} for name in unit_tests}}


def test_a_silent_column_and_an_untested_model_are_named() -> None:
    """A column that the table has and the YAML does not know is silent too."""
    manifest = manifest_of(
        node("model", "orders", "One row an order.", ("described_id", "silent")),
        node("model", "lines"),
        node("model", "parts", "One row a part."),
        node("source", "files", "Files.", ("described_path",)),
        node("test", "unique_orders", attached_node="model.reco.orders",
             depends_on={"nodes": ["model.reco.orders", "model.reco.parts"]}),
        node("test", "orders_keeps_its_rules", attached_node="model.reco.orders",
             depends_on={"nodes": ["model.reco.orders"]},
             test_metadata={"name": "keeps_its_rules", "kwargs": {
                 "model": "{{ get_where_subquery(ref('orders')) }}", "unique": ["id", ["line", "part"]],
                 "not_null": ["id"], "rules": {"add_up": "a + b = c"}}}),
        unit_tests=("model.reco.lines",),
    )  # fmt: skip
    catalog = {
        "nodes": {"model.reco.orders": {"columns": dict.fromkeys(("described_id", "silent", "unknown"))}},
        "sources": {"source.reco.files": {"columns": {"described_path": None}}},
    }
    assert measure_coverage(manifest, catalog) == {
        "described": "3 of 4",
        "columns_described": "2 of 4",
        "models_tested": "2 of 3",
        "data_tests": 5,
        "unit_tests": 1,
        "not_described": ["lines", "orders.silent", "orders.unknown"],
        "not_tested": ["parts"],
    }


def test_the_page_shows_every_mart_and_nothing_is_left_out(tmp_path: Path) -> None:
    """Everything is described and tested; the page carries the manifest, lineage with it, and no local path."""
    settings = settings_for(tmp_path / "data")
    summary = run(settings)
    page = settings.layout.docs.read_text()
    assert summary["not_described"] == summary["not_tested"] == []
    assert summary["page"] == settings.layout.docs
    assert all(f"model.reco.{mart}" in page for mart in ("fct_impressions", "rpt_funnel", "fct_list_items"))
    assert "reco-docs-" not in page
    assert not settings.layout.warehouse.exists(), "the warehouse was opened, which would wait for its writer"
