"""Keep what dbt derives from text alone, from one process to the next.

dbt compiles the same templates, the same serializers and the same JSON schemas at
each start. What comes of them depends on the text and on the versions of its
packages, so that it is kept as Python keeps the code of modules, beside what dbt keeps
of the project itself.
"""

import marshal
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

# What a template, a serializer or a schema is made by.
_MADE_BY: Final = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-duckdb", "jinja2", "mashumaro")
_FILE: Final = "code_cache"
_MOST_ENTRIES: Final = 5_000
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
        if key in self._values:
            return self._values[key]  # type: ignore[no-any-return]
        entry = self._kept.get(key)
        value = make() if entry is None else marshal.loads(entry)  # noqa: S302 - _read has seen to it that it is ours
        with suppress(ValueError):  # of another type: made again in the next process
            self._used[key] = marshal.dumps(value) if entry is None else entry
        self._values[key] = value
        return value

    def get_latest(self, kind: str, data: bytes, make: Callable[[], bytes]) -> bytes:
        """The same for large data that changes: only what was made last is kept."""
        key, digest = _digest(kind.encode()), _digest(data)
        entry = self._kept.get(key, b"")
        if entry.startswith(digest):
            return entry.removeprefix(digest)
        made = make()
        self._used[key] = digest + made
        return made

    def save(self) -> None:
        """Write what is new, in one step; what is old goes only when there is too much of it."""
        if self._used.items() <= self._kept.items():
            return
        entries = self._kept | self._used
        entries = self._used if len(entries) > _MOST_ENTRIES else entries
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                file.write(marshal.dumps((self._made_by, entries)))
            os.replace(file.name, self._path)  # noqa: PTH105 - this process imports as little as it can


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
