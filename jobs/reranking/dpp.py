"""Determinantal point process: a list is good if its items are relevant and span a large volume."""

import numpy as np
import numpy.typing as npt

from jobs.reranking.likeness import OWN, Likeness, PoolLikeness


class Determinant:
    """Greedy MAP of a determinantal point process with kernel L = Diag(q) S Diag(q), S the likeness.

    With q[i] = exp(relevance[i] * (1 - strength) / (2 * strength)) the logarithm of det(L of a list) is, divided by
    strength, (1 - strength) * (sum of relevance) + strength * log det(S of the list): quality leaves the determinant,
    and nothing overflows however small the strength. What a candidate adds is

        (1 - strength) * relevance[i] + strength * log(d[i] ** 2),

    where d[i] ** 2 is the part of S[i, i] that the list does not explain. It is kept up to date by one more row of the
    Cholesky factor for each item taken: places * width numbers a step. The likeness has no eigenvalue below OWN, so
    neither has d[i] ** 2, and float32 is enough: fifty rounding errors are far from it.

    Source:
        Chen, Zhang, Zhou (2018), Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
        Diversity; the model is of Kulesza, Taskar (2012), Determinantal Point Processes for Machine Learning.
    """

    def __init__(
        self,
        relevance: npt.NDArray[np.float32],
        items: npt.NDArray[np.int32],
        likeness: Likeness,
        strength: float,
        depth: int,
    ) -> None:
        """Begin with empty lists.

        Args:
            relevance: float32, shape (n, width).
            items: int32, shape (n, width); -1 pads.
            likeness: of the items.
            strength: 0..1.
            depth: places that will be chosen.
        """
        self._relevance = np.float32(1 - strength) * relevance
        self._strength = np.float32(strength)
        self._alike = PoolLikeness(likeness, items)
        self._rows = np.arange(len(items))
        self._unexplained = np.ones(items.shape, dtype=np.float32)  # d ** 2
        self._factor = np.empty((len(items), depth, items.shape[1]), dtype=np.float32)

    def gains(self, step: int, out: npt.NDArray[np.float32]) -> None:
        """Relevance and the logarithm of what is not explained."""
        del step
        # Those that were taken are below the bound; they shall stay finite.
        np.maximum(self._unexplained, np.float32(OWN / 2), out=out)
        np.log(out, out=out)
        out *= self._strength
        out += self._relevance

    def take(self, step: int, chosen: npt.NDArray[np.int64]) -> None:
        """Add a row to the Cholesky factor."""
        row = self._factor[:, step]
        row[:] = self._alike.to_chosen(chosen)
        if step:
            known = self._factor[:, :step]
            # Not BLAS, whose order of adding may depend on the block.
            row -= np.einsum("nt,ntw->nw", known[self._rows, :, chosen], known)
        row /= np.sqrt(np.maximum(self._unexplained[self._rows, chosen], np.float32(OWN / 2)))[:, None]
        self._unexplained -= row * row
