"""Item factors from content: where an item that nobody has chosen yet lies in the space of a model.

A ridge regression from TF-IDF words to the factors of items that enough users
chose gives every described item a factor. It is scaled so that over the whole
catalogue it is neither larger nor smaller than what items have: one that nobody
chose counts as 0 there, so a catalogue full of items that nobody wants makes the
content say little, and new items cannot crowd out the others.

An item's factor then is a mean of what its users say and of what its content says.
What was shown often and clicked less than others loses what its content says: a
model of choices alone would never learn that nobody wants it.

Source: Gantner, Drumond, Freudenthaler, Rendle, Schmidt-Thieme (2010), Learning Attribute-to-Feature
Mappings for Cold-Start Recommendations.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.ranking.interaction_matrix import ItemExposure

# Factors of items with fewer users are more chance than taste: nothing is learned from them.
MIN_USERS = 5
# A word of one item alone says nothing about another.
_MIN_ITEMS_A_WORD = 2
# Words that carry the regression; the rarest are left out above it. Their Gram matrix is dense: 72 MB.
_MAX_WORDS = 3_000
_BLOCK_ITEMS = 65_536
# New items are shown to people and in places that suit less than average: so much of the average click rate is fair.
_FAIR_RATE = 0.5
# Clicks that the content has in advance: with 1, an item without a click keeps half when 1 click would be fair.
_CLICKS_AHEAD = 1.0

Floats = npt.NDArray[np.float32]


def blend_with_content(
    factors: Floats,
    users_of_item: npt.NDArray[np.int64],
    words: csr_matrix,
    content_users: float,
    regularization: float,
    exposure: ItemExposure | None = None,
) -> Floats:
    """Move each item's factor towards its content's: (n * own + s * trust * content) / (n + s).

    Args:
        factors: float32, shape (n_items, n_factors), as the model learned them.
        users_of_item: int64, shape (n_items,), n: users who chose each item.
        words: CSR, shape (n_items, n_words), how often a word describes an item.
        content_users: s: the users that the content weighs as much as; 0 = the factors stay as they are.
        regularization: lambda of the ridge regression.
        exposure: what became of the items in lists; None = the content is trusted whatever happened.

    Returns:
        float32, shape (n_items, n_factors); an item without known words keeps its factor.
    """
    if content_users <= 0:
        return factors
    predicted = content_factors(factors, users_of_item, words, regularization)
    said = _is_said(predicted)
    if exposure is not None:
        predicted = predicted * trust_in_content(exposure)[:, None]
    own = (users_of_item / (users_of_item + content_users)).astype(np.float32)[:, None]
    return np.where(said[:, None], own * factors + (1 - own) * predicted, factors).astype(np.float32)


def trust_in_content(exposure: ItemExposure) -> Floats:
    """What lists have left of the expectation: (1 + clicks) / (1 + clicks that would be fair), at most 1.

    Fair is half of the average click rate.

    Source: the mean of a Gamma distribution after Poisson counts.

    Args:
        exposure: impressions of the items, and clicks on them.

    Returns:
        float32, shape (n_items,); 1 for what was not shown.
    """
    rate = _FAIR_RATE * exposure.clicked.sum() / max(int(exposure.shown.sum()), 1)
    trust = (_CLICKS_AHEAD + exposure.clicked) / (_CLICKS_AHEAD + rate * exposure.shown)
    return np.asarray(np.minimum(trust, 1), dtype=np.float32)


def content_factors(
    factors: Floats, users_of_item: npt.NDArray[np.int64], words: csr_matrix, regularization: float
) -> Floats:
    """Predict factors from words, at the scale of the catalogue.

    Args:
        factors: float32, shape (n_items, n_factors).
        users_of_item: int64, shape (n_items,); items with fewer than MIN_USERS are not learned from.
        words: CSR, shape (n_items, n_words).
        regularization: lambda, over one item's squared error.

    Returns:
        float32, shape (n_items, n_factors); zeros for an item without a word that was learned.
    """
    known = np.flatnonzero(users_of_item >= MIN_USERS)
    columns = _learned_words(words, known)
    if not len(columns):
        return np.zeros_like(factors)
    described = tf_idf(words[:, columns], known)
    coefficients = _ridge(described[known], factors[known], regularization)
    # One thread and fixed blocks: a sum in one order.
    predicted = np.zeros_like(factors)
    for start in range(0, len(factors), _BLOCK_ITEMS):
        rows = slice(start, start + _BLOCK_ITEMS)
        predicted[rows] = described[rows] @ coefficients
    return predicted * _scale(factors, predicted)


def tf_idf(words: csr_matrix, known: npt.NDArray[np.int64]) -> csr_matrix:
    """Weigh words by how few items they describe; each row gets length 1.

    Args:
        words: CSR, shape (n_items, n_words), counts.
        known: rows that document frequencies are counted in.

    Returns:
        CSR float32 of the same shape; idf is log((1 + n) / (1 + items with the word)) + 1.
    """
    items_with_word = np.bincount(words[known].indices, minlength=words.shape[1])
    rarity = np.log((1 + len(known)) / (1 + items_with_word)) + 1
    values = words.data * rarity[words.indices]
    lengths = np.sqrt(np.add.reduceat(np.append(values**2, 0), words.indptr[:-1].clip(max=len(values))))
    lengths = np.where(np.diff(words.indptr) > 0, lengths, 1)
    values = values / np.repeat(lengths, np.diff(words.indptr))
    return csr_matrix((values.astype(np.float32), words.indices, words.indptr), shape=words.shape)


def _learned_words(words: csr_matrix, known: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Columns of the words that describe several known items, the most frequent ones first in line."""
    frequency = np.bincount(words[known].indices, minlength=words.shape[1])
    columns = np.flatnonzero(frequency >= _MIN_ITEMS_A_WORD)
    order = np.lexsort((columns, -frequency[columns]))
    return np.sort(columns[order[:_MAX_WORDS]])


def _ridge(described: csr_matrix, factors: Floats, regularization: float) -> Floats:
    """Coefficients, float32, shape (n_words, n_factors), without an intercept: no words, no factor."""
    gram = (described.T @ described).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    with threadpool_limits(1, "blas"):
        solved = np.linalg.solve(gram, described.T.astype(np.float64) @ factors.astype(np.float64))
    return np.asarray(solved, dtype=np.float32)


def _scale(factors: Floats, predicted: Floats) -> np.float32:
    """The number c in 0..1 that makes c * predicted closest to the factors of all items with a prediction."""
    said = _is_said(predicted)
    together = np.sum(factors[said] * predicted[said], dtype=np.float64)
    alone = np.sum(predicted[said] ** 2, dtype=np.float64)
    return np.float32(np.clip(together / alone, 0, 1)) if alone > 0 else np.float32(0)


def _is_said(predicted: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(predicted.any(axis=1), dtype=np.bool_)
