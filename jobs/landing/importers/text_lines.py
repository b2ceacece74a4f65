"""Physical lines of a text file, plain or gzipped, numbered, with a bound on their length."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from reco_contracts.errors import ContractError

MAX_LINE_CHARACTERS: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LOOK_AT_BYTES: Final = 4096


class OverlongLineError(Exception):
    """A physical line is longer than any record; it has been skipped to its end."""


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open UTF-8 text; undecodable bytes become U+FFFD.

    Raises:
        ContractError: the file is empty, holds binary data, or its compression is damaged.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            plain = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
            _refuse_binary(path, plain.peek(_LOOK_AT_BYTES)[:_LOOK_AT_BYTES])
            yield io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ContractError(f"{path}: the gzip data is damaged ({error}); compress the file again") from error
    except IsADirectoryError as error:
        raise ContractError(f"{path} is a folder, a file was expected") from error
    except (FileNotFoundError, PermissionError) as error:
        raise ContractError(f"{path} cannot be read: {error.strerror}") from error


def _refuse_binary(path: Path, start: bytes) -> None:
    if not start.strip():
        raise ContractError(f"{path} is empty; a log with a header line was expected")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ContractError(f"{path} is UTF-16 text; save it as UTF-8")
    if b"\x00" in start.lstrip().partition(b"\n")[0]:  # a NUL further down is one bad record
        raise ContractError(f"{path} holds binary data ({start[:8]!r}...); CSV, JSON Lines or Parquet was expected")


class PhysicalLines:
    """Iterates over lines and keeps those that no record has claimed yet.

    Attributes:
        number: 1-based number of the last line given.
    """

    def __init__(self, stream: TextIO) -> None:
        """Start before the first line of a stream opened with newline=""."""
        self.number = 0
        self._stream = stream
        self._pending: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line with its line end.

        Raises:
            OverlongLineError: the line has more than `MAX_LINE_CHARACTERS`.
        """
        line = self._stream.readline(MAX_LINE_CHARACTERS)
        if not line:
            raise StopIteration
        self.number += 1
        self._pending.append(line)
        if len(line) == MAX_LINE_CHARACTERS and line[-1] not in "\r\n":
            self._skip_rest()
            raise OverlongLineError(f"the line has more than {MAX_LINE_CHARACTERS:,} characters; its rest is left out")
        return line

    def claim(self) -> tuple[int, list[str]]:
        """Take the lines since the last claim: the number of the first one, and their text with line ends."""
        lines, self._pending = self._pending, []
        return self.number - len(lines) + 1, lines

    def _skip_rest(self) -> None:
        while (rest := self._stream.readline(MAX_LINE_CHARACTERS)) and rest[-1] not in "\r\n":
            pass
