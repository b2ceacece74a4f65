"""The answer to a query: as a table for people, as CSV and JSON for programs."""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, Final, Literal, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cli.tables import printable
from jobs.warehouse.query_analytics import Answer

WIDE: Final = 10_000  # no terminal: a row is a line, whatever its length
_NARROW: Final = 24  # characters; ids, dates and numbers are not broken over lines
_FOLDED: Final = 16  # characters that a folded column has at least
_GAP: Final = 3  # characters between columns
_NUMBER: Final = re.compile(r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)")


def table_of(answer: Answer, width: int = WIDE) -> str:
    """The answer as a table with the columns' own names; numbers stand to the right, null is `-`.

    Args:
        answer: what came back.
        width: columns of the screen; where a table does not fit, each row is a block with a line for each column.
    """
    texts = [[_text(value) for value in row] for row in answer.rows]
    longest = [max(map(len, cells), default=0) for cells in zip(*texts, strict=True)] or [0] * len(answer.columns)
    least = [
        max(len(name), _FOLDED if length > _NARROW else length)
        for name, length in zip(answer.columns, longest, strict=True)
    ]
    if sum(least) + _GAP * (len(least) - 1) > width:
        return _blocks(answer.columns, texts)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, kind, length, chars in zip(answer.columns, answer.types, longest, least, strict=True):
        side: Literal["right", "left"] = "right" if _NUMBER.fullmatch(kind) else "left"
        table.add_column(Text(name), justify=side, overflow="fold", no_wrap=length <= _NARROW, min_width=chars)
    for row in texts:
        table.add_row(*map(Text, row))
    out = StringIO()
    Console(file=out, width=width, highlight=False).print(table)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def write_csv(answer: Answer, out: TextIO) -> None:
    """Write the answer as CSV: a header, nulls as empty fields, times in UTC."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(["" if value is None else _plain_text(value) for value in row] for row in answer.rows)


def mapping_of(answer: Answer) -> dict[str, Any]:
    """The answer as a command's summary: columns with their types, and each row by name."""
    return {
        "columns": dict(zip(answer.columns, answer.types, strict=True)),
        "row_count": len(answer.rows),
        "is_cut": answer.is_cut,
        "rows": [dict(zip(answer.columns, map(_json_value, row), strict=True)) for row in answer.rows],
    }


def _blocks(columns: Sequence[str], texts: Sequence[Sequence[str]]) -> str:
    if not texts:
        return f"no rows of {', '.join(columns)}\n"
    width = max(map(len, columns))
    blocks = ["".join(f"{name:<{width}}   {text}\n" for name, text in zip(columns, row, strict=True)) for row in texts]
    return "\n".join(blocks)


def _text(value: Any) -> str:
    """A value in a cell: floats are rounded to six digits, the rest is whole."""
    if value is None:
        return "-"
    return printable(f"{value:.6g}" if isinstance(value, float) else _plain_text(value))


def _plain_text(value: Any) -> str:
    if value is None:  # in a list
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain_text, value))}]"
    return str(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") + "Z"


def _json_value(value: Any) -> Any:
    """A value of JSON's own kinds; a decimal becomes a number, what JSON has no word for its text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_json_value(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str | datetime | date):
        return value
    return str(value)
