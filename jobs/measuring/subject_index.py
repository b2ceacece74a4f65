"""Find names among a million others without a table of Python objects."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl


@dataclass(frozen=True, slots=True)
class SubjectIndex:
    """Distinct names; the position of a name is its row.

    A dictionary of a million names takes 150 MB, and a join builds its table again for
    every batch; sorted hashes take 16 bytes a name, and a look-up is a binary search.

    Attributes:
        names: the names.
        hashes: uint64, of the names, ascending.
        rows: int64, the row of each hash.
    """

    names: pl.Series
    hashes: npt.NDArray[np.uint64]
    rows: npt.NDArray[np.int64]

    def rows_of(self, names: pl.Series) -> npt.NDArray[np.int64]:
        """The row of each name, int64; -1 where it is not known.

        Args:
            names: strings, any order; null is not known.
        """
        if not len(self.names):
            return np.full(len(names), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.hashes, names.hash().to_numpy()), len(self.hashes) - 1)
        rows = self.rows[place]
        # Equal hashes of different names are as good as impossible, and would be another user's history.
        is_same = (self.names.gather(rows) == names).fill_null(value=False).to_numpy()
        return np.where(is_same, rows, -1)


def subject_index(names: pl.Series) -> SubjectIndex:
    """Index distinct names.

    Args:
        names: distinct strings.
    """
    hashes = names.hash().to_numpy()
    rows = np.argsort(hashes, kind="stable")
    return SubjectIndex(names, hashes[rows], rows)
