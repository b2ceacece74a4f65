"""What an importer is: it knows a format by its content, and says what can be landed from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from jobs.landing.importers.record_files import file_columns
from jobs.landing.ledger import Kind
from reco_contracts.errors import ContractError
from reco_contracts.events import RejectReason


@dataclass(frozen=True, slots=True)
class Source:
    """Something to land from one file.

    Attributes:
        kind: events, items or users.
        path: the file whose bytes identify it.
        name: the file as people see it.
        format: the importer's name.
        frames: chunk_rows -> record frames, see `jobs.landing.landed_schema`; what is derived from a
            file (titles out of invoice lines) has row numbers for lines.
        snapshot_date: date of a snapshot; None: the last event date of the same import.
        expected: reasons that do not count against `landing.max_quarantined_share`.
        columns: columns of the contract that the file has, where it is in our own contract.
        ignored_columns: its columns that the contract does not know.
        is_refusable: false where nobody is left who could correct the file: its good rows are landed, however few.
    """

    kind: Kind
    path: Path
    name: str
    format: str
    frames: Callable[[int], Iterator[pl.DataFrame]]
    snapshot_date: date | None = None
    expected: frozenset[RejectReason] = frozenset()
    columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    is_refusable: bool = True


class Importer(Protocol):
    """One format."""

    name: str
    description: str  # what it looks like, for the message of a file that is no log

    def recognises(self, path: Path) -> bool:
        """Whether the content of a file or folder has this format."""

    def sources(self, path: Path, columns: Mapping[str, str]) -> list[Source]:
        """What can be landed, events first.

        Args:
            path: file or folder.
            columns: contract column -> the source's name for it; for the format `events` alone.

        Raises:
            ContractError: the content does not have this format; says what was expected and found.
        """


def require_columns(path: Path, format_name: str, expected: Iterable[str]) -> None:
    """Refuse a file that lacks columns of its format.

    Raises:
        ContractError: names what was expected and what was found.
    """
    wanted = list(expected)
    found = file_columns(path)
    if not {*wanted} <= {*found}:
        raise ContractError(
            f"{path} is no file of the format {format_name}: expected the columns {', '.join(wanted)}; "
            f"found {', '.join(found)[:500] or 'none'}"
        )
