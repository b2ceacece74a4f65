"""User-user neighbours: what those chose who are most like a user.

    s_uv = r_u . r_v / (|r_u| |r_v| + shrinkage),   score_ui = sum over the nearest v of s_uv r_vi

The training matrix is the model: anybody with a history finds neighbours in it.
A user of the training data is the own nearest neighbour, which changes nothing
for items that the user does not have.

Source: Herlocker, Konstan, Borchers, Riedl (1999), An Algorithmic Framework for Performing Collaborative Filtering.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.base import PAD, Asked, Contributors, Signal, TopK
from jobs.models.block_size import blocks
from jobs.models.history import HistoryParameters
from jobs.models.history_model import HistoryModel
from jobs.models.largest_shares import largest_of_dense, no_contributors, put_contributors
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
    is_exact: ClassVar[bool] = True
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

    def explain(
        self,
        data: Interactions,
        items: npt.NDArray[np.int32],
        m: int = 1,
        asked: Asked | None = None,  # noqa: ARG002 - a score is what it is
    ) -> Contributors:
        """Split each score by what makes its neighbours alike.

        With the neighbours given, s_uv is a sum over the items j that both have, so

            score_ui = sum over j of  r_uj * sum over v of r_vj r_vi / (|r_u| |r_v| + shrinkage)
        """
        histories = self.read_history(data)
        result = no_contributors(items.shape, m)
        # BLAS threads under our own slow both down.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self._threads or os.cpu_count() or 1) as pool:
            for _ in pool.map(
                lambda rows: self._explain_rows(histories, items, rows, m, result), blocks(len(items), self.row_size)
            ):
                pass
        return result

    def _explain_rows(
        self, histories: csr_matrix, items: npt.NDArray[np.int32], rows: slice, m: int, result: Contributors
    ) -> None:
        nearest = self.nearest_users(histories[rows])
        split = _ScoreSplit(self._training, self._lengths, self._parameters.shrinkage)
        signal = np.array([Signal.PEOPLE], dtype=np.uint8)
        for row in range(rows.start, rows.stop):
            own = slice(histories.indptr[row], histories.indptr[row + 1])
            likely = slice(nearest.indptr[row - rows.start], nearest.indptr[row - rows.start + 1])
            if likely.start == likely.stop:
                continue
            history = histories.indices[own]
            shares = split.shares(history, histories.data[own], nearest.indices[likely], items[row])
            largest = largest_of_dense(signal, history, shares.T[None], m)
            put_contributors(result, row, Contributors(*(part[0] for part in largest)))

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


class _ScoreSplit:
    """Shares of own items in the scores of one user after the other.

    A user has some 200 neighbours with some dozens of items each: taking their rows
    from the matrix's own arrays is several times quicker than slicing it twice a user.
    """

    def __init__(self, training: csr_matrix, lengths: npt.NDArray[np.float32], shrinkage: float) -> None:
        self._training = training
        self._lengths = lengths
        self._shrinkage = shrinkage
        self._column = np.full(training.shape[1], PAD, dtype=np.int64)

    def shares(
        self,
        history: npt.NDArray[np.int32],
        weights: npt.NDArray[np.float32],
        neighbours: npt.NDArray[np.int32],
        items: npt.NDArray[np.int32],
    ) -> npt.NDArray[np.float32]:
        """What each own item adds to the score of each listed one by making neighbours alike.

        Args:
            history: int32, shape (h,), the own items.
            weights: float32, shape (h,), what they count.
            neighbours: int32, shape (n,), training users.
            items: int32, shape (k,); -1 pads.

        Returns:
            float32, shape (h, k); sums to the scores over the first axis; 0 where padded.
        """
        used = items >= 0
        wanted, column = np.unique(np.concatenate((history, items[used])), return_inverse=True)
        theirs = self._dense(neighbours, wanted)
        length = np.sqrt(np.square(weights, dtype=np.float64).sum())
        scale = (1 / (length * self._lengths[neighbours] + self._shrinkage)).astype(np.float32)
        own = theirs[:, column[: len(history)]] * scale[:, None]
        shares = np.zeros((len(history), len(items)), dtype=np.float32)
        shares[:, used] = weights[:, None] * (own.T @ theirs[:, column[len(history) :]])
        return shares

    def _dense(self, neighbours: npt.NDArray[np.int32], wanted: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """The neighbours' weights of some distinct items, float32, shape (n, len(wanted))."""
        starts = self._training.indptr[neighbours].astype(np.int64)
        counts = self._training.indptr[neighbours + 1] - starts
        place = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
        self._column[wanted] = np.arange(len(wanted))
        column = self._column[self._training.indices[place]]
        self._column[wanted] = PAD
        kept = np.flatnonzero(column >= 0)
        row = np.repeat(np.arange(len(neighbours)) * len(wanted), counts)[kept]
        block = np.zeros((len(neighbours), len(wanted)), dtype=np.float32)
        block.ravel()[row + column[kept]] = self._training.data[place[kept]]
        return block
