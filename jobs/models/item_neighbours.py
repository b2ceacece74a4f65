"""Item-item neighbours: what goes with the items that a user has.

    s_ij = x_i . x_j / (|x_i| |x_j| + shrinkage)

where x_i is the column of item i of the matrix, weighted by BM25, by TF-IDF or
not at all. Shrinkage takes likeness from pairs that rest on few users. Each item
keeps its nearest neighbours and itself.

Source: Ferrari Dacrema, Cremonesi, Jannach (2019), Are We Really Making Much Progress?, section 3.2.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from implicit.nearest_neighbours import bm25_weight, tfidf_weight
from scipy.sparse import csr_matrix, vstack

from jobs.models.block_size import uneven_blocks
from jobs.models.history import HistoryParameters
from jobs.models.likeness import list_matrix, row_lengths, shrunk_cosines
from jobs.models.linear import LinearModel
from jobs.models.model_files import csr_arrays, csr_from, csr_names, load_arrays, save_arrays
from jobs.models.top_k import best_of_sparse_scores, without_zeros
from jobs.progress import progress_bar
from jobs.ranking.interaction_matrix import Interactions

_K1, _B = 1.2, 0.75
# What a cosine takes while the nearest are found, in numbers of 4 bytes: value, column, row and their copies.
_CELL_NUMBERS = 8


class ItemNeighbourParameters(HistoryParameters, frozen=True, kw_only=True):
    """What the neighbours are found with; see [train.item_neighbours] in reco.toml.

    Attributes:
        neighbours: kept for each item, without itself.
        shrinkage: added to the product of the lengths.
        feature_weighting: "none", "bm25" or "tfidf".
    """

    neighbours: int = 200
    shrinkage: float = 10.0
    feature_weighting: str = "none"


class ItemNeighboursModel(LinearModel[ItemNeighbourParameters]):
    """Sparse S: row i holds the nearest neighbours of item i. Items without a link to a history are not ranked."""

    name: ClassVar[str] = "item_neighbours"
    parameters_type = ItemNeighbourParameters

    def __init__(self, parameters: ItemNeighbourParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.similarity = csr_matrix((0, 0), dtype=np.float32)

    def fit(self, data: Interactions) -> None:
        """Find the neighbours."""
        weighted = feature_weights(self.start_fit(data), self._parameters.feature_weighting)
        self.hold(nearest_items(weighted, self._parameters.neighbours, self._parameters.shrinkage))

    @property
    def row_size(self) -> int:
        """A block is made sparse before it is dense: a value, a column and a score for each item at most."""
        return 3 * len(self.known)

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Sum the rows of the own items."""
        return without_zeros((histories @ self.similarity).toarray())

    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Whose neighbours the items are."""
        return np.asarray(self._transposed[items].toarray())

    def save(self, folder: Path) -> None:
        """Write the neighbours."""
        arrays = csr_arrays("similarity", self.similarity) | {"known": self.known}
        save_arrays(folder, self.name, arrays, mean_weight=self.mean_weight)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, (*csr_names("similarity"), "known"))
        model = cls.create(parameters, 0, threads)
        model.known, model.mean_weight = arrays["known"], state["mean_weight"]
        model.hold(csr_from("similarity", arrays))
        return model

    def hold(self, similarity: csr_matrix) -> None:
        """Take neighbours as what was learned: CSR float32, shape (n_items, n_items)."""
        self.similarity = similarity
        self._transposed = similarity.T.tocsr()


def feature_weights(histories: csr_matrix, kind: str) -> csr_matrix:
    """Weigh a users x items matrix: users with many items say less of each.

    Args:
        histories: CSR float32, shape (n_users, n_items).
        kind: "none", "bm25" or "tfidf".
    """
    if kind == "none" or histories.nnz == 0:
        return histories
    # The library counts items as documents and users as words.
    by_item = histories.T
    weighted = bm25_weight(by_item, _K1, _B) if kind == "bm25" else tfidf_weight(by_item)
    return weighted.T.tocsr().astype(np.float32)


def nearest_items(matrix: csr_matrix, neighbours: int, shrinkage: float) -> csr_matrix:
    """The nearest neighbours of each column, and the column itself.

    Products are made a block of columns at a time, so that memory does not grow with columns squared.

    Args:
        matrix: CSR float32, shape (n_rows, n_columns).
        neighbours: kept for each column, without itself; ties by index.
        shrinkage: added to the product of the lengths.

    Returns:
        CSR float32, shape (n_columns, n_columns), positive, sorted columns.
    """
    by_column = matrix.T.tocsr()
    lengths, n = row_lengths(by_column), matrix.shape[1]
    # What a row of the product can take at most: each of its rows brings all it has.
    sizes = (by_column != 0).astype(np.int64) @ np.diff(matrix.indptr).astype(np.int64)
    parts = [csr_matrix((0, n), dtype=np.float32)]
    with progress_bar("Find neighbours of items", n) as advance:
        for rows in uneven_blocks(_CELL_NUMBERS * np.minimum(sizes, n)):
            cosines = shrunk_cosines(by_column[rows], matrix, lengths, shrinkage)
            parts.append(_nearest_and_itself(cosines, rows.start, neighbours))
            advance(rows.stop - rows.start)
    return vstack(parts, format="csr")


def _nearest_and_itself(cosines: csr_matrix, first: int, neighbours: int) -> csr_matrix:
    row = np.repeat(np.arange(cosines.shape[0]), np.diff(cosines.indptr))
    is_itself = row + first == cosines.indices
    itself = csr_matrix((cosines.data[is_itself], (row[is_itself], cosines.indices[is_itself])), shape=cosines.shape)
    cosines.data[is_itself] = 0
    nearest = list_matrix(best_of_sparse_scores(cosines, neighbours), cosines.shape[1])
    both = (nearest + itself).tocsr()
    both.sort_indices()
    return both.astype(np.float32)
