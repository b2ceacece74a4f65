"""Content: items whose words are those of the user's own items.

An item is the TF-IDF of its words, of length 1; a user is the sum of the own
items, so that an own item's share of a score is its cosine with the item. Items
that nobody has touched are ranked like all others; items without a word are not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import Signal
from jobs.models.history import HistoryParameters, mean_weight_of
from jobs.models.likeness import row_lengths
from jobs.models.linear import LinearModel
from jobs.models.model_files import csr_arrays, csr_from, csr_names, load_arrays, save_arrays
from jobs.models.top_k import without_zeros
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.item_content import NAMED, ItemContent


class ContentParameters(HistoryParameters, frozen=True, kw_only=True):
    """How items are described; see [train.content] in reco.toml.

    Attributes:
        title_weight: of a word of the title, where a category, brand, seller or attribute weighs 1.
    """

    title_weight: float = 1.0


class ContentModel(LinearModel[ContentParameters]):
    """S as the cosines of descriptions, never held; items that share no word with a history are not ranked."""

    name: ClassVar[str] = "content"
    signal: ClassVar[Signal] = Signal.CONTENT
    parameters_type = ContentParameters

    def __init__(self, parameters: ContentParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        super().__init__(parameters, seed, threads)
        self.hold(csr_matrix((0, 0), dtype=np.float32))

    def fit(self, data: Interactions) -> None:
        """Describe the items; without any content there is nothing to rank by."""
        self.mean_weight = mean_weight_of(data, self._parameters)
        if data.content is None:
            self.hold(csr_matrix((data.n_items, 0), dtype=np.float32))
        else:
            self.hold(description_vectors(data.content, self._parameters.title_weight))

    @property
    def row_size(self) -> int:
        """A block is made sparse before it is dense: a value, a column and a score for each item at most."""
        return 3 * len(self.known)

    def item_scores(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Cosines with all descriptions, -inf where no word is shared."""
        return without_zeros((histories @ self._vectors @ self._by_word).toarray())

    def columns(self, items: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Cosines of the items with all items."""
        return np.asarray((self._vectors[items] @ self._by_word).toarray())

    def save(self, folder: Path) -> None:
        """Write the descriptions."""
        save_arrays(folder, self.name, csr_arrays("vectors", self._vectors), mean_weight=self.mean_weight)

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model.
        """
        arrays, state = load_arrays(folder, cls.name, csr_names("vectors"))
        model = cls.create(parameters, 0, threads)
        model.mean_weight = state["mean_weight"]
        model.hold(csr_from("vectors", arrays))
        return model

    def hold(self, vectors: csr_matrix) -> None:
        """Take descriptions as what was learned: CSR float32, shape (n_items, n_words), rows of length 1 or 0."""
        self._vectors, self._by_word = vectors, vectors.T.tocsr()
        self.known = np.diff(vectors.indptr) > 0


def description_vectors(content: ItemContent, title_weight: float = 1.0) -> csr_matrix:
    """TF-IDF of descriptions: 1 + log(count), times log((1 + n) / (1 + n with the word)) + 1, of length 1.

    Args:
        content: of the items.
        title_weight: of a word of the title, where others weigh 1.

    Returns:
        CSR float32, shape (n_items, n_words); an item without a word is an empty row.
    """
    words = content.words
    if words.nnz == 0:
        return csr_matrix(words.shape, dtype=np.float32)
    n, used_by = words.shape[0], np.bincount(words.indices, minlength=words.shape[1])
    rarity = (np.log((1 + n) / (1 + used_by)) + 1).astype(np.float32)
    values = (1 + np.log(words.data)) * rarity[words.indices]
    vectors = csr_matrix((values, words.indices, words.indptr), shape=words.shape)
    is_title = np.array([not set(word) & set(NAMED) for word in content.vocabulary])
    vectors.data *= np.where(is_title[vectors.indices], np.float32(title_weight), np.float32(1))
    vectors.data /= np.repeat(row_lengths(vectors), np.diff(vectors.indptr))
    return vectors
