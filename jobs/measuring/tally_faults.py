"""Faults of all lists of a file, counted; and the few rows of them that a person or a suite looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.measuring.evidence import Evidence
from jobs.measuring.find_faults import Faults
from jobs.measuring.list_batches import ListBatch
from reco_contracts.reasons import REASONS, Reason

# Rows of a million lists that are kept: those with a fault first, and as many without one, spread over the file.
FAULTY_LISTS: Final = 1_000
SOUND_LISTS: Final = 1_000
EXAMPLES: Final = 5
_OF_REASONS: Final = frozenset({"missing_seeds", "needless_seeds", "foreign_seeds", "false_again", "false_new"})


@dataclass(frozen=True, slots=True)
class FoundFaults:
    """What was found in the lists of a file.

    Attributes:
        rows: one row a list: `subject`, and how much there is of each fault; not all lists.
        lists: all lists.
        counts: lists with each fault, among all.
        examples: the first bad places of each fault, in words.
    """

    rows: pl.DataFrame
    lists: int
    counts: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]


class FaultTally:
    """Adds up batches; holds at most FAULTY_LISTS + SOUND_LISTS rows."""

    def __init__(self, lists: int, evidence: Evidence) -> None:
        """Start empty.

        Args:
            lists: of the file.
            evidence: names items.
        """
        self._step = max(1, -(-lists // SOUND_LISTS))
        self._evidence = evidence
        self._lists = self._faulty = 0
        self._rows: list[pl.DataFrame] = []
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, batch: ListBatch, faults: Faults) -> None:
        """Count a batch.

        Args:
            batch: the lists.
            faults: of them.
        """
        columns = {name: batch.count(bad) for name, bad in faults.places.items()} | faults.lists
        is_faulty = np.any([column > 0 for column in columns.values()], axis=0)
        is_kept = is_faulty & (self._faulty + np.cumsum(is_faulty) <= FAULTY_LISTS)
        is_kept |= ~is_faulty & ((self._lists + np.arange(len(batch))) % self._step == 0)
        self._rows.append(pl.DataFrame({"subject": batch.subjects, **columns}).filter(pl.Series(is_kept)))
        self._lists += len(batch)
        self._faulty += int(is_faulty.sum())
        for name, column in columns.items():
            self._counts[name] = self._counts.get(name, 0) + int((column > 0).sum())
            self._name(name, batch, faults, column)

    def result(self) -> FoundFaults:
        """What was found so far."""
        rows = pl.concat(self._rows) if self._rows else pl.DataFrame({"subject": pl.Series([], dtype=pl.String)})
        examples = {name: tuple(found) for name, found in self._examples.items()}
        return FoundFaults(rows, self._lists, self._counts, examples)

    def _name(self, fault: str, batch: ListBatch, faults: Faults, column: npt.NDArray[np.int64]) -> None:
        found = self._examples.setdefault(fault, [])
        wanted = np.flatnonzero(column)[: EXAMPLES - len(found)]
        if fault in faults.lists:
            found.extend(f"subject={batch.subjects[int(row)]}" for row in wanted)
            return
        bad = np.flatnonzero(faults.places[fault])
        first = bad[np.searchsorted(batch.rows[bad], wanted)]
        found.extend(self._place(batch, int(entry), fault in _OF_REASONS) for entry in first)

    def _place(self, batch: ListBatch, entry: int, has_reason: bool) -> str:
        subject = batch.subjects[int(batch.rows[entry])]
        place = f"subject={subject}, position={batch.positions[entry]}, item={self._item(int(batch.items[entry]))}"
        if not has_reason:
            return place
        reason, seed = REASONS[Reason(int(batch.reasons[entry]))].code, int(batch.seeds[entry])
        return f"{place}, reason={reason}" + (f", seed={self._item(seed)}" if seed != -1 else "")

    def _item(self, index: int) -> str:
        names = self._evidence.item_ids.names
        return str(names[index]) if 0 <= index < len(names) else f"number {index}, not in the catalogue"
