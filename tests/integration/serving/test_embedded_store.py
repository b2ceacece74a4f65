"""The embedded store: its own process, its own files, this machine only."""

import os
import socket
import stat
from pathlib import Path

import pytest
import redis

from jobs.publishing.embedded_store import StoreOptions, embedded_store, running_store
from reco_contracts.errors import ConfigError, StoreUnavailableError


def test_it_takes_the_wanted_port_or_another_and_says_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with embedded_store(tmp_path, StoreOptions(port=port)) as store:
            assert store.is_substitute_port
            assert store.port != port
    with embedded_store(tmp_path, StoreOptions(port=port)) as store:
        assert (store.port, store.is_substitute_port) == (port, False)


def test_it_listens_on_loopback_and_hides_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "store"
    with embedded_store(folder, StoreOptions(is_durable=True)) as store, redis.Redis.from_url(store.url) as client:
        client.set("key", "value")
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "store.log", folder / "appendonlydir")]
        assert [mode & 0o077 for mode in modes] == [0, 0, 0]


def test_it_stops_its_own_process_and_leaves_no_address_behind(tmp_path: Path) -> None:
    with embedded_store(tmp_path) as store:
        assert running_store(tmp_path) == store
        with redis.Redis.from_url(store.url) as client:
            assert client.info("server")["process_id"] == store.pid
    with pytest.raises(ProcessLookupError):
        os.kill(store.pid, 0)
    assert running_store(tmp_path) is None


def test_a_second_store_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        embedded_store(tmp_path) as store,
        pytest.raises(ConfigError, match=f"process {store.pid}"),
        embedded_store(tmp_path),
    ):
        pass


def test_an_address_left_by_a_killed_parent_is_not_believed(tmp_path: Path) -> None:
    with embedded_store(tmp_path):
        left = (tmp_path / "store.json").read_bytes()
    (tmp_path / "store.json").write_bytes(left)
    assert running_store(tmp_path) is None
    with embedded_store(tmp_path) as store:
        assert running_store(tmp_path) == store


def test_durable_data_survives_a_restart_and_volatile_data_does_not(tmp_path: Path) -> None:
    for is_durable, expected in ((True, b"value"), (False, None)):
        folder = tmp_path / str(is_durable)
        for _ in range(2):
            options = StoreOptions(is_durable=is_durable)
            with embedded_store(folder, options) as store, redis.Redis.from_url(store.url) as client:
                found = client.get("key")
                client.set("key", "value")
        assert found == expected


def test_a_password_is_asked_for_and_is_in_no_process_list(tmp_path: Path) -> None:
    with embedded_store(tmp_path, StoreOptions(password='with "quotes" \\ and #')) as store:
        with redis.Redis.from_url(store.url) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        with redis.Redis.from_url(store.url, password='with "quotes" \\ and #') as client:
            assert client.ping()
        assert b"quotes" not in Path(f"/proc/{store.pid}/cmdline").read_bytes()


def test_a_server_that_cannot_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreUnavailableError, match="did not start"),
        embedded_store(tmp_path, StoreOptions(extra={"maxmemory": "nonsense"})),
    ):
        pass
