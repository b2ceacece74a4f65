"""Drafts between the two passes over the users, on disk: a million lists need not fit in memory."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

import numpy as np

from jobs.reranking.draft import Draft


class SpilledDrafts:
    """Blocks of drafts in a nameless file, read back in the order in which they came; gone when it is closed."""

    def __init__(self) -> None:
        """Open an empty file where the system keeps temporary ones (TMPDIR)."""
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._subjects: list[list[str]] = []

    def __enter__(self) -> Self:
        """Nothing more than the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file."""
        self._file.close()

    def add(self, draft: Draft) -> None:
        """Write one more block."""
        self._subjects.append(draft.subjects)
        for column in (draft.items, draft.scores, draft.sources):
            np.save(self._file, np.ascontiguousarray(column), allow_pickle=False)

    def read(self) -> Iterator[Draft]:
        """All blocks."""
        self._file.seek(0)
        for subjects in self._subjects:
            yield Draft(subjects, *(np.load(self._file, allow_pickle=False) for _ in range(3)))
