"""How a command ends: its summary, for people or as one JSON object on the last line."""

import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

JsonFlag = Annotated[
    bool, typer.Option("--json", help="End with the summary as one JSON object on the last line of standard output.")
]
RunDate = Annotated[
    datetime, typer.Option("--run-date", formats=["%Y-%m-%d"], help="The day that the run is for, YYYY-MM-DD.")
]


def print_summary(title: str, summary: Mapping[str, Any], as_json: bool) -> None:
    """Print a command's summary to standard output.

    Args:
        title: what was done.
        summary: names and values; nested mappings are shown as `outer.inner`.
        as_json: one JSON object on the last line instead of a table.
    """
    if as_json:
        sys.stdout.write(msgspec.json.encode(summary, enc_hook=_plain).decode() + "\n")
        sys.stdout.flush()
        return
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")  # a path that is cut cannot be copied
    for name, value in _flatten(summary):
        table.add_row(name.replace("_", " "), readable(value))
    Console().print(table)


def _flatten(summary: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in summary.items():
        if isinstance(value, Mapping):
            rows.extend(_flatten(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def readable(value: Any) -> str:
    """A value as people read it: thousands apart, nothing as a dash."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(readable(item) for item in value) or "-"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path | date):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a summary holds plain values, not {type(value).__name__}")
