"""How a benchmark ends: a table for people, and the same as JSON in benchmarks/results."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def write_report(
    name: str, rows: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any], **findings: Any
) -> dict[str, Any]:
    """Print the rows and write benchmarks/results/<name>.json.

    Args:
        name: the benchmark's name, as in `make bench-<name>`.
        rows: the table; all rows have the same columns.
        parameters: sizes and durations that were used.
        findings: figures over the whole table, such as a ratio.

    Returns:
        What was written.
    """
    report = {
        "benchmark": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "parameters": dict(parameters),
        **findings,
        "rows": [dict(row) for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    _print(name, rows, parameters, findings)
    return report


def _print(
    name: str, rows: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any], findings: Mapping[str, Any]
) -> None:
    sizes = ", ".join(f"{key.replace('_', ' ')} {_readable(value)}" for key, value in parameters.items())
    table = Table(title=f"{name} ({os.cpu_count()} cores; {sizes})", title_justify="left")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(_readable(value) for value in row.values()))
    console = Console(width=120)
    console.print(table)
    for key, value in findings.items():
        console.print(f"{key.replace('_', ' ')}: {_readable(value)}")


def _readable(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
