"""EASE against the closed form of the paper, and its refusal."""

from dataclasses import replace

import numpy as np
import pytest
from small_log import purchases

from jobs.models.ease import EaseModel, EaseParameters
from reco_contracts.errors import ConfigError


def test_the_weights_are_the_closed_form_without_items_that_nobody_has() -> None:
    model = EaseModel(EaseParameters(regularization=4.0, weighting="linear"))
    model.fit(purchases())
    history = model.read_history(purchases()).toarray().astype(np.float64)[:, model.known]
    inverse = np.linalg.inv(history.T @ history + 4.0 * np.eye(history.shape[1]))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    assert model.weights.shape == (39, 39)
    np.testing.assert_allclose(model.weights, expected, rtol=1e-3, atol=1e-5)


def test_too_large_a_catalogue_is_refused_and_the_alternatives_are_named() -> None:
    model = EaseModel(EaseParameters(max_items=38))
    with pytest.raises(ConfigError, match=r'39 items.*at most 38.*"spectral" or "item_neighbours"'):
        model.fit(purchases())


def test_only_items_that_somebody_has_count_towards_the_limit() -> None:
    model = EaseModel(EaseParameters(max_items=39))
    model.fit(replace(purchases(), n_items=100_000))
    assert model.weights.shape == (39, 39)
