"""What a hybrid's score is made of: its sources, by the kind of their signal."""

from typing import Final

import numpy as np
import numpy.typing as npt

from jobs.models.base import PAD, Contributors, Signal
from jobs.models.hybrid_features import PAIR_FEATURES
from jobs.models.hybrid_sources import OWN, Sources
from jobs.models.largest_shares import largest_of_dense
from jobs.ranking.interaction_matrix import Interactions

_Doubles = npt.NDArray[np.float64]
_OF_COMPONENT: Final = {
    "content": Signal.CONTENT,
    "user_neighbours": Signal.PEOPLE,
    "popularity": Signal.POPULARITY,
    OWN: Signal.OWN_HABIT,
}
_HABITS: Final = np.array([name.startswith("own_") for name in PAIR_FEATURES])
_HAD: Final = PAIR_FEATURES.index("own_days")


def shares_of_sources(split: _Doubles, values: npt.NDArray[np.float32], n_sources: int) -> _Doubles:
    """What each source adds to scores.

    A source speaks for the items that it lists. What a forest makes of a source's
    silence, and of features that are no source, goes to the last but one column. Only
    what it reads in the user's dealings with the item itself belongs to the source of
    own items, which is the last one.

    Args:
        split: float64, shape (m, width + 1), as a ranker gives it.
        values: float32, shape (m, width), what the ranker saw.
        n_sources: of which the first columns are, two each.

    Returns:
        float64, shape (m, n_sources + 2): the sources, all else, and what every candidate gets.
    """
    m, width = len(values), 2 * n_sources
    by_source = split[:, :width].reshape(m, n_sources, 2).sum(axis=2)
    is_listed = values[:, :width].reshape(m, n_sources, 2).any(axis=2)
    shares = np.zeros((m, n_sources + 2))
    shares[:, :n_sources] = np.where(is_listed, by_source, 0)
    rest = split[:, width:-1]
    if rest.shape[1]:
        had = values[:, width + _HAD] > 0
        shares[:, n_sources - 1] += np.where(had, rest[:, _HABITS].sum(axis=1), 0)
    shares[:, -1] = split[:, -1]
    shares[:, -2] = split.sum(axis=1) - shares.sum(axis=1)
    return shares


def name_signals(
    sources: Sources, shares: _Doubles, data: Interactions, items: npt.NDArray[np.int32], m: int
) -> Contributors:
    """Sum what sources of one kind add, each kind with the seed that its loudest source names.

    Args:
        sources: fitted.
        shares: float64, shape (n, k, number of sources + 2), see `shares_of_sources`; 0 where padded.
        data: of n users.
        items: int32, shape (n, k), their lists; -1 pads.
        m: contributors of each item.
    """
    kinds = np.array([_OF_COMPONENT.get(name, Signal.OWN_ITEM) for name in sources.names], dtype=np.uint8)
    names = [*np.unique(kinds).tolist(), Signal.OTHER, Signal.BASE]
    sums = np.zeros((*items.shape, len(names)))
    sums[:, :, -2:] = shares[:, :, -2:]
    signals = np.broadcast_to(np.array(names, dtype=np.uint8), sums.shape).copy()
    seeds = np.full(sums.shape, PAD, dtype=np.int32)
    for place, kind in enumerate(names[:-2]):
        members = np.flatnonzero(kinds == kind)
        sums[:, :, place] = shares[:, :, members].sum(axis=2)
        loudest = members[shares[:, :, members].argmax(axis=2)]
        for number in members:
            asked = np.where((loudest == number) & (sums[:, :, place] > 0), items, PAD).astype(np.int32)
            _ask(sources, int(number), data, asked, signals[:, :, place], seeds[:, :, place])
    found = largest_of_dense(signals[:, :, :-1], seeds[:, :, :-1], sums[:, :, :-1], m)
    _put_base_last(found, sums[:, :, -1])
    return found


def _put_base_last(found: Contributors, base: _Doubles) -> None:
    """What every candidate gets speaks for none of them: it comes behind all others, where there is room."""
    rows, places = np.nonzero((base != 0) & (found.signals[:, :, -1] == Signal.NONE))
    at = (found.signals[rows, places] != Signal.NONE).sum(axis=1)
    found.signals[rows, places, at], found.contributions[rows, places, at] = Signal.BASE, base[rows, places]


def _ask(
    sources: Sources,
    number: int,
    data: Interactions,
    items: npt.NDArray[np.int32],
    signals: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.int32],
) -> None:
    """Let a source name its own reason for some items, in place; an own item is its own seed."""
    name = sources.names[number]
    if name == OWN:
        seeds[items >= 0] = items[items >= 0]
    elif name in sources.active and (items >= 0).any():
        said = sources.active[name].explain(data, items, 1)
        has_said = said.signals[:, :, 0] != Signal.NONE
        signals[has_said], seeds[has_said] = said.signals[:, :, 0][has_said], said.seeds[:, :, 0][has_said]
