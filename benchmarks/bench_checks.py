"""What checking a generation takes: time and peak memory for a million lists of fifty items.

Lists, catalogue and log are made by formula, and every list is right but for one in
a thousand, which holds an item that is not on sale: so the checks have to count and
name, and nothing can be skipped. `reco validate-lists` runs in a process of its own,
whose peak is what the kernel says of it.

The process is measured with the sizes 1/10 and 1: what grows with the lists is the
difference.
"""

import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from benchmarks.report import write_report
from jobs.landing.landed_schema import polars_schema
from reco_contracts.artifacts import Layout
from reco_contracts.columns import (
    DIM_ITEMS,
    DIM_USERS,
    FCT_INTERACTIONS,
    LIST_ITEMS,
    LIST_REASONS,
    LIST_SCORES,
    LIST_SEEDS,
    LIST_SUBJECT,
    Table,
)
from reco_contracts.manifests import (
    MANIFEST_FILE,
    GenerationManifest,
    ListsManifest,
    encode_manifest,
)
from reco_contracts.reasons import Reason

_ITEMS, _CATEGORIES = 20_000, 200
_GONE = _ITEMS - 1
_OWN = 10
_FAULTY_EVERY = 1_000
_ROWS_A_GROUP = 50_000
_DAY = date(2024, 5, 1)
_BEFORE, _NOW = "20240430-001", "20240501-001"


def main(
    lists: Annotated[int, typer.Option(help="Users, each with a home list.")] = 1_000_000,
    k: Annotated[int, typer.Option(help="Items in a list.")] = 50,
) -> None:
    """Measure `reco validate-lists`."""
    rows = [_measure(size, k) for size in (lists // 10, lists)]
    growth = (rows[1]["peak_mb"] - rows[0]["peak_mb"]) / (rows[1]["lists"] - rows[0]["lists"])
    write_report("checks", rows, {"items": _ITEMS, "k": k, "own_items": _OWN}, bytes_a_list=growth * 1e6)


def _measure(lists: int, k: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="reco-bench-checks-") as folder:
        layout = Layout(Path(folder))
        _write_marts(layout, lists)
        for generation, shift in ((_BEFORE, 1), (_NOW, 0)):
            _write_generation(layout, generation, lists, k, shift)
        started = time.monotonic()
        code, peak = _run_checks(layout, Path(folder) / "log")
        seconds = time.monotonic() - started
        said = (Path(folder) / "log").read_text()
    expected = f"{len(range(0, lists, _FAULTY_EVERY)):,} of {lists:,} rows"
    if code != 5 or expected not in said:
        raise SystemExit(f"expected {expected!r} and exit code 5, got exit code {code} and:\n{said}")
    return {"lists": lists, "seconds": seconds, "lists_a_second": lists / seconds, "peak_mb": peak}


def _run_checks(layout: Layout, log: Path) -> tuple[int, float]:
    """The exit code and the peak of the process, MB."""
    command = [sys.executable, "-m", "jobs.cli.main", "validate-lists", "--run-date", str(_DAY), "--generation", _NOW]
    environment = os.environ | {"RECO_PATHS__DATA": str(layout.root), "RECO_VALIDATE__MIN_DIVERSITY": "0.1"}
    with log.open("wb") as output:
        redirect = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)]
        child = os.posix_spawn(sys.executable, command, environment, file_actions=redirect)
        _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1_000


def _own(users: np.ndarray) -> np.ndarray:
    """The items that users bought: n x _OWN, far from those of their lists."""
    return (7 * users[:, None] + 1_000 + np.arange(_OWN)) % _GONE


def _write_marts(layout: Layout, lists: int) -> None:
    path = layout.export(FCT_INTERACTIONS.name)
    path.parent.mkdir(parents=True)
    writer = None
    for start in range(0, lists, _ROWS_A_GROUP):
        users = np.arange(start, min(start + _ROWS_A_GROUP, lists))
        n = len(users) * _OWN
        table = pa.table(
            {
                "event_date": pa.array([_DAY] * n, pa.date32()),
                "user_id": np.char.add("user-", np.repeat(users, _OWN).astype(str)),
                "item_id": np.char.add("item-", _own(users).ravel().astype(str)),
                "weight": np.ones(n),
                "is_consumed": np.ones(n, dtype=bool),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    items = pl.DataFrame({"item_id": [f"item-{number}" for number in range(_ITEMS)]})
    users = pl.DataFrame({"user_id": [f"user-{number}" for number in range(lists)]})
    _complete(items, DIM_ITEMS).write_parquet(layout.export(DIM_ITEMS.name))
    _complete(users, DIM_USERS).write_parquet(layout.export(DIM_USERS.name))


def _complete(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The frame with all columns of a mart; nothing is known of them."""
    types = polars_schema(table)
    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, types[name]).alias(name) for name in table.column_names
    )


def _write_generation(layout: Layout, generation: str, lists: int, k: int, shift: int) -> None:
    folder = layout.lists / generation
    (folder / "home").mkdir(parents=True)
    numbers = np.arange(_ITEMS)
    pl.DataFrame(
        {
            "item_id": [f"item-{number}" for number in range(_ITEMS)],
            "diversity_category": [f"kind-{number % _CATEGORIES}" for number in range(_ITEMS)],
            "is_available": numbers != _GONE,
        }
    ).write_parquet(layout.catalogue_file(generation))
    _write_lists(layout.list_file(generation, "home", "default"), lists, k, shift)
    shared = {"generation": generation, "run_date": str(_DAY), "model_version": "als-20240430-001", "n_items": _ITEMS}
    manifest = ListsManifest(**shared, popular_windows_days=(30,), lists={"home": {"default": lists}}, settings={})
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    if generation == _BEFORE:
        live = GenerationManifest(
            **shared, created_at=str(_DAY), codec_version=1, catalogue_chunks=1, popular_windows_days=(30,), surfaces={}
        )
        layout.publication(generation).parent.mkdir(parents=True)
        layout.publication(generation).write_bytes(encode_manifest(live))


def _write_lists(path: Path, lists: int, k: int, shift: int) -> None:
    writer = None
    for start in range(0, lists, _ROWS_A_GROUP):
        users = np.arange(start, min(start + _ROWS_A_GROUP, lists))
        items = (7 * users[:, None] + shift + np.arange(k)) % _GONE
        items[users % _FAULTY_EVERY == 0, k - 1] = _GONE
        table = _list_table(users, items, _own(users)[:, :1])
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _list_table(users: np.ndarray, items: np.ndarray, seeds: np.ndarray) -> pa.Table:
    n, k = items.shape
    offsets = pa.array(np.arange(0, n * k + 1, k), pa.int32())
    columns = {
        LIST_ITEMS: pa.array(items.ravel(), pa.int32()),
        LIST_SCORES: pa.array(np.tile(np.linspace(2.0, 0.5, k), n), pa.float32()),
        LIST_REASONS: pa.array(np.full(n * k, Reason.BECAUSE_BOUGHT), pa.uint8()),
        LIST_SEEDS: pa.array(np.repeat(seeds, k), pa.int32()),
    }
    flat = {name: pa.ListArray.from_arrays(offsets, values) for name, values in columns.items()}
    return pa.table({LIST_SUBJECT: np.char.add("user-", users.astype(str)), **flat})


if __name__ == "__main__":
    typer.run(main)
