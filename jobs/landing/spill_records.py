"""Checked records of one file on their way: the rows on disk, only counts in memory."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from jobs.landing.landed_schema import CheckedRecords

_EXAMPLES: Final = 3
# Small row groups: a spill is sorted by date, so that a reader of some dates skips most of it.
_ROW_GROUP: Final = 16_384


class Spill:
    """Takes checked records chunk by chunk.

    Attributes:
        valid: Parquet files of valid rows with `event_date`, each in order of date and line.
        rejected: Parquet files of rejected rows, in order of line.
        lines_in: records taken.
        rows_by_date: valid rows of each date.
        reasons: rejected rows of each reason.
        examples: the first rejected rows, for messages: line, reason, detail, raw.
    """

    def __init__(self, folder: Path) -> None:
        """Start empty.

        Args:
            folder: an empty folder for the files.
        """
        self.valid: list[Path] = []
        self.rejected: list[Path] = []
        self.lines_in = 0
        self.rows_by_date: Counter[date] = Counter()
        self.reasons: Counter[str] = Counter()
        self.examples: list[tuple[int, str, str, str]] = []
        self._folder = folder

    @property
    def landed(self) -> int:
        """Valid rows."""
        return self.rows_by_date.total()

    @property
    def quarantined(self) -> int:
        """Rejected rows."""
        return self.reasons.total()

    def add(self, checked: CheckedRecords, lines_in: int) -> None:
        """Take one chunk.

        Args:
            checked: its records, split; valid ones with `event_date`.
            lines_in: how many records the chunk had.
        """
        if checked.valid.height + checked.rejected.height != lines_in:
            raise AssertionError(
                f"{lines_in} records became {checked.valid.height} valid and {checked.rejected.height} rejected ones"
            )
        self.lines_in += lines_in
        if checked.valid.height:
            self._add_valid(checked.valid)
        if checked.rejected.height:
            self._add_rejected(checked.rejected)

    def _add_valid(self, rows: pl.DataFrame) -> None:
        path = self._folder / f"valid-{len(self.valid):06d}.parquet"
        rows.sort("event_date", "line").write_parquet(path, compression="lz4", row_group_size=_ROW_GROUP)
        self.valid.append(path)
        self.rows_by_date.update(dict(rows.group_by("event_date").len().iter_rows()))

    def _add_rejected(self, rows: pl.DataFrame) -> None:
        path = self._folder / f"rejected-{len(self.rejected):06d}.parquet"
        rows.write_parquet(path, compression="lz4")
        self.rejected.append(path)
        self.reasons.update(dict(rows.group_by("reason").len().iter_rows()))
        free = _EXAMPLES - len(self.examples)
        self.examples.extend(rows.select("line", "reason", "detail", "raw").head(free).iter_rows())
