"""Keep the tombstones of the store and those of the data folder the same.

The API writes to the store alone, and landing reads the disk alone. A store that lost
its data gets them back.
"""

from datetime import datetime
from typing import Any

from jobs.forgetting.tombstone_file import add_tombstones, read_tombstones
from jobs.publishing.connect_store import Store
from reco_contracts.errors import ConfigError
from reco_contracts.settings import Settings
from reco_contracts.tombstones import MARK_PREFIX, erasure_key, key_mark


def exchange_tombstones(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Bring the tombstones of the store to disk, and those of the disk to the store.

    Returns:
        The hashes that the disk did not know.

    Raises:
        ConfigError: the store's were made with another key.
    """
    found: Any = store.smembers(settings.keys.forgotten())
    members = {member.decode() for member in found}
    marks = {member for member in members if member.startswith(MARK_PREFIX)}
    known = read_tombstones(settings.layout)
    if not members and (known is None or not known.users):
        return []
    mark = key_mark(erasure_key(settings.layout, settings.erasure.key))
    if marks - {mark}:
        raise ConfigError(
            f"{settings.keys.forgotten()} holds tombstones of another key ({', '.join(sorted(marks))}) than the one in "
            f"force here ({mark}): the API and the jobs need the same. Give both the same RECO_ERASURE__KEY"
        )
    new = add_tombstones(settings, dict.fromkeys(members - marks), now)
    store.sadd(settings.keys.forgotten(), mark, *(known.users if known else ()))
    return new
