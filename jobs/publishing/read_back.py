"""Read a generation back before it goes live, and compare."""

from collections.abc import Collection
from typing import Any

from jobs.publishing.connect_store import Store
from jobs.publishing.generation_store import Kind, bucket_key, count_lists, sizes_of, tables
from jobs.publishing.read_lists import table_file, table_stream
from reco_contracts.artifacts import Layout
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
    store: Store,
    keys: RedisKeys,
    manifest: GenerationManifest,
    surface: str,
    variant: str,
    sample: Sample,
    kind: Kind = "lists",
) -> None:
    """Compare the number of lists and the sampled lists with what was written.

    Raises:
        PublishError: a list is missing, doubled or different.
    """
    size = sizes_of(manifest, kind)[surface][variant]
    counted = count_lists(store, keys, manifest, surface, variant, kind)
    if counted != size.subjects:
        raise PublishError(
            f"{_named(manifest, surface, variant, kind)}: {size.subjects:,} lists written, {counted:,} in the store "
            "(a subject that occurs twice counts once). The pointer has not moved."
        )
    stored = _stored_lists(store, keys, manifest, surface, variant, sample.lists, kind)
    different = [subject for (subject, value), got in zip(sample.lists.items(), stored, strict=True) if got != value]
    if different:
        raise PublishError(
            f"{_named(manifest, surface, variant, kind)}: {len(different)} of {len(stored)} sampled lists read back "
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


def check_same_lists(
    store: Store, keys: RedisKeys, live: GenerationManifest, folder: GenerationManifest, layout: Layout, size: int
) -> None:
    """Make sure that a folder holds what is live under its name.

    A folder that was removed and ranked again takes the old name. A list that the store
    lacks is no difference: it was lost, or its user was erased.

    Args:
        store: the connected store.
        keys: the namespace.
        live: the live generation.
        folder: the manifest that the folder would be published with; its generation is the live one's.
        layout: the data folder.
        size: lists to compare of each surface and variant.

    Raises:
        PublishError: something differs.
    """
    told = [(one.run_date, one.model_version, one.n_items, sorted(tables(one))) for one in (live, folder)]
    is_same = told[0] == told[1]
    for kind, surface, variant in tables(folder) if is_same else ():
        path = table_file(layout, folder.generation, kind, surface, variant)
        batch = next(table_stream(kind, path, folder.n_items), None)
        if batch is None:
            continue
        sample = Sample(len(batch.subjects), size)
        sample.take(batch.subjects, batch.values)
        stored = _stored_lists(store, keys, live, surface, variant, sample.lists, kind)
        is_same &= all(got in (None, value) for value, got in zip(sample.lists.values(), stored, strict=True))
    if not is_same:
        raise PublishError(
            f"{live.generation} is live with other lists than {layout.lists / live.generation} holds: the folder was "
            "removed and made again under its old name. What is live stays. Run `reco rank` once more, which takes "
            "the next name, and publish that."
        )


def _named(manifest: GenerationManifest, surface: str, variant: str, kind: Kind) -> str:
    return f"{manifest.generation} {surface}/{variant}" + (", contributors" if kind == "why" else "")


def _stored_lists(
    store: Store,
    keys: RedisKeys,
    manifest: GenerationManifest,
    surface: str,
    variant: str,
    subjects: Collection[str],
    kind: Kind,
) -> list[Any]:
    """The packed value of each subject; None where the store has none."""
    buckets = sizes_of(manifest, kind)[surface][variant].buckets
    with store.pipeline(transaction=False) as pipe:
        for subject in subjects:
            pipe.hget(bucket_key(keys, manifest, surface, variant, list_bucket(subject, buckets), kind), subject)
        return list(pipe.execute())
