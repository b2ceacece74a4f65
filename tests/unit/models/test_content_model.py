"""Descriptions against the TF-IDF formula, and items that nobody has touched."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer
from small_log import N_ITEMS, purchases

from jobs.models.content import ContentModel, ContentParameters, description_vectors


def formula(counts: np.ndarray, title_weight: float) -> np.ndarray:
    n = len(counts)
    rarity = np.log((1 + n) / (1 + (counts > 0).sum(axis=0))) + 1
    values = np.where(counts > 0, 1 + np.log(np.where(counts > 0, counts, 1)), 0) * rarity
    values[:, :8] *= title_weight
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


@pytest.mark.parametrize("title_weight", [1.0, 0.3])
def test_descriptions_are_tf_idf_of_length_one(title_weight: float) -> None:
    content = purchases().content
    assert content is not None
    expected = formula(content.words.toarray().astype(np.float64), title_weight)
    np.testing.assert_allclose(description_vectors(content, title_weight).toarray(), expected, rtol=1e-5, atol=1e-7)


def test_descriptions_are_those_of_scikit_learn() -> None:
    content = purchases().content
    assert content is not None
    theirs = TfidfTransformer(sublinear_tf=True).fit_transform(content.words)
    np.testing.assert_allclose(description_vectors(content).toarray(), theirs.toarray(), rtol=1e-5, atol=1e-7)


def test_a_share_is_the_cosine_with_an_own_item() -> None:
    model = ContentModel(ContentParameters())
    model.fit(purchases())
    content = purchases().content
    assert content is not None
    vectors = formula(content.words.toarray().astype(np.float64), 1.0)
    np.testing.assert_allclose(model.columns(np.arange(N_ITEMS)), vectors @ vectors.T, rtol=1e-4, atol=1e-6)


def test_an_item_without_a_word_is_in_no_list_and_one_that_nobody_has_is() -> None:
    model = ContentModel(ContentParameters())
    model.fit(purchases())
    items = model.recommend(purchases(), N_ITEMS).items
    assert 0 not in items
    assert (items == N_ITEMS - 1).any()
