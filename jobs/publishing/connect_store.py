"""Connect to the Redis-protocol store, one server or a cluster, and turn its errors into ours."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AskError, ClusterDownError, MovedError, NoPermissionError, RedisClusterException
from redis.retry import Retry

from reco_contracts.errors import ConfigError, PublishError, StoreUnavailableError
from reco_contracts.serving_settings import RedisSection

Store = redis.Redis


@contextmanager
def open_store(section: RedisSection) -> Iterator[Store]:
    """Give a connected client; errors of the store inside the block become ours.

    There are no retries in the client: each job is safe to repeat as a whole, and
    hidden retries turn a dead server into minutes of silence. The client of a cluster
    has the same methods; every command of ours names one key.

    Args:
        section: the [redis] settings.

    Raises:
        ConfigError: redis.cluster does not fit the server.
        StoreUnavailableError: the server cannot be reached, is still loading, or rejects the login.
        PublishError: the server refused a command.
    """
    with store_errors(section):
        client = _new_client(section)
        try:
            if not section.cluster:  # connecting to a cluster asked it for its nodes; a replica may be down
                client.ping()
            yield client
        finally:
            client.close()


@contextmanager
def store_errors(section: RedisSection) -> Iterator[None]:
    """Translate the client library's errors; see `open_store`."""
    where = readable_url(section.url)
    try:
        yield
    except NoPermissionError as error:
        raise StoreUnavailableError(
            f"{where} does not allow it to this user: {error}. docs/store.md names the rights that are needed."
        ) from error
    except redis.AuthenticationError as error:
        raise StoreUnavailableError(
            f"{where} rejects the login: {error}. Set RECO_REDIS__PASSWORD (and redis.username for an ACL user)."
        ) from error
    except (AskError, MovedError) as error:
        raise _moved(where, section) from error
    except RedisClusterException as error:
        raise _no_cluster(where, error) from error
    except (redis.ConnectionError, redis.TimeoutError, ClusterDownError, OSError) as error:
        raise StoreUnavailableError(
            f"no Redis-protocol server answers at {where}: {error}. "
            "Start one (`reco store start`), or set redis.url / RECO_REDIS__URL."
        ) from error
    except redis.OutOfMemoryError as error:
        raise PublishError(f"{where} is out of memory: {error}. Raise maxmemory or publish shorter lists.") from error
    except redis.ResponseError as error:
        raise PublishError(f"{where} refused a command: {error}") from error


def primaries(store: Store) -> dict[str, redis.Redis]:
    """The servers that take writes, by name; one that is no cluster is alone, under the name "".

    Args:
        store: from `open_store`.
    """
    if not isinstance(store, redis.RedisCluster):
        return {"": store}
    return {node.name: store.get_redis_connection(node) for node in store.get_primaries()}


def slot_shares(store: Store) -> dict[str, float]:
    """The share of all keys that each of `primaries` holds, by its slots."""
    if not isinstance(store, redis.RedisCluster):
        return {"": 1.0}
    owners = Counter(nodes[0].name for nodes in store.nodes_manager.slots_cache.values())
    return {name: owners[name] / owners.total() for name in primaries(store)}


def primary_of(store: Store, key: str | bytes | int) -> str:
    """The name of the server that holds a key; see `primaries`."""
    if not isinstance(store, redis.RedisCluster):
        return ""
    node: Any = store.get_node_from_key(key)
    return str(node.name)


def readable_url(url: str) -> str:
    """The address without user, password or query, for messages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _new_client(section: RedisSection) -> Store:
    options: dict[str, Any] = {
        "socket_connect_timeout": section.connect_timeout_seconds,
        "socket_timeout": section.timeout_seconds,
        "protocol": 2,
    }
    if section.username:
        options["username"] = section.username
    if section.password:
        options["password"] = section.password.get_secret_value()
    if section.cluster:
        # The one retry asks the cluster who holds what now.
        return cast(Store, redis.RedisCluster.from_url(section.url, retry=Retry(NoBackoff(), 1), **options))
    client: Store = redis.Redis.from_url(section.url, retry=Retry(NoBackoff(), 0), **options)
    return client


def _moved(where: str, section: RedisSection) -> Exception:
    if section.cluster:
        return PublishError(f"{where}: the cluster was moving slots meanwhile. Run it again when that is over.")
    return ConfigError(f"{where} is a node of a cluster; set redis.cluster = true (RECO_REDIS__CLUSTER=true).")


def _no_cluster(where: str, error: Exception) -> Exception:
    if "not enabled" in f"{error} {error.__cause__}":
        return ConfigError(f"{where} is no node of a cluster; set redis.cluster = false.")
    return StoreUnavailableError(f"no cluster answers at {where}: {error}. Set redis.url / RECO_REDIS__URL.")
