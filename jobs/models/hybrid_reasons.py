"""Why a hybrid lists an item: the reason of the source that speaks loudest for it."""

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD, Contributors, Model
from jobs.models.hybrid_sources import Sources
from jobs.ranking.interaction_matrix import Interactions, weight_matrix

_Floats = npt.NDArray[np.float32]


def explain_hybrid(
    sources: Sources, weights: _Floats, data: Interactions, items: npt.NDArray[np.int32]
) -> Contributors:
    """Name the own item that the loudest source gives as its reason.

    A source is as loud as its weight in the blend times its score of the item, as a share of its best
    score in the list. An item of which popularity is the loudest has no seed.

    Args:
        sources: fitted.
        weights: float32, shape (number of sources,), of the blend; or (n, number of sources), a row a user.
        data: of n users.
        items: int32, shape (n, k), their lists; -1 pads.
    """
    shares = _shares(sources, np.broadcast_to(weights, (len(items), len(sources.names))), data, items)
    loudest = shares.argmax(axis=0) if items.size else np.zeros(items.shape, dtype=np.int64)
    is_heard = (items >= 0) & (shares.max(axis=0, initial=0) > 0)
    seeds = np.full(items.shape, PAD, dtype=np.int32)
    contributions = np.zeros(items.shape, dtype=np.float32)
    for number, name in enumerate(sources.names):
        ours = is_heard & (loudest == number)
        if not ours.any():
            continue
        reasons = _reasons(sources.active.get(name), data, np.where(ours, items, PAD).astype(np.int32), shares[number])
        seeds = np.where(ours, reasons.seeds, seeds)
        contributions = np.where(ours, reasons.contributions, contributions)
    return Contributors(seeds, contributions)


def _shares(sources: Sources, weights: _Floats, data: Interactions, items: npt.NDArray[np.int32]) -> _Floats:
    """How loud each source is for each item, float32, shape (number of sources, n, k)."""
    found = np.zeros((len(sources.names), *items.shape), dtype=np.float32)
    for number, name in enumerate(sources.names):
        if not weights[:, number].any():
            continue
        model = sources.active.get(name)
        scores = _own_weights(data, items) if number == len(sources.components) else _scores(model, data, items)
        positive = np.where(items >= 0, np.maximum(scores, 0), 0)
        best = positive.max(axis=1, initial=0, keepdims=True)
        found[number] = weights[:, number, None] * positive / np.where(best > 0, best, 1)
    return found


def _scores(model: Model | None, data: Interactions, items: npt.NDArray[np.int32]) -> _Floats:
    return np.zeros(items.shape, dtype=np.float32) if model is None else model.score(data, items)


def _own_weights(data: Interactions, items: npt.NDArray[np.int32]) -> _Floats:
    own = weight_matrix(data)
    cells = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr)) * np.int64(data.n_items) + own.indices
    asked = np.arange(len(items))[:, None] * np.int64(data.n_items) + items
    if not len(cells):
        return np.zeros(items.shape, dtype=np.float32)
    place = np.minimum(np.searchsorted(cells, asked), len(cells) - 1)
    return np.where((items >= 0) & (cells[place] == asked), own.data[place], 0).astype(np.float32)


def _reasons(model: Model | None, data: Interactions, items: npt.NDArray[np.int32], shares: _Floats) -> Contributors:
    """A component's own explanation; an own item explains itself."""
    if model is not None:
        return model.explain(data, items)
    return Contributors(items, np.where(items >= 0, shares, 0).astype(np.float32))
