"""User-user neighbours: what those chose who are most like a user.

    s_uv = r_u . r_v / (|r_u| |r_v| + shrinkage),   score_ui = sum over the nearest v of s_uv r_vi

The training matrix is the model: anybody with a history finds neighbours in it.
A user of the training data is the own nearest neighbour, which changes nothing
for items that the user does not have.

Source: Herlocker, Konstan, Borchers, Riedl (1999), An Algorithmic Framework for Performing Collaborative Filtering.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, Contributors, TopK
from jobs.models.block_size import blocks
from jobs.models.history import HistoryParameters
from jobs.models.history_model import HistoryModel
from jobs.models.likeness import list_matrix, row_lengths, shrunk_cosines
from jobs.models.model_files import csr_arrays, csr_from, csr_names, load_arrays, save_arrays
from jobs.models.top_k import best_in_blocks, best_of_sparse_scores, without_zeros
from jobs.ranking.interaction_matrix import Interactions, cell_matrix


class UserNeighbourParameters(HistoryParameters, frozen=True, kw_only=True):
    """Who counts as a neighbour; see [train.user_neighbours] in reco.toml.

    Attributes:
        neighbours: that a user is given.
        shrinkage: added to the product of the lengths.
    """

    neighbours: int = 200
    shrinkage: float = 0.0


class UserNeighboursModel(HistoryModel[UserNeighbourParameters]):
    """The histories of the training users; items that no neighbour has are not ranked."""

    name: ClassVar[str] = "user_neighbours"
    parameters_type = UserNeighbourParameters

    def __init__(self, parameters: UserNeighbourParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.hold(csr_matrix((0, 0), dtype=np.float32))

    @property
    def row_size(self) -> int:
        """A block may be as good as dense over items and over the training users."""
        return sum(self._training.shape)

    def fit(self, data: Interactions) -> None:
        """Keep the histories."""
        self.hold(self.start_fit(data))

    def nearest_users(self, histories: csr_matrix) -> csr_matrix:
        """The neighbours of some users.

        Args:
            histories: CSR float32, shape (n, n_items).

        Returns:
            CSR float32, shape (n, training users), their likeness.
        """
        likeness = shrunk_cosines(histories, self._by_item, self._lengths, self._parameters.shrinkage)
        return list_matrix(best_of_sparse_scores(likeness, self._parameters.neighbours), likeness.shape[1])

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Sum the histories of the neighbours."""
        return without_zeros((self.nearest_users(histories) @ self._training).toarray())

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Rank items by the cosine of their users."""
        lengths = row_lengths(self._by_item)
        return best_in_blocks(
            lambda part: without_zeros(
                shrunk_cosines(self._by_item[items[part]], self._training, lengths, 0.0).toarray()
            ),
            len(items),
            k,
            self.known if candidates is None else self.known & candidates,
            cell_matrix(np.arange(len(items), dtype=np.int32), items, (len(items), len(self.known))),
            self._threads,
            self.row_size,
        )

    def explain(self, data: Interactions, items: npt.NDArray[np.int32]) -> Contributors:
        """Name the own item with the largest exact share of each score, the neighbours taken as given."""
        histories = self.read_history(data)
        result = Contributors(np.full(items.shape, PAD, dtype=np.int32), np.zeros(items.shape, dtype=np.float32))
        for rows in blocks(len(items), self.row_size):
            nearest = self.nearest_users(histories[rows])
            for user in range(rows.start, rows.stop):
                likely = nearest[user - rows.start]
                if likely.nnz:
                    self._name_largest(histories[user], likely.indices, items[user], user, result)
        return result

    def shares(
        self, history: csr_matrix, neighbours: npt.NDArray[np.int32], items: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """What each own item adds to the score of each listed one by making neighbours alike.

        Args:
            history: CSR float32, shape (1, n_items).
            neighbours: int32, shape (n,), training users.
            items: int32, shape (k,), no padding.

        Returns:
            float32, shape (own items, k); sums to the scores over the first axis.
        """
        theirs = self._training[neighbours]
        length = np.sqrt(np.square(history.data, dtype=np.float64).sum())
        scale = 1 / (length * self._lengths[neighbours] + self._parameters.shrinkage)
        own = theirs[:, history.indices].toarray() * history.data * scale[:, None]
        return np.asarray(own.T @ theirs[:, items].toarray(), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the histories."""
        arrays = csr_arrays("training", self._training)
        save_arrays(folder, self.name, arrays, mean_weight=self.mean_weight)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, csr_names("training"))
        model = cls.create(parameters, 0, threads)
        model.mean_weight = state["mean_weight"]
        model.hold(csr_from("training", arrays))
        return model

    def hold(self, training: csr_matrix) -> None:
        """Take histories as what was learned: CSR float32, shape (training users, n_items)."""
        self._training, self._by_item = training, training.T.tocsr()
        self._lengths = row_lengths(training)
        self.known = np.diff(self._by_item.indptr) > 0

    def _name_largest(
        self,
        history: csr_matrix,
        neighbours: npt.NDArray[np.int32],
        items: npt.NDArray[np.int32],
        user: int,
        result: Contributors,
    ) -> None:
        places = np.flatnonzero(items >= 0)
        shares = self.shares(history, neighbours, items[places])
        largest = shares.max(axis=0)
        is_reason = largest > 0
        result.seeds[user, places] = np.where(is_reason, history.indices[shares.argmax(axis=0)], PAD)
        result.contributions[user, places] = np.where(is_reason, largest, 0)
