"""Alternating least squares for implicit feedback, through the library `implicit`.

A weight becomes a confidence c = 1 + alpha * f(weight / mean weight), f linear
or log(1 + x). `implicit` takes c itself as the matrix value (it adds (c - 1) to
the normal equations for stored cells and 1 for all others), so its own factor
`alpha`, which would scale c as a whole, stays at 1.

Source: Hu, Koren, Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from jobs.models.base import Asked, Contributors, TopK
from jobs.models.content_factors import blend_with_content
from jobs.models.history import relative_weights, require_items
from jobs.models.model_files import load_arrays, save_arrays
from jobs.models.top_k import best_by_product, product_scores, spread_lists
from jobs.progress import progress_bar
from jobs.ranking.explain_als import best_contributors
from jobs.ranking.interaction_matrix import Interactions, weight_matrix
from reco_contracts.errors import ContractError
from reco_contracts.train_settings import TrainSection


class AlsParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What ALS is fitted with; see [train.als] in reco.toml.

    Attributes:
        factors: length of a vector.
        regularization: lambda, added to the diagonal of each normal equation.
        alpha: how much faster confidence grows than weight.
        half_life_days: age at which an interaction counts half; 0 = never.
        weighting: "linear" or "log".
        iterations: passes over users and items.
        content_users: what an item's content says of it weighs as much as so many users; 0 = nothing.
        content_regularization: lambda of the regression from words to factors.
    """

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 10.0
    half_life_days: float = 0.0
    weighting: str = "linear"
    iterations: int = 15
    content_users: float = 0.0
    content_regularization: float = 1.0


class AlsModel:
    """Weighted matrix factorisation.

    Only item factors are kept. User factors are solved exactly from them whenever a
    list is made: a user of the training set and the same user later get the same
    list, and the shares of an explanation sum to the score.

    An item that nobody chose is never recommended, unless its content says where
    it belongs (`content_users`); the users are solved from the blended factors, so
    shares of an explanation sum to the score of such an item too.
    """

    name: ClassVar[str] = "als"
    is_exact: ClassVar[bool] = True

    def __init__(self, parameters: AlsParameters, seed: int = 0, threads: int = 0) -> None:
        """Hold the parameters; nothing is learned yet."""
        self._parameters = parameters
        self._seed = seed
        self._threads = threads
        self.mean_weight = 1.0
        self.item_factors = np.zeros((0, parameters.factors), dtype=np.float32)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the model is fitted with."""
        return msgspec.structs.asdict(self._parameters)

    @classmethod
    def search_space(cls, settings: TrainSection) -> dict[str, Sequence[Any]]:
        """The lists of [train.als]."""
        return settings.als.model_dump()

    @classmethod
    def create(cls, parameters: Mapping[str, Any], seed: int, threads: int) -> Self:
        """A model that is not fitted yet."""
        return cls(msgspec.convert(parameters, AlsParameters), seed, threads)

    def weights(self, data: Interactions) -> csr_matrix:
        """Decayed weights, CSR float32, shape (n_users, n_items)."""
        return weight_matrix(data, self._parameters.half_life_days)

    def fit(self, data: Interactions) -> None:
        """Factorise; the result depends on data, parameters and seed, not on threads."""
        weights = self.weights(data)
        self.mean_weight = float(weights.data.mean(dtype=np.float64)) if weights.nnz else 1.0
        confidences = self.confidences(weights)
        # BLAS threads under implicit's own slow both down.
        with threadpool_limits(1, "blas"):
            solver = self._solver()
            with progress_bar("Fit ALS", self._parameters.iterations) as advance:
                solver.fit(confidences, show_progress=False, callback=lambda *_: advance())
        self.item_factors = np.ascontiguousarray(solver.item_factors)
        # Without a single interaction only the random start would be left, shrunk.
        users_of_item = np.bincount(confidences.indices, minlength=data.n_items)
        self.item_factors[users_of_item == 0] = 0
        if data.content is not None:
            self.item_factors = blend_with_content(
                self.item_factors,
                users_of_item,
                data.content.words,
                self._parameters.content_users,
                self._parameters.content_regularization,
                data.exposure,
            )

    def confidences(self, weights: csr_matrix) -> csr_matrix:
        """Turn weights into c_ui, the same scale for training and later histories.

        Args:
            weights: CSR float32, positive.
        """
        relative = relative_weights(weights.data, self.mean_weight, self._parameters.weighting)
        values = (1.0 + self._parameters.alpha * relative).astype(np.float32)
        return csr_matrix((values, weights.indices, weights.indptr), shape=weights.shape)

    def fold_in(self, histories: csr_matrix) -> npt.NDArray[np.float32]:
        """Solve the factors of users from their histories alone (Cholesky, exact).

        Args:
            histories: CSR float32, shape (n, n_items), weights.

        Returns:
            float32, shape (n, n_factors); zeros for an empty history.
        """
        n = histories.shape[0]
        if n == 0 or self.item_factors.shape[0] == 0:
            return np.zeros((n, self._parameters.factors), dtype=np.float32)
        with threadpool_limits(1, "blas"):
            solver = self._solver()
            solver.item_factors = self.item_factors
            factors = solver.recalculate_user(np.arange(n), self.confidences(histories))
        return np.asarray(factors, dtype=np.float32)

    def recommend(
        self,
        data: Interactions,
        k: int,
        blocked: csr_matrix | None = None,
        candidates: npt.NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Rank items for users; a user without weights gets an empty list."""
        require_items(self.name, len(self.item_factors), data)
        histories = self.weights(data)
        users = self.fold_in(histories)
        known = np.flatnonzero(np.diff(histories.indptr) > 0)
        lists = best_by_product(
            users[known],
            self.item_factors,
            k,
            self._columns(candidates),
            None if blocked is None else blocked[known],
            self._threads,
        )
        return spread_lists(lists, known, len(users))

    def score(self, data: Interactions, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """The products of user and item factors."""
        return product_scores(self.fold_in(self.weights(data)), self.item_factors, items)

    def similar_items(
        self, items: npt.NDArray[np.int32], k: int, candidates: npt.NDArray[np.bool_] | None = None
    ) -> TopK:
        """Rank items by the cosine of their factors."""
        norms = np.linalg.norm(self.item_factors, axis=1, keepdims=True)
        directions = (self.item_factors / np.where(norms > 0, norms, 1)).astype(np.float32)
        known = np.flatnonzero(norms[items, 0] > 0)
        own = csr_matrix(
            (np.ones(len(known), dtype=np.float32), items[known], np.arange(len(known) + 1)),
            shape=(len(known), len(directions)),
        )
        lists = best_by_product(directions[items[known]], directions, k, self._columns(candidates), own, self._threads)
        return spread_lists(lists, known, len(items))

    def explain(
        self,
        data: Interactions,
        items: npt.NDArray[np.int32],
        m: int = 1,
        asked: Asked | None = None,  # noqa: ARG002 - a score is what it is
    ) -> Contributors:
        """The own items with the largest exact shares of each score."""
        confidences = self.confidences(self.weights(data))
        return best_contributors(self.item_factors, confidences, self._parameters.regularization, items, m)

    def save(self, folder: Path) -> None:
        """Write the factors and the scale of weights."""
        save_arrays(
            folder, self.name, {"item_factors": self.item_factors}, mean_weight=self.mean_weight, seed=self._seed
        )

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, Any], threads: int) -> Self:
        """Read a saved model.

        Raises:
            ContractError: the folder does not hold this kind of model, or the factors do not fit the parameters.
        """
        arrays, state = load_arrays(folder, cls.name, ("item_factors",))
        model = cls.create(parameters, state["seed"], threads)
        model.item_factors, model.mean_weight = arrays["item_factors"], state["mean_weight"]
        if model.item_factors.shape[1:] != (model._parameters.factors,):  # noqa: SLF001 - our own class
            raise ContractError(
                f"{folder}: item factors of shape {model.item_factors.shape} do not fit parameters {dict(parameters)}"
            )
        return model

    def _columns(self, candidates: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.int32]:
        known = self.item_factors.any(axis=1)
        return np.flatnonzero(known if candidates is None else known & candidates).astype(np.int32)

    def _solver(self) -> AlternatingLeastSquares:
        return AlternatingLeastSquares(
            factors=self._parameters.factors,
            regularization=self._parameters.regularization,
            alpha=1.0,
            iterations=self._parameters.iterations,
            num_threads=self._threads,
            random_state=self._seed,
        )
