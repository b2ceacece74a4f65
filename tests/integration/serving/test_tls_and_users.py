"""Publishing through TLS, logged in as a user who may do no more than publishing needs."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import redis
from serving_scenes import generation_keys, settings_for
from tls_front import tls_front

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.connect_store import open_store
from jobs.publishing.embedded_store import StoreAddress, StoreOptions, embedded_store
from jobs.publishing.generation_store import find_losses, read_pointer
from jobs.publishing.publish_lists import renew, run
from jobs.publishing.rollback_generation import run as roll_back
from reco_contracts.errors import StoreUnavailableError
from reco_contracts.settings import Settings

NAMES = ("20240501-001", "20240502-001", "20240503-001")
# As docs/store.md says it.
RIGHTS = (
    "-@all +ping +info +config|get +client|setinfo "
    "+get +set +hget +hmget +hgetall +hset +hdel +hlen +exists +expireat +unlink +watch +unwatch +multi +exec "
    "+smembers +sadd +scard"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreAddress]:
    """A store with a user who may only publish in the namespace `shop`, and Feast's keys of that project."""
    with embedded_store(tmp_path_factory.mktemp("store"), StoreOptions(password="admin's")) as address:
        with redis.Redis.from_url(address.url, password="admin's") as client:
            client.execute_command(
                "ACL", "SETUSER", "publisher", "on", ">its secret", "~shop:*", "~*shop", *RIGHTS.split()
            )
        yield address


@pytest.fixture(scope="module")
def front(server: StoreAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    with tls_front(server.port, tmp_path_factory.mktemp("tls")) as port_and_certificate:
        yield port_and_certificate


def settings_of(url: str, data: Path, namespace: str = "shop") -> Settings:
    login = {"username": "publisher", "password": "its secret"}
    settings = settings_for(url, data, redis=login, project={"namespace": namespace})
    for day, name in enumerate(NAMES, start=1):
        shape = FolderShape(users=2_000, run_date=date(2024, 5, day), has_why=True)
        write_list_folder(settings.layout, name, shape)
    return settings


def test_generations_are_published_and_rolled_back_through_tls(
    server: StoreAddress, front: tuple[int, Path], tmp_path: Path
) -> None:
    port, certificate = front
    settings = settings_of(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}", tmp_path)
    for name in NAMES:
        assert run(name, settings)["state"] == "published"
    assert roll_back(settings)["generation"] == NAMES[1]
    assert renew(settings)["renewed"] == [NAMES[1]]
    with open_store(settings.redis) as store:
        live = read_pointer(store, settings.keys).live
        assert live
        assert find_losses(store, settings.keys, live) == []
    with redis.Redis.from_url(server.url, password="admin's") as client:
        assert generation_keys(client, settings, NAMES[0]) == 0


def test_a_certificate_that_nobody_vouches_for_is_refused(front: tuple[int, Path], tmp_path: Path) -> None:
    settings = settings_of(f"rediss://127.0.0.1:{front[0]}/0", tmp_path)
    with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
        run(NAMES[0], settings)


def test_a_user_who_may_not_touch_the_namespace_is_told(server: StoreAddress, tmp_path: Path) -> None:
    settings = settings_of(server.url, tmp_path, namespace="elsewhere")
    with pytest.raises(StoreUnavailableError, match="does not allow it to this user: No permissions"):
        run(NAMES[0], settings)
