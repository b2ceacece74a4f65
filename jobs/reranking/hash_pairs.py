"""Numbers that look drawn, and are a hash of user and item: the same in every block, on every machine."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reco_contracts.hashing import HASH_SPACE, buckets_of


def id_words(salt: str, names: Sequence[str]) -> npt.NDArray[np.uint64]:
    """60 bits of each id; two of them, one of a user and one of an item, are joined with `^`.

    Args:
        salt: what the numbers are for.
        names: ids.
    """
    return buckets_of(salt, (name.encode("utf-8", "surrogatepass") for name in names), HASH_SPACE).astype(np.uint64)


def mix_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the result depends on every bit of the word."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def uniform_of(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Words mixed, as numbers in [0, 1)."""
    return (mix_words(words) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
