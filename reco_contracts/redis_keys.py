"""Every key in Redis. Nothing else may build a key.

Real keys carry no braces: a hash tag would put them all in one cluster slot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reco_contracts.hashing import bucket as hash_bucket
from reco_contracts.hashing import buckets_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LISTS_SALT: Final = "lists"

# Fields of the `current` hash.
CURRENT_GENERATION: Final = "generation"
CURRENT_MANIFEST: Final = "manifest"
PREVIOUS_GENERATION: Final = "previous_generation"
PREVIOUS_MANIFEST: Final = "previous_manifest"
CURRENT_PUBLISHER: Final = "publisher"


@dataclass(frozen=True, slots=True)
class RedisKeys:
    """The keys of one namespace.

    Attributes:
        namespace: prefix of every key, and Feast's project name.
    """

    namespace: str

    def current(self) -> str:
        """Hash: the live generation and its manifest, moved in one HSET."""
        return f"{self.namespace}:current"

    def generations(self) -> str:
        """Hash: generation -> manifest JSON, for every generation with keys in the store.

        Written before a generation's first bucket, so that a killed publisher
        leaves behind what the next run needs to clean up without a key scan.
        """
        return f"{self.namespace}:generations"

    def lists(self, generation: str, surface: str, variant: str, bucket: int) -> str:
        """Hash: subject -> packed list, about 64 subjects a bucket."""
        return f"{self.namespace}:lists:{generation}:{surface}:{variant}:{bucket}"

    def why(self, generation: str, surface: str, variant: str, bucket: int) -> str:
        """Hash: subject -> packed contributors of its list's first items; buckets as those of the lists."""
        return f"{self.namespace}:why:{generation}:{surface}:{variant}:{bucket}"

    def catalogue(self, generation: str, chunk: int) -> str:
        """String: one chunk of the generation's items (`manifests.CatalogueChunk`)."""
        return f"{self.namespace}:catalogue:{generation}:{chunk}"

    def rules(self) -> str:
        """String: the business rules that hold at read time (`live_rules.LiveRules`)."""
        return f"{self.namespace}:rules"

    def recent(self, user_id: str) -> str:
        """Hash: what a user did lately, a field an item, with what is like it; goes by itself."""
        return f"{self.namespace}:recent:{user_id}"

    def events(self, shard: int) -> str:
        """Stream: accepted events, until they are drained into landing."""
        return f"{self.namespace}:events:{shard}"

    def served(self, shard: int) -> str:
        """Stream: records of lists that were served, until they are drained into landing."""
        return f"{self.namespace}:served:{shard}"

    def api_keys(self) -> str:
        """Hash: name of a caller -> its hashed key and what it may do."""
        return f"{self.namespace}:keys"

    def forgotten(self) -> str:
        """Set: tombstones of erased users, keyed hashes of their ids, and the mark of the key that made them."""
        return f"{self.namespace}:forgotten"


def list_bucket(subject: str, buckets: int) -> int:
    """The bucket of a subject (a user, an item, or a popular list's name)."""
    return hash_bucket(LISTS_SALT, subject, buckets)


def list_buckets(subjects: Iterable[bytes], buckets: int) -> "npt.NDArray[np.int64]":
    """`list_bucket` of many subjects in UTF-8; int64, in order."""
    return buckets_of(LISTS_SALT, subjects, buckets)


def popular_subject(window_days: int, category: str = "") -> str:
    """The subject of a popular list.

    Args:
        window_days: days of history that the list counts.
        category: a category at any level, or "" for the whole catalogue.
    """
    return f"{window_days}|{category}"
