"""Take users' ids out of reports and logs: what people and programs wrote below the data folder.

Text does not say what a word stands for. An id that can be nothing else is replaced
wherever it stands alone; one like `42` only where the text says that it is a user's.
What programs read back, such as manifests, names no users: a user may be called like
a surface or a generation, and the file would be lost for everybody.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.manifests import MANIFEST_FILE

ERASED: Final = "[erased]"
ENDINGS: Final = (".json", ".html", ".txt", ".log", ".md", ".yml", ".jsonl", ".sql")
# Fewer characters, or fewer digits alone, stand for too many other things.
_TELLING_CHARACTERS: Final = 4
_TELLING_DIGITS: Final = 7
# Ids that are words of JSON: they are somebody's in quotes or behind `=` alone.
_LITERALS: Final = frozenset({"true", "false", "null"})
_NAMED: Final = r"(\b(?:user|user_id|subject)\b[\"']?\s*[:=]?\s*[\"']?)"


def erase_texts(layout: Layout, users: frozenset[str]) -> dict[Path, int]:
    """Replace the ids of users in every text file of the data folder, but for logs of events.

    Args:
        layout: of the data folder.
        users: ids.

    Returns:
        File -> ids replaced, for those that held any.
    """
    patterns = [compile_mention(user) for user in sorted(users)]
    erased: dict[Path, int] = {}
    for path in text_files(layout):
        text = found = path.read_bytes()
        count = 0
        for pattern in patterns:
            text, replaced = pattern.subn(_replacement(pattern), text)
            count += replaced
        if text != found:
            with replace_file(path, mode=path.stat().st_mode & 0o777) as temporary:
                temporary.write_bytes(text)
            erased[path] = count
    return erased


def text_files(layout: Layout) -> Iterator[Path]:
    """Reports, logs and the like, in order; not what is landed, the ledger, the store's files or the tombstones."""
    others = (layout.ledger.parent, layout.inbox, layout.store, layout.tombstones.parent)
    for path in sorted(layout.root.rglob("*")):
        is_written_here = path.suffix in ENDINGS and not is_read_back(layout, path)
        if is_written_here and path.is_file() and not any(path.is_relative_to(folder) for folder in others):
            yield path


def is_read_back(layout: Layout, path: Path) -> bool:
    """Whether a text belongs to what programs read back: manifests and notes, rules, publications, studies."""
    files = (layout.export("_"), layout.overlay_file("", "_"), layout.publication("_"), layout.serving_keys)
    rooms = (layout.models, layout.lists, layout.tuning, layout.taken_down.parent, *(file.parent for file in files))
    return path.name == MANIFEST_FILE or any(path.is_relative_to(room) for room in rooms)


def is_telling(user: str) -> bool:
    """Whether a text that holds this id can mean nobody else."""
    return len(user) >= (_TELLING_DIGITS if user.isdecimal() else _TELLING_CHARACTERS)


def compile_mention(user: str) -> re.Pattern[bytes]:
    """What a user's id looks like in a text: as it is, in JSON, in HTML, in an address."""
    spellings = {user, json.dumps(user)[1:-1], json.dumps(user, ensure_ascii=False)[1:-1], html.escape(user)}
    spellings |= {quote(user, safe=""), quote(user)}
    either = b"|".join(re.escape(spelling.encode()) for spelling in sorted(spellings, key=len, reverse=True))
    before = rb"(?<=[\"'=])" if user in _LITERALS else rb"(?<![A-Za-z0-9_])"
    alone = before + rb"(?:" + either + rb")(?![A-Za-z0-9_])"
    return re.compile(alone if is_telling(user) else _NAMED.encode() + alone)


def _replacement(pattern: re.Pattern[bytes]) -> bytes:
    return rb"\1" + ERASED.encode() if pattern.groups else ERASED.encode()
