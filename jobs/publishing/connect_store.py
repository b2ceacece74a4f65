"""Connect to the Redis-protocol store, and turn its errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from reco_contracts.errors import PublishError, StoreUnavailableError
from reco_contracts.serving_settings import RedisSection

Store = redis.Redis


@contextmanager
def open_store(section: RedisSection) -> Iterator[Store]:
    """Give a connected client; errors of the store inside the block become ours.

    There are no retries in the client: each job is safe to repeat as a whole, and
    hidden retries turn a dead server into minutes of silence.

    Args:
        section: the [redis] settings.

    Raises:
        StoreUnavailableError: the server cannot be reached, is still loading, or rejects the login.
        PublishError: the server refused a command.
    """
    client = _new_client(section)
    try:
        with store_errors(section):
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
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise StoreUnavailableError(
            f"{where} rejects the login: {error}. Set RECO_REDIS__PASSWORD (and redis.username for an ACL user)."
        ) from error
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        raise StoreUnavailableError(
            f"no Redis-protocol server answers at {where}: {error}. "
            "Start one (`reco store start`), or set redis.url / RECO_REDIS__URL."
        ) from error
    except redis.OutOfMemoryError as error:
        raise PublishError(f"{where} is out of memory: {error}. Raise maxmemory or publish shorter lists.") from error
    except redis.ResponseError as error:
        raise PublishError(f"{where} refused a command: {error}") from error


def readable_url(url: str) -> str:
    """The address without user, password or query, for messages."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _new_client(section: RedisSection) -> Store:
    login: dict[str, str] = {}
    if section.username:
        login["username"] = section.username
    if section.password:
        login["password"] = section.password.get_secret_value()
    client: Store = redis.Redis.from_url(
        section.url,
        socket_connect_timeout=section.connect_timeout_seconds,
        socket_timeout=section.timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **login,
    )
    return client
