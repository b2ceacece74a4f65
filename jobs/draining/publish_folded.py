"""Write folded lists to the store, each beside what its user did lately."""

from datetime import datetime
from pathlib import Path
from typing import Final

from jobs.forgetting.tombstone_file import NOBODY, Forgotten
from jobs.publishing.connect_store import Store
from jobs.publishing.read_lists import stream_lists
from reco_contracts.folded_codec import FoldedList, folded_field, pack_folded
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.surfaces import HOME

_LISTS_A_FLUSH: Final = 1_000


def publish_folded(
    store: Store,
    keys: RedisKeys,
    manifest: GenerationManifest,
    path: Path,
    now: datetime,
    ttl_seconds: int,
    forgotten: Forgotten = NOBODY,
) -> int:
    """Write a file of home lists that were folded into a generation.

    Args:
        store: the connected store.
        keys: the namespace.
        manifest: of the generation.
        path: Parquet with `columns.LIST_COLUMNS`.
        now: UTC.
        ttl_seconds: how long a user's hash stays after its last change.
        forgotten: erased users, who get none.

    Returns:
        The number of lists.
    """
    field, at_ms, written = folded_field(HOME), int(now.timestamp() * 1000), 0
    for batch in stream_lists(path, manifest.n_items):
        lists = [one for one in zip(batch.subjects, batch.values, strict=True) if one[0] not in forgotten]
        for first in range(0, len(lists), _LISTS_A_FLUSH):
            with store.pipeline(transaction=False) as pipe:
                for user, value in lists[first : first + _LISTS_A_FLUSH]:
                    packed = pack_folded(FoldedList(manifest.generation, value), at_ms)
                    pipe.hset(keys.recent(user), field, packed)  # type: ignore[arg-type]  # bytes are a value
                    pipe.expire(keys.recent(user), ttl_seconds)
                pipe.execute()
        written += len(lists)
    return written
