"""Read a generation back before it goes live, and compare."""

from typing import Any

from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import count_lists
from reco_contracts.errors import PublishError
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys, list_bucket


class Sample:
    """Lists to compare after writing, evenly spread over the rows of a file.

    Args:
        subjects: rows of the file.
        size: lists to keep; a smaller file is kept whole.
    """

    def __init__(self, subjects: int, size: int) -> None:
        """See the class."""
        self._step = max(1, subjects // size)
        self._seen = 0
        self.lists: dict[str, bytes] = {}

    def take(self, subjects: list[str], values: list[bytes]) -> None:
        """Look at the next rows of the file and keep those whose turn it is."""
        for row in range(-self._seen % self._step, len(subjects), self._step):
            self.lists[subjects[row]] = values[row]
        self._seen += len(subjects)


def check_lists(
    store: Store, keys: RedisKeys, manifest: GenerationManifest, surface: str, variant: str, sample: Sample
) -> None:
    """Compare the number of lists and the sampled lists with what was written.

    Raises:
        PublishError: a list is missing, doubled or different.
    """
    size = manifest.surfaces[surface][variant]
    counted = count_lists(store, keys, manifest, surface, variant)
    if counted != size.subjects:
        raise PublishError(
            f"{manifest.generation} {surface}/{variant}: {size.subjects:,} lists written, {counted:,} in the store "
            "(a subject that occurs twice counts once). The pointer has not moved."
        )
    with store.pipeline(transaction=False) as pipe:
        for subject in sample.lists:
            bucket = list_bucket(subject, size.buckets)
            pipe.hget(keys.lists(manifest.generation, surface, variant, bucket), subject)
        stored = pipe.execute()
    different = [subject for (subject, value), got in zip(sample.lists.items(), stored, strict=True) if got != value]
    if different:
        raise PublishError(
            f"{manifest.generation} {surface}/{variant}: {len(different)} of {len(stored)} sampled lists read back "
            f"differently, first {different[0]!r}. The pointer has not moved."
        )


def check_catalogue(store: Store, keys: RedisKeys, manifest: GenerationManifest, chunks: list[bytes]) -> None:
    """Compare every catalogue chunk with what was written.

    Raises:
        PublishError: a chunk is missing or different.
    """
    for number, chunk in enumerate(chunks):
        stored: Any = store.get(keys.catalogue(manifest.generation, number))
        if stored != chunk:
            raise PublishError(
                f"{manifest.generation}: catalogue chunk {number} read back differently. The pointer has not moved."
            )
