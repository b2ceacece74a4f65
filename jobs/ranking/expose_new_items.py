"""Give new items a guaranteed share of the first places, spread evenly over them.

A list keeps places for new items; which of them a user gets is drawn with

    p(item | user)  ~  exp(taste / TEMPERATURE + price)

where taste is the model's score, standardised over the new items of the user, and
the prices are such that over all users each new item gets the same share. So a
user sees the new items that suit best, and no new item is seen by nobody. The
draw is a hash of user and item, not of chance: a user ranked alone, in another
block or on another day of the same run date gets the same list.

Source: Cuturi (2013), Sinkhorn Distances, for prices that make the columns of a softmax sum to a target.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD
from jobs.ranking.save_lists import ListBlock
from reco_contracts.hashing import HASH_SPACE, buckets_of
from reco_contracts.reasons import Reason

# Of a standard deviation of a user's scores: lower follows taste more, and is harder to spread evenly.
TEMPERATURE: Final = 0.25
_ROUNDS: Final = 50
_SAMPLE_USERS: Final = 2_048
_CELLS: Final = 4_000_000  # of a block of users x new items

Floats = npt.NDArray[np.float64]
_Number = TypeVar("_Number", np.int32, np.float32, np.uint8)


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


def spread_evenly(scores: npt.NDArray[np.float32]) -> Floats:
    """Prices under which each new item gets the same share of the draws.

    Args:
        scores: float32, shape (n, n_new), the model's, for a sample of users.

    Returns:
        float64, shape (n_new,); they sum to 0.
    """
    taste = standard_scores(scores) / TEMPERATURE
    n_new = scores.shape[1]
    prices = np.zeros(n_new)
    for _ in range(_ROUNDS if len(scores) else 0):
        chances = taste + prices
        chances = np.exp(chances - chances.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        prices -= np.log(np.maximum(chances.mean(axis=0) * n_new, 1e-12))
        prices -= prices.mean()
    return prices


def sample_rows(users: list[str], salt: str, n_new: int) -> npt.NDArray[np.int64]:
    """Rows of the users that prices are computed on: those with the lowest hashes, ascending.

    Args:
        users: all ids.
        salt: of the hash.
        n_new: new items; the more, the fewer users.
    """
    size = min(len(users), _SAMPLE_USERS, max(1, _CELLS // max(n_new, 1)))
    return np.sort(np.argsort(_hashes(salt, users), kind="stable")[:size])


def reserve_places(lists: ListBlock, scores: npt.NDArray[np.float32], blocked: csr_matrix, new: NewItems) -> ListBlock:
    """Put new items into the reserved places of each list.

    What stands there moves down by one; the last item of a full list falls out. A
    place is never the first, unless the list is empty. A new item that is among the
    first places anyway is not put there again, and does not count: the reserved
    share comes on top of what new items earn.

    Args:
        lists: n lists of k places.
        scores: float32, shape (n, n_new), the model's for the new items.
        blocked: CSR, shape (n, n_items); non-zero = never show.
        new: the new items.
    """
    first = min(new.first, lists.items.shape[1])
    chosen = choose_new_items(lists.items[:, :first], scores, lists.subjects, blocked, new)
    places = _places(lists.subjects, first, chosen.shape[1], new.salt)
    for turn in range(chosen.shape[1]):
        lists = _insert(lists, chosen[:, turn], places[:, turn])
    return lists


def choose_new_items(
    shown: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    users: list[str],
    blocked: csr_matrix,
    new: NewItems,
) -> npt.NDArray[np.int32]:
    """Draw each user's new items, best first.

    Args:
        shown: int32, shape (n, first), what is among the first places already.
        scores: float32, shape (n, n_new).
        users: n ids.
        blocked: CSR, shape (n, n_items); non-zero = never show.
        new: the new items.

    Returns:
        int32, shape (n, most places a list), generation indices; -1 where a list has fewer.
    """
    wanted = new.share * shown.shape[1]
    whole, part = int(wanted), wanted - int(wanted)
    places = whole + (_hashes(f"{new.salt}|places", users) < part)
    chosen = np.full((len(users), min(whole + (part > 0), len(new.items))), PAD, dtype=np.int32)
    of_user, of_item = _words(new.salt, users), _words(new.salt, new.names)
    step = max(1, _CELLS // max(len(new.items), 1))
    for start in range(0, len(users), step):
        rows = slice(start, start + step)
        utility = standard_scores(scores[rows]) / TEMPERATURE + new.prices
        utility += _gumbel(of_user[rows, None] ^ of_item[None, :])
        utility[blocked[rows][:, new.items].toarray() != 0] = -np.inf
        utility[(new.items[None, :, None] == shown[rows, None, :]).any(axis=2)] = -np.inf
        order = np.argsort(-utility, axis=1, kind="stable")[:, : chosen.shape[1]]
        is_used = (np.take_along_axis(utility, order, axis=1) > -np.inf) & (
            np.arange(chosen.shape[1]) < places[rows, None]
        )
        chosen[rows] = np.where(is_used, new.items[order], PAD)
    return chosen


def _places(users: list[str], first: int, turns: int, salt: str) -> npt.NDArray[np.int64]:
    """0-based places, one in each of `turns` equal stretches behind the first place, rising."""
    edges = 1 + (first - 1) * np.arange(turns + 1) / max(turns, 1)
    drawn = [_hashes(f"{salt}|{turn}", users) for turn in range(turns)]
    places = [edges[turn] + u * (edges[turn + 1] - edges[turn]) for turn, u in enumerate(drawn)]
    return np.array(places, dtype=np.int64).reshape(turns, len(users)).T


def _insert(lists: ListBlock, new: npt.NDArray[np.int32], place: npt.NDArray[np.int64]) -> ListBlock:
    """Put one item into each list; new: int32, shape (n,), -1 = none; place: 0-based."""
    rows, k = np.flatnonzero(new >= 0), lists.items.shape[1]
    old, put = lists.items[rows], np.arange(len(rows))
    # It may stand further down: out with it there, and what is behind moves up.
    is_moved = old == new[rows, None]
    kept = np.argsort(is_moved, axis=1, kind="stable")
    length = ((old >= 0) & ~is_moved).sum(axis=1)
    at = np.minimum(place[rows], np.minimum(length, k - 1))
    # As much as what it pushes down, so that scores fall; at the end as much as the last one.
    above = np.where(at < length, at, np.maximum(length - 1, 0))
    score = np.where(length > 0, lists.scores[rows, kept[put, above]], 0)
    order = np.take_along_axis(kept, np.arange(k) - (np.arange(k) > at[:, None]), axis=1)
    is_used = np.arange(k) < np.minimum(length + 1, k)[:, None]

    def changed(column: npt.NDArray[_Number], single: npt.NDArray[Any] | int, pad: int) -> npt.NDArray[_Number]:
        result, moved = column.copy(), np.take_along_axis(column[rows], order, axis=1)
        moved[put, at] = single
        result[rows] = np.where(is_used, moved, pad)
        return result

    return ListBlock(
        lists.subjects,
        changed(lists.items, new[rows], PAD),
        changed(lists.scores, score, 0),
        changed(lists.reasons, int(Reason.NEW), int(Reason.UNKNOWN)),
        changed(lists.seeds, PAD, PAD),
    )


def _words(salt: str, names: list[str] | tuple[str, ...]) -> npt.NDArray[np.uint64]:
    return buckets_of(salt, (name.encode("utf-8", "surrogatepass") for name in names), HASH_SPACE).astype(np.uint64)


def _hashes(salt: str, names: list[str]) -> Floats:
    return _words(salt, names) / float(HASH_SPACE)


def _gumbel(words: npt.NDArray[np.uint64]) -> Floats:
    """Standard Gumbel numbers out of bits: the largest of utility + noise is a draw from the utilities' softmax.

    Bits are mixed by the finaliser of SplitMix64.
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    uniform = ((words ^ (words >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return np.asarray(-np.log(-np.log(np.clip(uniform, 1e-12, 1 - 1e-12))))
