"""Give new items a guaranteed share of the first places, spread evenly over them.

A list keeps places for new items; which of them a user gets is drawn with

    p(item | user)  ~  exp(taste / TEMPERATURE + price)

among a few candidates, drawn evenly for each user: what the model has to score is
bounded, however many new items there are. Taste is the model's score, standardised
over the candidates, and the prices are such that over all users each new item gets
the same share. So a user sees new items that suit, and no new item is seen by nobody.
Every draw is a hash of user and item, not of chance: a user ranked alone or in
another block gets the same list.

Source: Cuturi (2013), Sinkhorn Distances, for prices that make the columns of a softmax sum to a target.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD, TopK
from jobs.reranking.draft import Draft, Source
from jobs.reranking.hash_pairs import id_words, mix_words, uniform_of
from jobs.reranking.insert_items import insert_items
from reco_contracts.hashing import HASH_SPACE

# Of a standard deviation of a user's scores: lower follows taste more, and is harder to spread evenly.
TEMPERATURE: Final = 0.25
# New items that a user is compared with.
CANDIDATES: Final = 32
_ROUNDS: Final = 50
_SAMPLE_USERS: Final = 4_096
_CELLS: Final = 4_000_000  # of a block of users x new items

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NewItems:
    """New items, and the places that they get.

    Attributes:
        items: int32, shape (n_new,), generation index of each, ascending.
        model_items: int32, shape (n_new,), the model's index of each; -1 = came after its training.
        names: item ids, shape (n_new,).
        prices: float64, shape (n_new,), see `spread_evenly`.
        share: part of the first places that is kept for them.
        first: so many places of a list are the first ones.
        salt: of the hash; one a run date and seed.
    """

    items: npt.NDArray[np.int32]
    model_items: npt.NDArray[np.int32]
    names: tuple[str, ...]
    prices: Floats
    share: float
    first: int
    salt: str


def standard_scores(scores: npt.NDArray[np.float32]) -> Floats:
    """Scores of each row with mean 0 and standard deviation 1; zeros where a row does not vary.

    Args:
        scores: float32, shape (n, n_new).
    """
    centred = scores - scores.mean(axis=1, keepdims=True, dtype=np.float64)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9))


def draw_candidates(users: list[str], names: tuple[str, ...], salt: str) -> npt.NDArray[np.int64]:
    """The new items that each user is compared with.

    Args:
        users: n ids.
        names: ids of the new items.
        salt: of the hash.

    Returns:
        Positions in `names`, shape (n, at most CANDIDATES), ascending.
    """
    n_new = len(names)
    if n_new <= CANDIDATES:
        return np.tile(np.arange(n_new), (len(users), 1))
    drawn = np.empty((len(users), CANDIDATES), dtype=np.int64)
    of_user, of_item = id_words(f"{salt}|candidates", users), id_words(f"{salt}|candidates", names)
    step = max(1, _CELLS // n_new)
    for start in range(0, len(users), step):
        rows = slice(start, start + step)
        mixed = mix_words(of_user[rows, None] ^ of_item[None, :])
        drawn[rows] = np.sort(np.argpartition(mixed, CANDIDATES, axis=1)[:, :CANDIDATES], axis=1)
    return drawn


def spread_evenly(scores: npt.NDArray[np.float32], candidates: npt.NDArray[np.int64], n_new: int) -> Floats:
    """Prices under which each new item gets the same share of the draws.

    Args:
        scores: float32, shape (n, c), the model's, for the candidates of a sample of users.
        candidates: shape (n, c), see `draw_candidates`.
        n_new: new items.

    Returns:
        float64, shape (n_new,); they sum to 0.
    """
    taste = standard_scores(scores) / TEMPERATURE
    fair = len(scores) / max(n_new, 1)
    is_sampled = np.bincount(candidates.ravel(), minlength=n_new) > 0
    prices = np.zeros(n_new)
    for _ in range(_ROUNDS if len(scores) else 0):
        chances = taste + prices[candidates]
        chances = np.exp(chances - chances.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        share = np.bincount(candidates.ravel(), weights=chances.ravel(), minlength=n_new) / fair
        prices -= np.where(is_sampled, np.log(np.maximum(share, 1e-12)), 0)
        prices -= prices.mean()
    return prices


def sample_rows(users: list[str], salt: str) -> npt.NDArray[np.int64]:
    """Rows of the users that prices are computed on: those with the lowest hashes, ascending.

    Args:
        users: all ids.
        salt: of the hash.
    """
    return np.sort(np.argsort(_hashes(salt, users), kind="stable")[:_SAMPLE_USERS])


def reserve_places(
    lists: Draft,
    scores: npt.NDArray[np.float32],
    candidates: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.bool_],
    blocked: csr_matrix,
    new: NewItems,
) -> Draft:
    """Put new items into the reserved places of each list.

    What stands there moves down by one; the last item of a full list falls out. A
    place is never the first, unless the list is empty. Where the item that was drawn
    is among the first places anyway, nothing is moved: the share is a floor, the same
    for each new item, and not a gift on top of what an item earns.

    Args:
        lists: n lists of k places.
        scores: float32, shape (n, c), the model's for the candidates.
        candidates: shape (n, c), see `draw_candidates`.
        allowed: bool, shape (n, c), may be shown to this user.
        blocked: CSR, shape (n, n_items); non-zero = never show.
        new: the new items.
    """
    first = min(new.first, lists.items.shape[1])
    chosen = choose_new_items(first, scores, candidates, lists.subjects, allowed, blocked, new)
    turns = chosen.items.shape[1]
    places = _places(lists.subjects, first, turns, new.salt)
    for turn in range(turns):
        items = chosen.items[:, turn]
        is_there = (lists.items[:, :first] == items[:, None]).any(axis=1)
        put = np.where(is_there, PAD, items)
        lists = insert_items(lists, put, chosen.scores[:, turn], places[:, turn], Source.NEW)
    return lists


def choose_new_items(
    first: int,
    scores: npt.NDArray[np.float32],
    candidates: npt.NDArray[np.int64],
    users: list[str],
    allowed: npt.NDArray[np.bool_],
    blocked: csr_matrix,
    new: NewItems,
) -> TopK:
    """Draw each user's new items, best first.

    Args:
        first: places that a share is reserved of.
        scores: float32, shape (n, c).
        candidates: shape (n, c), positions among the new items.
        users: n ids.
        allowed: bool, shape (n, c), may be shown to this user.
        blocked: CSR, shape (n, n_items); non-zero = never show.
        new: the new items.

    Returns:
        Generation indices and the model's scores, shape (n, most places a list); -1 and 0 where a list has fewer.
    """
    wanted = new.share * first
    whole, part = int(wanted), wanted - int(wanted)
    places = whole + (_hashes(f"{new.salt}|places", users) < part)
    width = min(whole + (part > 0), candidates.shape[1])
    of_user, of_item = id_words(new.salt, users), id_words(new.salt, new.names)
    utility = standard_scores(scores) / TEMPERATURE + new.prices[candidates]
    utility += _gumbel(of_user[:, None] ^ of_item[candidates])
    items = new.items[candidates]
    utility[_is_blocked(blocked, items) | ~allowed] = -np.inf
    order = np.argsort(-utility, axis=1, kind="stable")[:, :width]
    is_used = (np.take_along_axis(utility, order, axis=1) > -np.inf) & (np.arange(width) < places[:, None])
    chosen = np.where(is_used, np.take_along_axis(items, order, axis=1), PAD).astype(np.int32)
    return TopK(chosen, np.where(is_used, np.take_along_axis(scores, order, axis=1), 0).astype(np.float32))


def _is_blocked(blocked: csr_matrix, items: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Whether each cell (row, item) is stored in a matrix; shape of items."""
    cells = np.repeat(np.arange(blocked.shape[0]), np.diff(blocked.indptr)) * np.int64(blocked.shape[1])
    asked = np.arange(len(items))[:, None] * np.int64(blocked.shape[1]) + items
    return np.isin(asked, cells + blocked.indices)


def _places(users: list[str], first: int, turns: int, salt: str) -> npt.NDArray[np.int64]:
    """0-based places, one in each of `turns` equal stretches behind the first place, rising."""
    edges = 1 + (first - 1) * np.arange(turns + 1) / max(turns, 1)
    drawn = [_hashes(f"{salt}|{turn}", users) for turn in range(turns)]
    places = [edges[turn] + u * (edges[turn + 1] - edges[turn]) for turn, u in enumerate(drawn)]
    return np.array(places, dtype=np.int64).reshape(turns, len(users)).T


def _hashes(salt: str, names: list[str]) -> Floats:
    return id_words(salt, names) / float(HASH_SPACE)


def _gumbel(words: npt.NDArray[np.uint64]) -> Floats:
    """Standard Gumbel numbers out of bits: the largest of utility + noise is a draw from the utilities' softmax."""
    return np.asarray(-np.log(-np.log(np.clip(uniform_of(words), 1e-12, 1 - 1e-12))))
