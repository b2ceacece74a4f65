"""Live rules in the store: read, and changed by one at a time."""

from collections.abc import Callable

import redis

from jobs.publishing.connect_store import Store
from reco_contracts.errors import ContractError, PublishError
from reco_contracts.live_rules import LiveRules, decode_live_rules, encode_live_rules
from reco_contracts.logs import get_logger
from reco_contracts.redis_keys import RedisKeys

_log = get_logger(__name__)
_ATTEMPTS = 5


def read_live_rules(store: Store, keys: RedisKeys) -> LiveRules | None:
    """What the API is told to hold; None where nothing was pushed yet.

    Raises:
        ContractError: the value cannot be read.
    """
    value = store.get(keys.rules())
    return decode_live_rules(value) if isinstance(value, bytes) else None


def change_live_rules(store: Store, keys: RedisKeys, change: Callable[[LiveRules], LiveRules]) -> LiveRules:
    """Write what a change makes of the rules that are there.

    A value that cannot be read is replaced: the processes of the API keep the last
    good rules meanwhile, and nobody could be helped by keeping it.

    Args:
        store: the connected store.
        keys: the namespace.
        change: called again where somebody else changed them meanwhile.

    Returns:
        The rules as they are now.

    Raises:
        PublishError: others change them all the time.
    """
    key = keys.rules()
    for _ in range(_ATTEMPTS):
        with store.pipeline(transaction=True) as transaction:
            transaction.watch(key)  # type: ignore[no-untyped-call]
            value = transaction.get(key)
            written = encode_live_rules(change(_readable(value if isinstance(value, bytes) else None)))
            transaction.multi()
            transaction.set(key, written)
            try:
                transaction.execute()
            except redis.WatchError:
                continue
            return decode_live_rules(written)
    raise PublishError(f"{key} was changed by somebody else {_ATTEMPTS} times in a row; try again")


def _readable(value: bytes | None) -> LiveRules:
    try:
        return decode_live_rules(value) if value else LiveRules()
    except ContractError as error:
        _log.warning("the live rules in the store could not be read and are replaced", error=str(error))
        return LiveRules()
