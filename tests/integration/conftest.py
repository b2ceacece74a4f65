"""A real store for the tests that need one: one server a session, a namespace and a data folder a test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import redis

from jobs.publishing.embedded_store import StoreAddress, embedded_store
from reco_contracts.settings import Settings, load_settings

_NAMESPACES = count(1)


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    """The embedded server, on a free port, without persistence."""
    with embedded_store(tmp_path_factory.mktemp("store")) as address:
        yield address


@pytest.fixture
def store_settings(store_server: StoreAddress, tmp_path: Path) -> Settings:
    """Settings with a namespace and a data folder of this test's own."""
    return load_settings(
        project={"namespace": f"test_{next(_NAMESPACES)}"},
        paths={"data": str(tmp_path / "data")},
        redis={"url": store_server.url},
    )


@pytest.fixture
def store(store_settings: Settings) -> Iterator[redis.Redis]:
    """A client for looking at what is in the store."""
    with redis.Redis.from_url(store_settings.redis.url) as client:
        yield client
