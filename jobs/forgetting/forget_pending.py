"""`reco forget --pending`: the daily run's part, erasing whom the API or a killed run has left to it."""

from datetime import datetime
from typing import Any

from jobs.forgetting.exchange_tombstones import exchange_tombstones
from jobs.forgetting.tombstone_file import read_tombstones
from jobs.publishing.connect_store import open_store
from reco_contracts.errors import StoreUnavailableError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings

_log = get_logger(__name__)


def run(settings: Settings, now: datetime) -> dict[str, Any]:
    """Erase everybody whose tombstone is pending, and look again for those of the last days.

    A store that does not answer stops nothing: what it knows, and what it holds, is done by the next run.

    Args:
        settings: of the product.
        now: UTC.

    Returns:
        The summary, as of `forget_users.run`; short where nobody waits.

    Raises:
        RecoError: something is left, or another process holds the warehouse.
        ConfigError: the key of the tombstones is another one.
    """
    try:
        with open_store(settings.redis) as store:
            exchange_tombstones(store, settings, now)
    except StoreUnavailableError as error:
        _log.warning("the tombstones of the store come with the next run", error=str(error))
    found = read_tombstones(settings.layout)
    due = [*found.pending, *found.young(now)] if found else []
    if found is None or not due:
        return {"users": 0, "places": [], "waiting": 0}
    # On most days nobody waits, and a task need not wait for what erasing imports.
    from jobs.forgetting.forget_users import run_hashes

    try:
        return {**run_hashes(due, settings, now), "waiting": 0}
    except StoreUnavailableError as error:
        _log.warning("erased below the data folder alone", error=str(error))
        return {"users": 0, "places": [], "waiting": len(found.pending)}
