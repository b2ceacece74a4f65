"""PureSVD and the spectral filter against dense NumPy."""

import numpy as np
import pytest
from small_log import N_ITEMS, N_USERS, purchases

from jobs.models import spectral
from jobs.models.pure_svd import PureSvdModel, PureSvdParameters
from jobs.models.singular_vectors import leading_item_vectors
from jobs.models.spectral import SpectralModel, SpectralParameters

EVERY_ITEM = np.tile(np.arange(N_ITEMS, dtype=np.int32), (N_USERS, 1))


def power(degrees: np.ndarray, exponent: float) -> np.ndarray:
    return np.where(degrees > 0, np.where(degrees > 0, degrees, 1) ** exponent, 0)


def normalised(history: np.ndarray, item_exponent: float) -> np.ndarray:
    return power(history.sum(axis=1), -0.5)[:, None] * history * power(history.sum(axis=0), -item_exponent)


def projection(matrix: np.ndarray, n: int) -> np.ndarray:
    vectors = np.linalg.svd(matrix)[2][:n].T
    return vectors @ vectors.T


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_pure_svd_rebuilds_histories_from_the_leading_vectors_of_the_normalised_matrix(exponent: float) -> None:
    model = PureSvdModel(PureSvdParameters(factors=5, item_exponent=exponent, weighting="linear"), seed=1)
    model.fit(purchases())
    history = model.read_history(purchases()).toarray().astype(np.float64)
    degrees = history.sum(axis=0)
    projected = projection(normalised(history, exponent), 5)
    expected = history * power(degrees, -exponent) @ projected * power(degrees, exponent)
    np.testing.assert_allclose(model.score(purchases(), EVERY_ITEM), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_the_filter_is_that_of_the_paper_whether_the_links_are_held_or_not(
    is_held: bool, alpha: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectral, "_HELD_BLOCKS", 16 if is_held else 0)
    model = SpectralModel(SpectralParameters(factors=5, alpha=alpha, weighting="linear"), seed=1)
    model.fit(purchases())
    history = model.read_history(purchases()).toarray().astype(np.float64)
    matrix, degrees = normalised(history, 0.5), history.sum(axis=0)
    low_pass = power(degrees, -0.5)[:, None] * projection(matrix, 5) * power(degrees, 0.5)
    expected = history @ (matrix.T @ matrix + alpha * low_pass)
    np.testing.assert_allclose(model.score(purchases(), EVERY_ITEM), expected, rtol=1e-4, atol=1e-4)


def test_vectors_are_orthonormal_best_first_and_have_one_sign_for_every_seed() -> None:
    matrix = PureSvdModel(PureSvdParameters()).start_fit(purchases())
    first, second = (leading_item_vectors(matrix, 4, seed) for seed in (1, 2))
    np.testing.assert_allclose(first.T @ first, np.eye(4), atol=1e-5)
    np.testing.assert_allclose(first, second, atol=1e-3)
    strength = np.linalg.norm(matrix @ first, axis=0)
    assert (np.diff(strength) < 0).all()


def test_more_vectors_than_the_matrix_has_are_all_it_has() -> None:
    matrix = PureSvdModel(PureSvdParameters()).start_fit(purchases())
    vectors = leading_item_vectors(matrix, 500, seed=1)
    assert vectors.shape == (N_ITEMS, np.linalg.matrix_rank(matrix.toarray()))
