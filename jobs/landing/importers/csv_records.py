"""Reads CSV records with their physical line and raw text, and goes on after a broken one."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jobs.landing.importers.record_chunks import Record
from jobs.landing.importers.text_lines import OverlongLineError, PhysicalLines, open_text
from reco_contracts.errors import ContractError

_DELIMITERS: Final = ",;\t"


def csv_columns(path: Path) -> list[str]:
    """The column names of a CSV file.

    Raises:
        ContractError: the file is no text, or its header cannot be read or names a column twice.
    """
    with open_text(path) as stream:
        return _read_header(path, PhysicalLines(stream))[0]


def csv_records(path: Path) -> Iterator[Record]:
    """The records of a CSV file: plain or gzipped, UTF-8, with a header; `,`, `;` or tab between fields.

    Quoting is read strictly, because a stray quote would otherwise swallow the
    lines after it. Where the reader stumbles, each physical line that it has
    taken becomes one malformed record, and reading goes on with the next line.
    Blank lines are no records.
    """
    with open_text(path) as stream:
        lines = PhysicalLines(stream)
        header, delimiter = _read_header(path, lines)
        rows = _reader(lines, delimiter)
        while True:
            try:
                fields = next(rows)
            except StopIteration:
                return
            except (csv.Error, OverlongLineError) as error:
                rows = _reader(lines, delimiter)  # the old one still is inside the broken field
                yield from _malformed_lines(lines, str(error))
            else:
                first, taken = lines.claim()
                raw = taken[0] if len(taken) == 1 else "".join(taken)
                if len(fields) == len(header):
                    yield Record(first, raw, fields)
                elif fields:
                    yield Record(first, raw, (), f"{len(fields)} fields, the header has {len(header)}")


def _reader(lines: PhysicalLines, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _malformed_lines(lines: PhysicalLines, detail: str) -> Iterator[Record]:
    first, taken = lines.claim()
    for offset, raw in enumerate(taken):
        if raw.strip():
            yield Record(first + offset, raw, (), detail)


def _read_header(path: Path, lines: PhysicalLines) -> tuple[list[str], str]:
    try:
        first = next((line for line in lines if line.strip()), "")
        lines.claim()
        delimiter = max(_DELIMITERS, key=first.count)
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter, strict=True), [])]
    except (csv.Error, OverlongLineError) as error:
        raise ContractError(
            f"{path}: a CSV header was expected in the first line, which cannot be read: {error}"
        ) from error
    repeated = [name for name, count in Counter(header).items() if count > 1 and name]
    if repeated:
        raise ContractError(f"{path}: the header names {', '.join(repeated)} more than once; rename the columns")
    return header, delimiter
