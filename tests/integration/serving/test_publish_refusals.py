"""A store that cannot take the lists is told with numbers and a remedy, and nothing is switched."""

import socket
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from serving_scenes import generation_keys, settings_for

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing import publish_lists
from jobs.publishing.embedded_store import StoreOptions, embedded_store
from jobs.publishing.generation_store import record_generation
from jobs.publishing.publish_lists import run
from reco_contracts.errors import PublishError, StoreUnavailableError

NAME = "20240501-001"
SHAPE = FolderShape(users=2_000, items=200, k=50)


def test_lists_longer_than_the_compact_encoding_holds_are_refused(tmp_path: Path) -> None:
    options = StoreOptions(extra={"hash-max-listpack-value": "64"})  # a server's own default
    with embedded_store(tmp_path / "store", options) as server:
        settings = settings_for(server.url, tmp_path)
        write_list_folder(settings.layout, NAME, SHAPE)
        with pytest.raises(PublishError, match="CONFIG SET hash-max-listpack-value 554"):
            run(NAME, settings)
        with redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0
            client.config_set("hash-max-listpack-value", 554)
        assert run(NAME, settings)["state"] == "published"


def test_buckets_fuller_than_the_compact_encoding_holds_are_refused(tmp_path: Path) -> None:
    options = StoreOptions(extra={"hash-max-listpack-entries": "32"})
    with embedded_store(tmp_path / "store", options) as server:
        settings = settings_for(server.url, tmp_path)
        write_list_folder(settings.layout, NAME, SHAPE)
        with pytest.raises(PublishError, match="CONFIG SET hash-max-listpack-entries"):
            run(NAME, settings)


def test_a_generation_larger_than_the_memory_limit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store", StoreOptions(extra={"maxmemory": "2mb"})) as server:
        settings = settings_for(server.url, tmp_path)
        write_list_folder(settings.layout, NAME, SHAPE)
        with pytest.raises(
            PublishError, match=r"needs about 1\.\d MB, the store has room for .* MB \(maxmemory 2\.1 MB"
        ):
            run(NAME, settings)
        with redis.Redis.from_url(server.url) as client:
            assert not client.exists(settings.keys.current(), settings.keys.generations())


def test_the_room_of_what_will_be_unlinked_counts(tmp_path: Path) -> None:
    """Three generations would not fit, two do: the oldest goes first."""
    with embedded_store(tmp_path / "store") as server:
        settings = settings_for(server.url, tmp_path)
        names = [f"2024050{day}-001" for day in (1, 2, 3)]
        for day, name in enumerate(names, start=1):
            shape = FolderShape(users=5_000, items=200, run_date=date(2024, 5, day))
            write_list_folder(settings.layout, name, shape)
        run(names[0], settings)
        run(names[1], settings)
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_000_000)
            assert run(names[2], settings)["unlinked"] == [names[0]]
            assert generation_keys(client, settings, names[0]) == 0


def test_an_eviction_policy_that_may_take_lists_is_warned_about(tmp_path: Path) -> None:
    options = StoreOptions(extra={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"})
    with embedded_store(tmp_path / "store", options) as server:
        settings = settings_for(server.url, tmp_path)
        write_list_folder(settings.layout, NAME, SHAPE)
        assert "noeviction" in run(NAME, settings)["warnings"][0]


def test_a_user_who_may_not_read_the_configuration_publishes_with_a_warning(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store", StoreOptions(password="admin secret")) as server:
        with redis.Redis.from_url(server.url, password="admin secret") as client:
            client.execute_command("ACL", "SETUSER", "publisher", "on", ">its secret", "~*", "+@all", "-config")
        login = {"username": "publisher", "password": "its secret"}
        settings = settings_for(server.url, tmp_path, redis=login)
        write_list_folder(settings.layout, NAME, SHAPE)
        assert "CONFIG GET is not allowed" in run(NAME, settings)["warnings"][0]


def test_a_wrong_password_is_told_without_showing_it(tmp_path: Path) -> None:
    with embedded_store(tmp_path / "store", StoreOptions(password="right")) as server:
        settings = settings_for(server.url, tmp_path, redis={"password": "wrong-one"})
        write_list_folder(settings.layout, NAME, SHAPE)
        with pytest.raises(StoreUnavailableError, match="RECO_REDIS__PASSWORD") as caught:
            run(NAME, settings)
        assert "wrong-one" not in str(caught.value)


def test_no_server_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets this port
        settings = settings_for(f"redis://:hidden@127.0.0.1:{taken.getsockname()[1]}/0", tmp_path)
        write_list_folder(settings.layout, NAME, SHAPE)
        with pytest.raises(StoreUnavailableError, match="reco store start") as caught:
            run(NAME, settings)
        assert "hidden" not in str(caught.value)


def test_a_store_that_fills_up_meanwhile_keeps_the_old_generation_and_takes_writes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory was there when it was checked; then somebody else took it."""
    names = ["20240501-001", "20240502-001"]
    with embedded_store(tmp_path / "store") as server, redis.Redis.from_url(server.url) as client:
        settings = settings_for(server.url, tmp_path)
        for day, name in enumerate(names, start=1):
            shape = FolderShape(users=20_000, items=200, run_date=date(2024, 5, day))
            write_list_folder(settings.layout, name, shape)
        run(names[0], settings)

        def fill(*arguments: Any) -> None:
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 3_000_000)
            record_generation(*arguments)

        monkeypatch.setattr(publish_lists, "record_generation", fill)
        with pytest.raises(PublishError, match="is out of memory"):
            run(names[1], settings)
        assert client.hget(settings.keys.current(), "generation") == names[0].encode()
        assert generation_keys(client, settings, names[0]) > 300
        assert generation_keys(client, settings, names[1]) == 0
        assert client.hkeys(settings.keys.generations()) == [names[0].encode()]
        assert client.set("somebody:else", b"x" * 100_000), "the store is full for everybody"

        monkeypatch.undo()
        client.config_set("maxmemory", 0)
        assert run(names[1], settings)["previous_generation"] == names[0]
