"""Reads JSON Lines with their physical line and raw text."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from jobs.landing.importers.record_chunks import Record
from jobs.landing.importers.text_lines import OverlongLineError, PhysicalLines, open_text

_LOOK_AT_RECORDS: Final = 1_000
_decoder: Final = msgspec.json.Decoder(dict[str, Any])


def json_columns(path: Path) -> list[str]:
    """The keys that occur in the first 1,000 readable lines, in order of appearance.

    Raises:
        ContractError: the file is no text.
    """
    with open_text(path) as stream:
        objects = (decoded for _, _, decoded in _lines(PhysicalLines(stream)) if isinstance(decoded, dict))
        return list(dict.fromkeys(key for found in islice(objects, _LOOK_AT_RECORDS) for key in found))


def json_records(path: Path, names: Sequence[str]) -> Iterator[Record]:
    """The records of a JSON Lines file, plain or gzipped: one object a line, blank lines are no records.

    Args:
        path: the file.
        names: the keys whose values become the fields, in this order; a key that is absent gives null.
    """
    with open_text(path) as stream:
        for line, raw, decoded in _lines(PhysicalLines(stream)):
            if isinstance(decoded, dict):
                yield Record(line, raw, [_as_text(decoded.get(name)) for name in names] or (None,))
            else:
                yield Record(line, raw, (), decoded)


def _lines(lines: PhysicalLines) -> Iterator[tuple[int, str, dict[str, Any] | str]]:
    """Line number, its text, and the object in it or what is wrong with it."""
    while True:
        decoded: dict[str, Any] | str
        try:
            decoded = _decode(next(lines))
        except StopIteration:
            return
        except OverlongLineError as error:
            decoded = str(error)
        number, (raw,) = lines.claim()
        if raw.strip():
            yield number, raw, decoded


def _decode(line: str) -> dict[str, Any] | str:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"one JSON object a line was expected: {error}"


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return msgspec.json.encode(value).decode()
