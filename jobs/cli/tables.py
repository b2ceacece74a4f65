"""Rows for people: a table on standard output."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cli.output import readable

_WIDE = 10_000  # no terminal: a row is a line, whatever its length
_LONG = 300  # characters of a value; JSON has all of it
_SHORT = 16  # characters; hashes, dates and counts are not broken over lines


def print_rows(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print rows as a table, numbers to the right, without columns that are empty; nothing where there are no rows.

    Args:
        rows: each with the same keys in the same order, which become the header.
        title: above the table.
    """
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    filled = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    for name in filled:
        is_number = all(isinstance(row[name], int | float | None) for row in rows)
        is_short = all(len(readable(row[name])) <= _SHORT for row in rows)
        side: Literal["right", "left"] = "right" if is_number else "left"
        table.add_column(name.replace("_", " "), justify=side, overflow="fold", no_wrap=is_short)
    for row in rows:
        table.add_row(*(Text(printable(readable(row[name]))) for name in filled))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def printable(text: str) -> str:
    """Raw text without what a terminal would obey, cut where it is very long."""
    shown = text if len(text) <= _LONG else f"{text[:_LONG]}..."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown)
