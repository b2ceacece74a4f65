"""One hash for everything that must agree in Python, SQL and Spark.

n is the first 15 hex digits of md5(salt, byte 0x1f, id in UTF-8) as an integer
(60 bits, so that it fits a signed BIGINT); u = n / 16^15; bucket = n mod buckets.
"""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SEPARATOR: Final = b"\x1f"
HASH_SPACE: Final = 16**15

# (salt, id, n): other languages test their own version against these.
TEST_VECTORS: Final = (
    ("lists", "1", 368226876017105680),
    ("lists", "user-42", 773301209703302226),
    ("lists", "żółć", 121185326443119120),
    ("", "", 779655023378579044),
)


def hash_id(salt: str, identifier: str) -> int:
    """Map an id to an integer in [0, 16^15), the same in every language.

    Args:
        salt: what the hash is for; different salts give independent hashes.
        identifier: the id, any text.

    Returns:
        The integer n of the module's definition.
    """
    digest = hashlib.md5(salt.encode() + SEPARATOR + identifier.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return int.from_bytes(digest.digest()[:8]) >> 4


def unit_interval(salt: str, identifier: str) -> float:
    """Map an id to u in [0, 1), uniform over ids."""
    return hash_id(salt, identifier) / HASH_SPACE


def bucket(salt: str, identifier: str, buckets: int) -> int:
    """Map an id to one of `buckets` buckets, 0-based."""
    return hash_id(salt, identifier) % buckets


def buckets_of(salt: str, identifiers: Iterable[bytes], buckets: int) -> "npt.NDArray[np.int64]":
    """Map many ids to buckets; four times as fast as one by one.

    Args:
        salt: as in `hash_id`.
        identifiers: ids in UTF-8.
        buckets: how many.

    Returns:
        int64, one bucket an id, in order.
    """
    import numpy as np  # settings import this module, and every command the settings

    prefix = salt.encode() + SEPARATOR
    digests = b"".join(hashlib.md5(prefix + identifier, usedforsecurity=False).digest() for identifier in identifiers)
    # 15 hex digits are the upper 60 bits of the first of the digest's two words.
    words = np.frombuffer(digests, dtype=">u8")[::2] >> np.uint64(4)
    return (words % np.uint64(buckets)).astype(np.int64)
