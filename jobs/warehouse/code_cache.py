"""Keep what dbt derives from text alone, from one process to the next.

dbt compiles the same templates, data classes and JSON schemas at each start. What comes
of them depends on the text and on the versions of its packages, so that it is kept as
Python keeps the code of modules, beside what dbt keeps of the project itself.
"""

import marshal
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

# What templates, data classes and schemas are made by.
_MADE_BY: Final = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-duckdb", "jinja2", "mashumaro")
_FILE: Final = "code_cache"
_MOST_ENTRIES: Final = 5_000
_FOR_US: Final = 0o600
_WRITABLE_BY_OTHERS: Final = 0o022

T = TypeVar("T")


class CodeCache:
    """Code objects and plain values by what they were made of.

    Args:
        path: the file.
        made_by: versions of everything that has a say; a file of other ones is not read.
    """

    def __init__(self, path: Path, made_by: str) -> None:
        """Read the file, where there is one of these versions."""
        self._path = path
        self._made_by = made_by
        self._kept = _read(path, made_by)
        self._used: dict[bytes, bytes] = {}
        self._values: dict[bytes, Any] = {}

    def get(self, kind: str, text: str, make: Callable[[], T]) -> T:
        """What was made of a text, or make it.

        Args:
            kind: what is made of it; the same text may be a template and a name.
            text: all that it depends on, beside the versions.
            make: makes it: code, or a value of Python's own simple types.
        """
        key = _digest(f"{kind}\x1f{text}".encode())
        if key not in self._values:
            self._values[key] = self._find_or_make(key, make)
        value: T = self._values[key]
        return value

    def _find_or_make(self, key: bytes, make: Callable[[], Any]) -> Any:
        entry = self._kept.get(key)
        value = make() if entry is None else marshal.loads(entry)  # noqa: S302 - `_read` has seen to it that it is ours
        with suppress(ValueError):  # of another type: made again in the next process
            self._used[key] = marshal.dumps(value) if entry is None else entry
        return value

    def get_latest(self, kind: str, data: bytes, make: Callable[[], bytes]) -> bytes:
        """The same for large data that changes: only what was made last is kept."""
        key, digest = _digest(kind.encode()), _digest(data)
        entry = self._kept.get(key, b"")
        if not entry.startswith(digest):
            entry = digest + make()
        self._used[key] = entry
        return entry.removeprefix(digest)

    def save(self) -> None:
        """Write what is new, in one step; what is old goes only when there is too much of it."""
        if self._used.items() <= self._kept.items():
            return
        entries = self._kept | self._used
        entries = self._used if len(entries) > _MOST_ENTRIES else entries
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FOR_US), "wb") as file:
                file.write(marshal.dumps((self._made_by, entries)))
            temporary.replace(self._path)
        except OSError:  # a full disk, a folder that may not be written: the next process makes it all again
            temporary.unlink(missing_ok=True)


def open_code_cache(folder: Path) -> CodeCache:
    """The cache of this Python and these packages in a folder; it need not be there yet."""
    return CodeCache(folder / _FILE, " ".join((sys.version, *(f"{name} {version(name)}" for name in _MADE_BY))))


def _digest(data: bytes) -> bytes:
    return md5(data, usedforsecurity=False).digest()


def _read(path: Path, made_by: str) -> dict[bytes, bytes]:
    """What a file holds; nothing where another user could have written it, for code in it will run."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            is_ours = status.st_uid == os.getuid() and not status.st_mode & _WRITABLE_BY_OTHERS
            written_by, entries = marshal.loads(file.read()) if is_ours else ("", {})  # noqa: S302 - see above
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    return entries if written_by == made_by else {}
